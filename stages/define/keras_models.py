"""What a Keras model consists of, and which device there is for it."""

import sys

import numpy as np

from stages.shared.base.command import InputError
from stages.shared.card import Layer
from stages.shared.keras_network import build, complete, functional, layer_names, tf
from stages.shared.own import oneline

__all__ = ["best_device", "build", "inspect"]


def best_device():
    """The device that `device: auto` stands for; TensorFlow has Apple's by a plugin."""
    if not tf.config.list_physical_devices("GPU"):
        return "cpu"
    return "mps" if sys.platform == "darwin" else "cuda"


def inspect(model, card, classes):
    """Return the layers of `model` as a list of `Layer`, in its own order.

    Raises an `InputError` if the model is not functional or sequential, or does not take images of the card's input to
    (samples, `classes`).
    """
    where = f"params.yaml: networks.{card.name}"
    try:
        output = complete(model, card)(np.zeros((2, *card.input), np.float32), training=False)
    except Exception as error:  # a user's code can raise anything
        raise InputError(
            f"{where} cannot take images of {card.input}: {oneline(error)}. "
            "Its input may be larger than the images and, where they are grey, have 3 channels."
        ) from None
    if not functional(model):
        raise InputError(
            f"{where} builds a subclass of keras.Model, whose layers' outputs Keras does not tell: "
            "build a functional or sequential model."
        )
    shape = list(getattr(output, "shape", []))
    if shape != [2, classes]:
        raise InputError(
            f"{where} takes 2 images of {card.input} to an output of shape {shape}, but {card.dataset} has {classes} "
            f"classes: it should be [2, {classes}]."
        )
    return [
        Layer(name, kind, shape_of(model.get_layer(name)), count(model.get_layer(name)))
        for name, kind in layer_names(model).items()
    ]


def shape_of(layer):
    """The shape of a layer's output without the samples; None where it is not one tensor."""
    output = layer.output
    return None if isinstance(output, list | tuple | dict) else list(output.shape[1:])


def count(layer):
    """A layer's number of parameters."""
    return int(sum(np.prod(weight.shape) for weight in layer.weights))
