"""Weights of Keras models of several depths, written and read back in a folder with models/mine.py."""

from pathlib import Path

import numpy as np
import pytest

from drillcore.base.errors import InputError
from stages.rig.keras import pretrained
from stages.rig.keras.network import build
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
            for one, other in zip(pretrained.load(card, 3, path).get_weights(), model.get_weights(), strict=True):
                np.testing.assert_array_equal(one, other)
        else:
            with pytest.raises(InputError, match=f"cannot take its weights from models/{path.name}: ") as failure:
                pretrained.load(card, 3, path)
            assert "\n" not in str(failure.value), failure.value
            assert path.suffixes == [".h5"] or depth == 1 or "6 weights too many, the first of" in str(failure.value)

wide = own(device="cpu", checkpoint="a file", arguments={"width": 5})
files[0].write_bytes(b"no checkpoint at all")
for path in files:
    with pytest.raises(InputError, match=f"cannot take its weights from models/{path.name}: "):
        pretrained.load(wide, 3, path)
