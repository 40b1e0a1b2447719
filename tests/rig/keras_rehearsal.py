"""python -m tests.rig.keras_rehearsal : in a folder with models/, in a process of its own, for the two frameworks
together are slow to load."""

import shutil

import numpy as np
import pytest

from drillcore.base.errors import InputError
from stages.rig.images import Split
from stages.rig.inspection import see
from stages.rig.keras.network import build
from stages.rig.rehearsal import read_weights, rehearse_training
from tests.conftest import MODELS, own


def card(**values):
    return see(own(build="networks.py:make", **values), 3, "blocks")


def split(count):
    images = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 1), np.uint8)
    return Split(images, np.arange(count) % 3, ["a", "b", "c"], "a test")


if __name__ == "__main__":
    shutil.copy(MODELS / "keras_rehearsed.py", "models/networks.py")
    rehearse_training(card(), split(6), split(2))
    with pytest.raises(InputError, match=r"by adam on cross_entropy: the first step fails.* not in training"):
        rehearse_training(card(arguments={"trainable": False}), split(6), split(2))
    for width in (5, 6):
        model = build(own(build="networks.py:make", arguments={"width": width}), 3)
        model.save_weights(f"models/epoch_{width}.weights.h5")
    read_weights(card(checkpoint="epoch_5.weights.h5"), 3)
    with pytest.raises(InputError, match=r"cannot take its weights from models/epoch_6\.weights\.h5: "):
        read_weights(card(checkpoints="epoch_*.weights.h5"), 3)
