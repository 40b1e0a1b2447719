"""Keras networks of models/mine.py as `define` and training build them, and those that are refused."""

import numpy as np
import pytest

from drillcore.base.errors import InputError
from drillcore.frameworks.keras import keras, layers_of
from stages.rig.inspection import see
from stages.rig.keras.network import build
from tests.conftest import own


def card_of(build, **values):
    return own(**{"build": build, "input": [8, 8, 3], **values})


def same_in_training(card):
    keras.backend.clear_session()  # as `define` begins
    built = see(card, 3, "all")
    first, second = (build(built, 3) for _ in range(2))
    names = [layer.name for layer in built.modules]
    assert names == list(layers_of(first)) == list(layers_of(second)), card.build
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    return built


lazy = same_in_training(card_of("mine.py:lazy"))
assert [layer.shape for layer in lazy.modules] == [[192], [5], [3]]
outside = same_in_training(card_of("mine.py:made_outside"))
assert list(outside.files) == ["mine.py", "parts/augmentation.py"]
for dtype in ("float16", "bfloat16", "mixed_float16"):
    same_in_training(card_of("mine.py:of_type", arguments={"dtype": dtype}))

large = {"input": [32, 32, 3]}
scaled = same_in_training(card_of("keras:MobileNetV3Small", **large, arguments={"include_preprocessing": True}))
bare = same_in_training(card_of("keras:MobileNetV3Small", **large))
assert [layer.name for layer in scaled.modules] == ["rescaling", *(layer.name for layer in bare.modules)]
same_in_training(card_of("keras:EfficientNetB0", **large, normalize={"mean": [0], "std": [0.00392157]}))

for name, values, sentence in [
    ("lazy_of_vectors", {}, "cannot take images of [8, 8, 3]"),
    ("Subclass", {}, "builds a subclass of keras.Model"),
    ("of_bytes", {}, "takes images as uint8, of which 0 would remain"),
    ("unsaved", {}, "cannot be saved for its layer 'silent' (Silent): NotImplementedError: Object Silent"),
    ("twice", {}, "more than one weight fc.kernel: give each of its layers a name of its own"),
    ("twice", {"arguments": {"trainable": False}}, "more than one weight fc.kernel"),
    ("of_type", {"arguments": {"dtype": "float64"}}, "deep/kernel of float64, but weights should be float32 or "),
    (
        "keras:EfficientNetB0",
        large,
        "add normalize: {mean: [0], std: [0.00392157]}, so that they come to it from 0 to 255.",
    ),
    ("keras:EfficientNetB9", {}, "has no EfficientNetB9"),
]:
    with pytest.raises(InputError) as failure:
        see(card_of(name if ":" in name else f"mine.py:{name}", **values), 3, "all")
    assert sentence in str(failure.value), failure.value
    assert "\n" not in str(failure.value) and str(failure.value).endswith("."), failure.value
