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
    names = [layer.name for layer in built.modules if "[" not in layer.name]  # which is an output more, and no layer
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

subclass = same_in_training(card_of("mine.py:Subclass"))
assert [layer.name.partition("/")[2].partition("_")[0] for layer in subclass.modules] == ["", "flatten", "dense"]
features = {"kind": "features", "input": [7]}
two = same_in_training(card_of("mine.py:two_inputs", **features))
shapes = {layer.name: layer.shape for layer in two.modules}
assert shapes == {"two": [3], "two[1]": [8], "two/part0": [4], "two/part1": [4], "two/both": [8], "two/head": [3]}
whole, parts = np.ones((2, 7), np.float32), [np.ones((2, 3), np.float32), np.ones((2, 4), np.float32)]
model = build(two, 3)
np.testing.assert_allclose(model(whole), model.get_layer("two")(parts)[0], rtol=1e-6)

large = {"input": [32, 32, 3]}
scaled = same_in_training(card_of("keras:MobileNetV3Small", **large, arguments={"include_preprocessing": True}))
bare = same_in_training(card_of("keras:MobileNetV3Small", **large))
assert [layer.name for layer in scaled.modules] == ["rescaling", *(layer.name for layer in bare.modules)]
same_in_training(card_of("keras:EfficientNetB0", **large, normalize={"mean": [0], "std": [0.00392157]}))

for name, values, sentence in [
    ("lazy_of_vectors", {}, "cannot take images of [8, 8, 3]"),
    ("Subclass", {"output": "states"}, "output is 'states', but the network returns one array"),
    (
        "two_inputs",
        {**features, "arguments": {"parts": 3}},
        "has inputs of [[3], [4], [5]], but digits has one of [7]: they",
    ),
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
