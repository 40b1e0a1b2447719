"""PyTorch models: their layers, and what those return."""

import sys
from collections import defaultdict
from contextlib import ExitStack, contextmanager
from functools import partial, wraps

import numpy as np
import torch
from torch.nn.utils.parametrize import is_parametrized

from drillcore.base.errors import InputError
from drillcore.extraction.inputs import count, cycled, each
from drillcore.extraction.units import check_rows, pooled_blocks
from drillcore.frameworks.layers import UNCALLED, Tree, described, observed, said_of, tensor_at, uncompiled

TRANSPOSED = torch.nn.ConvTranspose1d, torch.nn.ConvTranspose2d, torch.nn.ConvTranspose3d


def owns(model):
    """Whether `model` is a PyTorch model."""
    return isinstance(model, torch.nn.Module)


def observe(model, inputs):
    """Return the `Observed` layers of `model`, in the order of its definition: what they do in evaluation mode.

    Called are 2 and 3 of the samples of `inputs`, of any number; the helpers that compute a parametrized weight are no
    layers.
    """
    modules = layers_of(model)
    sizes = {name: sum(weight.numel() for weight in module.parameters()) for name, module in modules.items()}
    fewer, more = (shapes_of(model, modules, inputs, number) for number in (2, 3))
    return observed(sizes, fewer, more, lambda shapes: Tree(shapes, sizes).kinds())


def layers_of(model):
    """Every module within `model` by name, but for what parametrizes another.

    What torch.compile has wrapped has the name that it had before.
    """
    modules, helpers = {}, ()
    for name, module in model.named_modules():
        name = uncompiled(name)  # it comes after its wrapper
        if isinstance(module, torch.jit.ScriptModule) and not name:
            raise InputError(
                "The model is in TorchScript, which shows no layers' outputs: take the model as it was before torch.jit."
            )
        if is_parametrized(module):
            helpers = (*helpers, f"{name}.parametrizations".removeprefix("."))
        if name and not any(f"{name}.".startswith(f"{helper}.") for helper in helpers):
            modules[name] = module
    return modules


def shapes_of(model, modules, inputs, number):
    """What `said_of` says of the output of each of `modules` that `model` calls for a `number` of samples, in a dict."""
    scripted = {name for name, module in modules.items() if isinstance(module, torch.jit.ScriptModule)}
    shapes = {name: {"": "is in TorchScript, which shows no outputs"} for name in scripted}
    rows = cycled(inputs, number)

    def describe(tensor):
        return "returns complex numbers, not real ones" if tensor.is_complex() else described(tensor.shape, number)

    def note(name, output):
        shapes[name] = said_of(output, torch.is_tensor, describe)

    shown = {name: module for name, module in modules.items() if name not in scripted}
    with evaluating(model), observing(shown, note), torch.no_grad():
        call(model, each(inputs, lambda array: torch.as_tensor(array)[rows]))
    return shapes


def call(model, inputs):
    """What `model` makes of `inputs`: a tensor or array, or several by the names or the order of its arguments."""
    tensors = each(inputs, lambda array: as_input(array, model))
    if isinstance(tensors, dict):
        return model(**tensors)
    return model(*tensors) if isinstance(tensors, tuple) else model(tensors)


@contextmanager
def observing(layers, take):
    """Call `take(name, output)` in the block whenever one of `layers`, modules by name, returns an output.

    Code that torch.compile has compiled passes hooks by, so that what it was made from runs instead.
    """
    with ExitStack() as stack:
        if "torch._dynamo" in sys.modules:  # as it is once anything was compiled; it is slow to load
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        for name, module in layers.items():
            stack.enter_context(watched(module, partial(take, name)))
        yield


@contextmanager
def watched(module, take):
    """Call `take(output)` in the block whenever `module` or its `forward` is called.

    A hook sees a call, with what hooks of others make of the output; it does not see a network that calls `forward`.
    """
    forward, before, calls = module.forward, vars(module).get("forward"), []

    @wraps(forward)
    def direct(*inputs, **named):
        called = bool(calls) and calls.pop()
        output = forward(*inputs, **named)
        if not called:
            take(output)
        return output

    hooks = (
        module.register_forward_pre_hook(lambda *_: calls.append(True)),
        module.register_forward_hook(lambda *call: take(call[-1])),
    )
    module.forward = direct
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        del module.forward
        if before:
            module.forward = before


@contextmanager
def evaluating(model):
    """Put `model` in evaluation mode for the block, and each of its modules back into its own mode after it."""
    modes = {module: module.training for module in model.modules()}
    try:
        model.eval()
    except NotImplementedError:
        raise InputError(
            "The model was made by torch.export, which leaves no layers: take it as it was before."
        ) from None
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def as_input(images, model):
    """Return `images`, an array or a tensor, as `model` takes them: on its device and, if they are floats, in its precision.

    Both are those of its first parameter, or of its first of floats.
    """
    images, parameters = torch.as_tensor(images), list(model.parameters())
    precisions = [parameter.dtype for parameter in parameters if parameter.dtype.is_floating_point]
    dtype = precisions[0] if precisions and images.is_floating_point() else images.dtype
    return images.to(parameters[0].device if parameters else images.device, dtype)


