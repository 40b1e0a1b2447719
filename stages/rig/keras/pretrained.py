"""Pretrained Keras networks."""

import io
import zipfile
from collections import Counter

import h5py

from drillcore.base.errors import InputError
from drillcore.recording.keras_callback import sizes
from stages.rig.keras import training as keras_training
from stages.rig.keras.losses import loss_of
from stages.rig.keras.network import build, use_device
from stages.rig.keras.training import save_weights
from stages.rig.training.scores import scores_of
from stages.rig.user_defined import oneline

__all__ = ["evaluate", "load", "save_weights", "take_weights", "tensors"]


def load(card, classes, path):
    """Return the network of `card` with the weights of a .keras or .weights.h5 file; an `InputError` tells what is wrong."""
    use_device(card)
    model = build(card, classes)
    take_weights(model, card, classes, path)
    return model


def take_weights(model, card, classes, path):
    """Give `model`, which `card` builds for `classes` classes, the weights of the file at `path`; an `InputError` tells what
    is wrong."""
    try:
        model.load_weights(path)
        check_all_taken(model, path)
    except Exception as error:  # a damaged or hostile file can raise anything
        raise InputError(
            f"params.yaml: networks.{card.name} cannot take its weights from {path}: {oneline(error)}. It should hold the "
            f"weights of what {card.build or card.checkpoint} builds for {classes} classes."
        ) from None


def check_all_taken(model, path):
    """Raise a `ValueError` if the file holds more than the weights of `model`: Keras leaves out what it has no layer for.

    In its older .h5 files Keras counts the layers itself.
    """
    if path.name.endswith((".keras", ".weights.h5")):
        left = Counter(stored_shapes(path)) - Counter(tuple(weight.shape) for weight in model.weights)
        if left:
            raise ValueError(f"it holds {left.total()} weights too many, the first of shape {list(next(iter(left)))}")


def stored_shapes(path):
    """The shapes of the weights in a .keras or .weights.h5 file; an optimiser's state and seeds are none."""
    source = io.BytesIO(zipfile.ZipFile(path).read("model.weights.h5")) if path.suffix == ".keras" else path
    shapes = []

    def note(name, item):
        if isinstance(item, h5py.Dataset) and not {"optimizer", "seed_generator"} & set(name.split("/")):
            shapes.append(item.shape)

    with h5py.File(source) as file:
        file.visititems(note)
    return shapes


def evaluate(model, card, batches):
    """Return val_loss and the scores of the task over `Batches`."""
    loss = loss_of(card, model)
    return keras_training.evaluate(model, batches, loss, scores_of(card))


def tensors(model):
    """The number of elements of each weight of `model` that could be trained, by name."""
    model.trainable = True
    return sizes(model.trainable_weights, model)
