"""What training would fail at in its first step, found before anything is trained: that step itself, on a copy."""

from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from drillcore.base.errors import InputError, disk_full
from stages.rig.base.command import progress
from stages.rig.frameworks import module
from stages.rig.images import load_split
from stages.rig.pretrained import pretrained_files
from stages.rig.user_defined import MODELS, as_script, oneline, origin

TESTED = 2
"""How many test images the rehearsed network is validated on."""


def rehearse(card, classes):
    """Train the network of `card` (a `Built`) for one step or, if it is pretrained, read its weights; keep nothing.

    Raises an `InputError` that says what fails.
    """
    if card.pretrained():
        read_weights(card, classes)
    else:
        settings = card.training
        training = load_split(card, "train", settings.step_size())
        rehearse_training(card, training, load_split(card, "test", TESTED))


def rehearse_training(card, training, validation):
    """Train the network of `card` for one epoch on the `Split` `training`, one batch, with all that is written of it."""
    settings = card.training.model_copy(update={"epochs": 1})
    with TemporaryDirectory() as folder:
        try:
            with as_script(), redirect_stderr(StringIO()):
                rehearsed = card.model_copy(update={"training": settings})
                module(card.framework, "training").rehearse(rehearsed, training, validation, Path(folder, "training"))
        except InputError:
            raise
        except Exception as error:  # a user's code can raise anything
            if disk_full(error):
                raise
            raise InputError(
                f"params.yaml: networks.{card.name} cannot be trained by {settings.optimizer} on {card.loss_name()}: the "
                f"first step fails{origin(error)}: {oneline(error)}. Change the network or its training."
            ) from None


def read_weights(card, classes):
    """Give the network of `card` the weights of each of its files, one after the other."""
    model = module(card.framework, "network").build(card, classes)
    pretrained = module(card.framework, "pretrained")
    for file in progress(pretrained_files(card).values(), "weights"):
        with redirect_stderr(StringIO()):  # the stage `train` says the same
            pretrained.take_weights(model, card, classes, MODELS / file)
