"""What training would fail at in its first step, found before anything is trained: that step itself, on a copy."""

from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from stages.shared.base.command import InputError, disk_full, progress
from stages.shared.images import load_split
from stages.shared.own import MODELS, as_script, given_files, oneline, origin

TESTED = 2
"""How many test images the rehearsed network is validated on."""


def rehearse(card, classes):
    """Train the network of `card` (a `Built`) for one step or, where it comes trained, read its weights; keep nothing.

    Raises an `InputError` that says what fails.
    """
    if card.given():
        read_weights(card, classes)
    else:
        settings = card.training
        training = load_split(card, "train", settings.batch_size)
        rehearse_training(card, training, load_split(card, "test", TESTED))


def rehearse_training(card, training, validation):
    """Train the network of `card` for one epoch on the `Split` `training`, one batch, with all that is written of it."""
    settings = card.training.model_copy(update={"epochs": 1})
    with TemporaryDirectory() as folder:
        try:
            with as_script(), redirect_stderr(StringIO()):
                train(card.model_copy(update={"training": settings}), training, validation, Path(folder, "training"))
        except InputError:
            raise
        except Exception as error:  # a user's code can raise anything
            if disk_full(error):
                raise
            raise InputError(
                f"params.yaml: networks.{card.name} cannot be trained by {settings.optimizer} on {settings.loss}: the first "
                f"step fails{origin(error)}: {oneline(error)}. Change the network or its training."
            ) from None


def train(card, training, validation, folder):
    """Train the network of `card` as the stage does, but on a device that is here."""
    if card.framework == "keras":
        from stages.train.keras_training import fit

        fit(card, training, validation, folder)
    else:
        from stages.shared.torch_network import sees
        from stages.train import torch_training

        device = card.device if sees(card.device) else "cpu"
        torch_training.train(card.model_copy(update={"device": device}), training, validation, folder)


def read_weights(card, classes):
    """Give the network of `card` the weights of each of its files, one after the other."""
    if card.framework == "keras":
        from stages.shared.keras_network import build
        from stages.train.keras_given import take_weights
    else:
        from stages.shared.torch_network import build
        from stages.shared.torch_weights import take_weights
    model = build(card, classes)
    for file in progress(given_files(card).values(), "weights"):
        with redirect_stderr(StringIO()):  # the stage `train` says the same
            take_weights(model, card, classes, MODELS / file)
