"""Keras networks that come trained, in one process of its own: the two frameworks together are slow to load."""

import os
import subprocess
import sys

from tests.small_project import ROOT

MODELS = """
import keras
from keras import layers


def make(depth=2, width=4):
    images = features = keras.Input((8, 8, 1))
    for _ in range(depth):
        features = layers.BatchNormalization()(layers.Conv2D(width, 3, padding="same")(features))
    features = layers.Dropout(0.5)(layers.RandomFlip()(layers.GlobalAveragePooling2D()(features)[:, None, None]))
    return keras.Model(images, layers.Dense(3)(layers.Flatten()(features)))
"""

CODE = """
from pathlib import Path

import numpy as np
import pytest

from stages.shared.base.command import InputError
from stages.shared.keras_network import build
from stages.train import keras_given
from tests.conftest import own

card = own(device="cpu", checkpoint="a file")
files = [Path("models", name) for name in ("trained.keras", "trained.weights.h5", "trained.h5")]
for depth in (1, 2, 3):
    model = build(own(seed=7, arguments={"depth": depth}), 3)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(np.ones((4, 8, 8, 1)), np.zeros(4), verbose=0)  # the optimiser's state is in the files too
    for path in files:
        model.save_weights(path) if ".weights" in path.name else model.save(path)
        if depth == 2:
            for one, other in zip(keras_given.load(card, 3, path).get_weights(), model.get_weights(), strict=True):
                np.testing.assert_array_equal(one, other)
        else:
            with pytest.raises(InputError, match=f"cannot take its weights from models/{path.name}: ") as failure:
                keras_given.load(card, 3, path)
            assert "\\n" not in str(failure.value), failure.value
            assert path.suffixes == [".h5"] or depth == 1 or "6 weights too many, the first of" in str(failure.value)

wide = own(device="cpu", checkpoint="a file", arguments={"width": 5})
files[0].write_bytes(b"no checkpoint at all")
for path in files:
    with pytest.raises(InputError, match=f"cannot take its weights from models/{path.name}: "):
        keras_given.load(wide, 3, path)
"""


def test_keras_weights_are_taken_whole_or_refused(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models/mine.py").write_text(MODELS)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", CODE]
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
