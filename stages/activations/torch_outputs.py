"""Layer outputs and weights of PyTorch models."""

from contextlib import contextmanager

import numpy as np
import torch

from stages.activations.units import check_rows, pooled_blocks
from stages.shared.base.command import InputError
from stages.shared.layers import UNCALLED, uncompiled
from stages.shared.torch_network import as_input, evaluating, layers_of, observing

TRANSPOSED = torch.nn.ConvTranspose1d, torch.nn.ConvTranspose2d, torch.nn.ConvTranspose3d


def stream(model, batches, layers, units):
    """Yield for each batch a dict of what `units` keep of the outputs of `layers`, float32, copied, in evaluation mode."""
    with evaluating(model), capturing(model, layers, units) as outputs:
        for images in batches:
            outputs.clear()
            with torch.no_grad():
                model(as_input(images, model))
            for layer in layers:
                if layer not in outputs:
                    raise InputError(f"The layer {layer!r} {UNCALLED}: choose others.")
            yield check_rows({layer: outputs[layer] for layer in layers}, len(images))


@contextmanager
def capturing(model, layers, units):
    """Yield a dict that holds, after each call of `model`, what `units` keep of `layers`, as arrays of their own."""
    outputs, modules = {}, layers_of(model)

    def capture(layer, output):
        own = kept(output.detach(), layer, units)
        # An in-place ReLU further on would rewrite what is only referred to.
        shared = own.data_ptr() == output.data_ptr()
        outputs[layer] = own.to("cpu", torch.float32, copy=shared).numpy()

    with observing({layer: modules[layer] for layer in layers}, capture):
        yield outputs


def kept(output, layer, units):
    """What `units` keep of the `output` of `layer`: (batch, units), on its device, or the whole where they say nothing.

    Pooled are (batch, channels, height, width), or any other number of axes behind the channels, and the tokens of
    (batch, tokens, channels).
    """
    if units.how is None:
        return output
    if units.how == "pool" and output.ndim > 2:
        if output.device.type == "mps":  # which has no float64
            output = output.cpu()
        axes = 1 if output.ndim == 3 else tuple(range(2, output.ndim))
        blocks = pooled_blocks(len(output), output[0].numel())
        output = torch.cat([output[rows].mean(axes, dtype=torch.float64) for rows in blocks])
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