def stream(model, batches, sources, units):
    """Yield for each batch a dict of what `units` keep of the layers that have `sources`, float32, copied, in evaluation
    mode."""
    with evaluating(model), capturing(model, sources, units) as (outputs, totals):
        for inputs in batches:
            outputs.clear()
            with torch.no_grad():
                call(model, inputs)
            for layer in sources:
                if layer not in outputs:
                    raise InputError(f"The layer {layer!r} {UNCALLED}: choose others.")
            kept_of_batch = check_rows({layer: outputs[layer] for layer in sources}, count(inputs), units)
            units.add_totals(totals, kept_of_batch)
            yield kept_of_batch


def predict(model, batches):
    """Yield for each batch what `model` returns, float32, in evaluation mode."""
    with evaluating(model):
        for inputs in batches:
            with torch.no_grad():
                yield call(model, inputs).to("cpu", torch.float32).numpy()


@contextmanager
def capturing(model, sources, units):
    """Yield a dict that holds, after each call of `model`, what `units` keep of the layers that have `sources`, as arrays of
    their own, and one of their `totals` where those are asked for."""
    outputs, totals, modules, wanted = {}, {}, layers_of(model), defaultdict(list)
    for layer, source in sources.items():
        wanted[source.module].append((layer, source.place))

    def capture(module, output):
        for layer, place in wanted[module]:
            tensor = tensor_at(output, torch.is_tensor, place)
            if tensor is None:
                raise InputError(f"The layer {layer!r} returns no tensor for some of the samples: choose others.")
            tensor = arranged(tensor.detach(), layer, units)
            if units.activity:
                totals[layer] = totals_of(tensor)
            chosen = kept(tensor, layer, units)
            # An in-place ReLU further on would rewrite what is only referred to.
            shared = chosen.data_ptr() == tensor.data_ptr()
            outputs[layer] = chosen.to("cpu", torch.float32, copy=shared).numpy()

    with observing({module: modules[module] for module in wanted}, capture):
        yield outputs, totals


def arranged(output, layer, units):
    """The `output` of `layer` as `units` are taken of it, (samples, ...).

    Pooled are (batch, channels, height, width), or any other number of axes behind the channels, over space, and the tokens
    of (batch, tokens, channels).
    """
    if units.how == "tokens":
        units.check_tokens(output.shape, layer)
        return output.flatten(0, 1)
    if units.how == "token" and output.ndim == 3:
        return units.at_token(output, layer)
    if units.how != "pool" or output.ndim <= 2:
        return output
    if output.device.type == "mps":  # which has no float64
        output = output.cpu()
    axes = 1 if output.ndim == 3 else tuple(range(2, output.ndim))
    blocks = pooled_blocks(len(output), output[0].numel())
    return torch.cat([output[rows].mean(axes, dtype=torch.float64) for rows in blocks])


def totals_of(output):
    """Of an `output` (batch, ...) the sum of the absolute values of each unit over the batch, and how many values are zero.

    Without cancellation the sums of a batch lose nothing that matters in float32.
    """
    sums = output.abs().sum(0, dtype=torch.promote_types(output.dtype, torch.float32))
    return sums.flatten().cpu().numpy(), output.numel() - int(torch.count_nonzero(output.ne(0)))


def kept(output, layer, units):
    """What `units` keep of the `output` of `layer`: (batch, units), on its device, or the whole where they say nothing."""
    if units.how is None:
        return output
    chosen = units.choose(layer, output[0].numel())
    if chosen is None:
        return output.reshape(len(output), -1)
    # From where each unit lies in memory: a convolution's channels often are last there, and to flatten would copy all.
    offsets = np.dot(output.stride()[1:], np.unravel_index(chosen, output.shape[1:]))
    rows = output.as_strided((len(output), offsets.max() + 1), (output.stride(0), 1))
    return rows.gather(1, torch.from_numpy(offsets).to(output.device).expand(len(output), -1))


def weight_matrices(model):
    """The weights of `model` that are matrices or kernels, as float32 (outputs, inputs).

    A parameter that is no module's weight and has a single row or column is none: it is added or multiplied, as a class
    token and a scale are.
    """
    groups = {id(module.weight): module.groups for module in model.modules() if isinstance(module, TRANSPOSED)}
    matrices = {}
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1:
            array = parameter.detach().float().cpu().numpy()
            if id(parameter) in groups:
                array = outputs_first(array, groups[id(parameter)])
            matrix = array.reshape(len(array), -1)
            if "weight" in name.rpartition(".")[2] or 1 not in matrix.shape:
                matrices[uncompiled(name)] = matrix
    return matrices


def outputs_first(kernel, groups):
    """The kernel (inputs, outputs / groups, ...) of a transposed convolution as (outputs, inputs / groups, ...)."""
    inputs, outputs, *size = kernel.shape
    return kernel.reshape(groups, inputs // groups, outputs, *size).swapaxes(1, 2).reshape(groups * outputs, -1, *size)


def state_of(model, layer):
    """Copies of the weights and running statistics of `layer`, a dict of tensors; empty where it has none."""
    module = layers_of(model).get(layer)
    return {} if module is None else {name: value.clone() for name, value in module.state_dict().items()}


def restore_state(model, layer, state):
    """Give `layer` what `state_of` returned for it."""
    layers_of(model)[layer].load_state_dict(state)


def surface(model, loss):
    """The loss of `model` as a function of its trainable weights, a `Surface`."""
    from drillcore.frameworks.torch_surface import Surface

    return Surface(model, loss)
