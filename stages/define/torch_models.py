"""What a PyTorch model consists of, and which device there is for it."""

import numpy as np
import torch

from stages.shared.base.command import InputError
from stages.shared.card import Layer
from stages.shared.own import oneline
from stages.shared.torch_network import build, layer_names, to_input

__all__ = ["best_device", "build", "inspect"]


def best_device():
    """The device that `device: auto` stands for."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def inspect(model, card, classes):
    """Return the layers of `model` as a list of `Layer`, in the order of its definition.

    Raises an `InputError` if the model does not take images of the card's input to (samples, `classes`), in training too.
    """
    shapes, where = {}, f"params.yaml: networks.{card.name}"
    images = to_input(np.zeros((2, *card.input), np.float32))

    def note(name):
        def hook(module, inputs, output):
            shapes[name] = list(output.shape[1:]) if isinstance(output, torch.Tensor) else None

        return hook

    handles = [module.register_forward_hook(note(name)) for name, module in model.named_modules() if name]
    for training in (True, False):
        model.train(training)
        try:
            with torch.no_grad():
                output = model(images)
        except Exception as error:  # a user's code can raise anything
            raise InputError(
                f"{where} cannot take images of {card.input}, as the tensor {list(images.shape)}: {oneline(error)}. "
                "Its input may be larger than the images and, where they are grey, have 3 channels."
            ) from None
        check_output(output, classes, where, card)
    for handle in handles:
        handle.remove()
    modules = dict(model.named_modules())
    return [
        Layer(name, kind, shapes.get(name), sum(parameter.numel() for parameter in modules[name].parameters()))
        for name, kind in layer_names(model).items()
    ]


def check_output(output, classes, where, card):
    """Refuse what is not one row of numbers for each sample, a number for each class."""
    if not isinstance(output, torch.Tensor):
        raise InputError(
            f"{where} returns {type(output).__name__} and not one tensor, in training or evaluation: "
            "change its function or its arguments (aux_logits: false, for some of torchvision's)."
        )
    if list(output.shape) != [2, classes]:
        raise InputError(
            f"{where} takes 2 images of {card.input} to an output of shape {list(output.shape)}, but {card.dataset} has "
            f"{classes} classes: it should be [2, {classes}]."
        )
