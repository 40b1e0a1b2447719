"""Layer outputs and weights of PyTorch models."""

from contextlib import contextmanager

import torch

from stages.shared.base.command import InputError


def stream(model, batches, layers):
    """Yield for each batch a dict of the outputs of `layers`, float32 (batch, ...), copied, in evaluation mode."""
    with evaluating(model), capturing(model, layers) as outputs:
        for images in batches:
            outputs.clear()
            with torch.no_grad():
                model(torch.as_tensor(images))
            for layer in layers:
                if layer not in outputs:
                    raise InputError(f"The network never calls its layer {layer!r}: choose others.")
            yield {layer: outputs[layer] for layer in layers}


@contextmanager
def evaluating(model):
    """Put `model` in evaluation mode for the block, and each of its modules back into its own mode after it."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


@contextmanager
def capturing(model, layers):
    """Yield a dict that holds, after each call of `model`, the outputs of `layers` as arrays of their own."""
    outputs, modules = {}, dict(model.named_modules())

    def capture(layer):
        def hook(module, inputs, output):
            if not isinstance(output, torch.Tensor):
                raise InputError(f"The layer {layer!r} returns {type(output).__name__}, not a tensor: choose others.")
            # A clone: an in-place ReLU further on would rewrite what is only referred to.
            outputs[layer] = output.detach().to("cpu", torch.float32, copy=True).numpy()

        return hook

    handles = [modules[layer].register_forward_hook(capture(layer)) for layer in layers]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


def weight_matrices(model):
    """The weights of `model` that are matrices or kernels, as float32 (outputs, inputs)."""
    named = ((name, parameter.detach().float().numpy()) for name, parameter in model.named_parameters())
    return {name: weight.reshape(len(weight), -1) for name, weight in named if weight.ndim > 1}
