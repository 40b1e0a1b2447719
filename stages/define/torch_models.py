"""What a PyTorch model consists of, and which device there is for it."""

from contextlib import contextmanager

import numpy as np
import torch

from stages.shared.base.command import InputError
from stages.shared.card import Layer, Training
from stages.shared.own import oneline
from stages.shared.torch_network import build, layer_names, to_input

__all__ = ["best_device", "build", "inspect"]

RECORDED = torch.float32, torch.float16
"""The types of weights whose training can be recorded."""


def best_device():
    """The device that `device: auto` stands for."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def inspect(model, card, classes):
    """Return the layers of `model` as a list of `Layer`, in the order of its definition.

    Raises an `InputError` if the model does not take images of the card's input to (samples, `classes`), in training too,
    if what it takes them to are probabilities, or if its weights are none that a stage could train or store.
    """
    where, kinds = f"params.yaml: networks.{card.name}", layer_names(model)
    check_weights(model, card, where)
    images = to_input(np.random.default_rng(0).random((2, *card.input), np.float32))
    with noting_shapes(model) as shapes:
        for training in (True, False):
            shapes.clear()  # a layer that is called in training alone has no output later
            model.train(training)
            try:
                with torch.no_grad():
                    output = model(images)
            except Exception as error:  # a user's code can raise anything
                raise InputError(
                    f"{where} cannot take images of {card.input}, as the tensor {list(images.shape)}: {oneline(error)}. "
                    "`input: [height, width, channels]` can be set to pad smaller images and to repeat grey ones; "
                    "otherwise the network must take images of that shape."
                ) from None
            check_output(output, classes, where, card)
    check_logits(output, card, where)
    check_single_images(model, images[:1], card, where)
    modules = dict(model.named_modules())
    return [
        Layer(name, kind, shapes.get(name), sum(parameter.numel() for parameter in modules[name].parameters()))
        for name, kind in kinds.items()
    ]


@contextmanager
def noting_shapes(model):
    """Yield a dict that holds, after a call of `model` with 2 images, the shape of each called module's output without
    the samples; None where that is not one tensor of real numbers with a row for each image."""
    shapes = {}

    def note(name):
        def hook(module, inputs, output):
            rows = isinstance(output, torch.Tensor) and output.shape[:1] == (2,) and not output.is_complex()
            shapes[name] = list(output.shape[1:]) if rows else None

        return hook

    handles = [module.register_forward_hook(note(name)) for name, module in model.named_modules() if name]
    try:
        yield shapes
    finally:
        for handle in handles:
            handle.remove()


def check_weights(model, card, where):
    """Refuse weights that cannot be stored or, in a network that is to be trained, recorded."""
    for name, value in model.state_dict().items():
        if not isinstance(value, torch.Tensor):
            raise InputError(
                f"{where} keeps a {type(value).__name__} as {name}, but only tensors can be stored: "
                "have get_extra_state return a tensor, or remove it."
            )
    for name, parameter in model.named_parameters():
        number = parameter.dtype
        if number.is_complex or (number.is_floating_point and number not in RECORDED and not card.given()):
            remedy = "keep their real and imaginary parts" if number.is_complex else "return model.float()"
            raise InputError(f"{where} has weights of {number}, {name}, which cannot be recorded: {remedy}.")
    if not card.given() and not any(parameter.requires_grad for parameter in model.parameters()):
        raise InputError(
            f"{where} has no parameter that requires a gradient, so there is nothing to train: "
            "leave some trainable, or name the `checkpoint` that it comes trained in."
        )


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


def check_logits(output, card, where):
    """Refuse probabilities where the loss is a cross entropy, which takes logits."""
    rows = output.double()
    if (
        (card.training or Training()).loss == "cross_entropy"
        and (rows >= 0).all()
        and ((rows.sum(1) - 1).abs() < 1e-4).all()
    ):
        raise InputError(
            f"{where} returns probabilities, of which cross_entropy would take the softmax once more: return the logits."
        )


def check_single_images(model, image, card, where):
    """Refuse batches of one image for a network that cannot be trained on them, as most with batch norm cannot."""
    if card.given() or (card.training or Training()).batch_size > 1:
        return
    model.train()
    try:
        with torch.no_grad():
            model(image)
    except Exception as error:  # a user's code can raise anything
        raise InputError(
            f"{where}.training.batch_size is 1, but the network cannot be trained on single images: {oneline(error)}; "
            "set it to 2 or more."
        ) from None
