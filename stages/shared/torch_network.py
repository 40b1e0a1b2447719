"""The PyTorch networks that a card can describe."""

import random
import sys
import zipfile
from collections import OrderedDict
from contextlib import ExitStack, contextmanager
from functools import partial, wraps
from itertools import chain

import numpy as np
import torch
from torch import nn
from torch.nn.parameter import is_lazy
from torch.nn.utils.parametrize import is_parametrized

from stages.shared.base.command import InputError
from stages.shared.card import Layer, Own, loading, no_device
from stages.shared.layers import Tree, agreed, described, uncompiled
from stages.shared.own import construct

FOLDER = 0x10
"""The bit of a zip's member that is a folder, as MS-DOS has it."""


class Mlp(nn.Sequential):
    """A multilayer perceptron of named blocks on images (n, channels, height, width)."""

    def forward(self, images):
        return super().forward(images.flatten(1))


def build(card, classes):
    """Return the network of `card` (an `Mlp` or an `Own`) for `classes` classes, its weights drawn from its seed."""
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(card.seed)
    model = construct(card, classes) if isinstance(card, Own) else perceptron(card, classes)
    if any(map(is_lazy, chain(model.parameters(), model.buffers()))):
        model.eval()
        with torch.no_grad():
            model(as_input(to_input(np.zeros((1, *card.input), np.float32)), model))
    return model


def perceptron(card, classes):
    """Return the network of an `Mlp`.

    Each layer is a block `layer<k>` (linear, batch norm if the card says so, ReLU); a squeeze-expand layer is a block
    `squeeze<k>` (linear, ReLU if the card says so) before it.
    """
    height, width, channels = card.input
    features = height * width * channels
    blocks = OrderedDict()
    for number, layer in enumerate(card.layers, 1):
        if isinstance(layer, list):
            squeeze, layer = layer
            blocks[f"squeeze{number}"] = block(features, squeeze, relu=card.squeeze_activation == "relu")
            features = squeeze
        blocks[f"layer{number}"] = block(features, layer, batch_norm=card.batch_norm)
        features = layer
    blocks["output"] = nn.Linear(features, classes)
    return Mlp(blocks)


def block(features, width, batch_norm=False, relu=True):
    """A linear map from `features` to `width`, with what follows it."""
    parts = OrderedDict(linear=nn.Linear(features, width))
    if batch_norm:
        parts["batch_norm"] = nn.BatchNorm1d(width)
    if relu:
        parts["relu"] = nn.ReLU()
    return nn.Sequential(parts)


def device_of(card):
    """The `torch.device` of `card`; an `InputError` says that PyTorch sees none such here."""
    if not sees(card.device):
        raise no_device(card, "PyTorch")
    return torch.device(card.device)


def sees(device):
    """Whether PyTorch has a `device` of that name on this machine."""
    return {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}[device]


def load(card, classes, checkpoint):
    """Return the network of `card` with the weights of `checkpoint`, a .pth file, on its device; only tensors are read."""
    model = build(card, classes)
    with loading(checkpoint):
        check_zip(checkpoint)
        model.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=True))
    return model.to(device_of(card))


def check_zip(path):
    """Raise a `ValueError` if the zip at `path` is damaged: PyTorch does not look at its checksums, and takes what is marked
    as a folder for zeros."""
    with zipfile.ZipFile(path) as file:
        if file.testzip() or any(member.external_attr & FOLDER for member in file.infolist()):
            raise ValueError("its checksums are wrong")


def observe(model, images):
    """Return the layers of `model` as a list of `Layer`, in the order of its definition: what they do in evaluation mode.

    Called are 2 and 3 of `images`, an array or a tensor of any number; the helpers that compute a parametrized weight are
    no layers.
    """
    modules = layers_of(model)
    fewer, more = (shapes_of(model, modules, images, count) for count in (2, 3))
    shapes = {name: agreed(fewer.get(name), more.get(name)) for name in modules}
    sizes = {name: sum(weight.numel() for weight in module.parameters()) for name, module in modules.items()}
    kinds = Tree(shapes, sizes).kinds()
    return [Layer(name, kinds[name], shapes[name], sizes[name]) for name in modules]


def layers_of(model):
    """Every module within `model` by name, but for what parametrizes another.

    What torch.compile has wrapped has the name that it had before.
    """
    modules, helpers = {}, ()
    for name, module in model.named_modules():
        name = uncompiled(name)  # it comes after its wrapper
        if isinstance(module, torch.jit.ScriptModule):
            raise InputError(
                f"{f'The layer {name!r}' if name else 'The model'} is in TorchScript, which shows no layers' outputs: "
                "take the model as it was before torch.jit."
            )
        if is_parametrized(module):
            helpers = (*helpers, f"{name}.parametrizations".removeprefix("."))
        if name and not any(f"{name}.".startswith(f"{helper}.") for helper in helpers):
            modules[name] = module
    return modules


def shapes_of(model, modules, images, count):
    """What `described` says of the output of each of `modules` that `model` calls for `count` of `images`, in a dict."""
    shapes = {}

    def note(name, output):
        if not isinstance(output, torch.Tensor):
            shapes[name] = f"returns {type(output).__name__}, not a tensor"
        elif output.is_complex():
            shapes[name] = "returns complex numbers, not real ones"
        else:
            shapes[name] = described(output.shape, count)

    with evaluating(model), observing(modules, note), torch.no_grad():
        model(as_input(images, model)[[number % len(images) for number in range(count)]])
    return shapes


@contextmanager
def observing(layers, take):
    """Call `take(name, output)` in the block whenever one of `layers`, modules by name, returns an output.

    Code that torch.compile has compiled passes hooks by, so that what it was made from runs instead.
    """
    with ExitStack() as stack:
        if "torch._dynamo" in sys.modules:  # as it is once anything was compiled; it is slow to load
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        for name, module in layers.items():
            stack.enter_context(observed(module, partial(take, name)))
        yield


@contextmanager
def observed(module, take):
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


def to_input(images):
    """Return float32 `images` (n, h, w, c) as the tensor (n, c, h, w) that the networks take."""
    return torch.from_numpy(images).permute(0, 3, 1, 2)
