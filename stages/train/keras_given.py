"""Keras networks that come trained."""

from stages.shared.base.command import InputError
from stages.shared.keras_network import build, gives_logits, use_device
from stages.shared.own import oneline
from stages.train import keras_training
from stages.train.keras_training import LOSSES, save_weights, sizes

__all__ = ["evaluate", "load", "save_weights", "tensors"]


def load(card, classes, path):
    """Return the network of `card` with the weights of a .keras or .weights.h5 file; an `InputError` tells what is wrong."""
    use_device(card)
    model = build(card, classes)
    try:
        model.load_weights(path)
    except Exception as error:  # a damaged or hostile file can raise anything
        raise InputError(
            f"params.yaml: networks.{card.name} cannot take its weights from {path}: {oneline(error)}. It should hold the "
            f"weights of what {card.build or card.checkpoint} builds for {classes} classes."
        ) from None
    return model


def evaluate(model, card, batches):
    """Return val_loss, val_accuracy and val_f1 over `Batches`."""
    return keras_training.evaluate(model, batches, LOSSES["cross_entropy"](gives_logits(model, card.input)))


def tensors(model):
    """The number of elements of each weight of `model` that could be trained, by name."""
    model.trainable = True
    return sizes(model)
