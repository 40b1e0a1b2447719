"""python -m tests.extraction.keras_layers : which of a Keras network's layers have a row for each image, in a process
of its own, for the two frameworks together are slow to load."""

import numpy as np
import pytest

from drillcore import get_intermediate_outputs
from drillcore.base.errors import InputError
from drillcore.frameworks.keras import keras, layers, observe

IMAGES = np.random.default_rng(0).random((4, 8, 8, 3), np.float32)


def backbone():
    """A functional model within which another one is a layer."""
    inner = keras.Sequential([keras.Input((8, 8, 5)), layers.ReLU(name="relu"), layers.Conv2D(4, 3, name="deep")])
    inner.name = "inner"
    images = keras.Input((8, 8, 3))
    features = inner(layers.Conv2D(5, 3, padding="same", name="conv")(images))
    return keras.Model(images, layers.BatchNormalization(name="norm")(features), name="backbone")


def network():
    images = keras.Input((8, 8, 3))
    features = layers.GlobalAveragePooling2D(name="pool")(backbone()(layers.RandomFlip(name="flip")(images)))
    return keras.Model(images, layers.Dense(2, name="head")(features))


def layers_of_a_nested_model_are_layers():
    model = network()
    kinds = {layer.name: layer.kind for layer in observe(model, IMAGES).layers}
    inner = {"backbone/inner": "", "backbone/inner/relu": "module", "backbone/inner/deep": "both"}
    nested = {"backbone": "", "backbone/conv": "both", **inner, "backbone/norm": "both"}
    assert kinds == {"flip": "module", **nested, "pool": "module", "head": "both"}
    outputs = get_intermediate_outputs(model, IMAGES, "all", 3)
    assert list(outputs) == [name for name, kind in kinds.items() if kind]
    conv = model.get_layer("backbone").get_layer("conv")(IMAGES)
    np.testing.assert_allclose(outputs["backbone/conv"], conv, atol=1e-6)
    deep = model.get_layer("backbone").get_layer("inner")(conv)
    np.testing.assert_allclose(outputs["backbone/inner/deep"], deep, atol=1e-6)
    np.testing.assert_allclose(outputs["head"], model(IMAGES, training=False), atol=1e-6)
    whole = get_intermediate_outputs(model, IMAGES, ["backbone"])["backbone"]
    np.testing.assert_array_equal(whole, outputs["backbone/norm"])
    blocks = get_intermediate_outputs(model, IMAGES, units="pool")
    assert list(blocks) == ["backbone/conv", "backbone/inner/deep", "backbone/norm", "head"]
    assert "call" not in vars(model.get_layer("head"))  # it captures no longer


def tokens_are_no_images_though_there_are_as_many_of_them():
    images = keras.Input((8, 8, 3))
    tokens = layers.Reshape((4, 48), name="tokens")(images)
    first = layers.Lambda(lambda x: keras.ops.transpose(x, (1, 0, 2)), output_shape=(None, 48), name="first")(tokens)
    mixed = layers.Dense(5, name="mixed")(first)
    last = layers.Lambda(lambda x: keras.ops.mean(x, 0), output_shape=(5,), name="mean")(mixed)
    model = keras.Model(images, layers.Dense(2, name="head")(last))
    with pytest.raises(InputError, match=r"'mixed' returns an array \(4, 2, 5\) of 2 samples, not a row for each"):
        get_intermediate_outputs(model, IMAGES, ["mixed"])
    assert list(get_intermediate_outputs(model, IMAGES, ["tokens", "mean", "head"])) == ["tokens", "mean", "head"]


class Recurrent(keras.Model):
    """A subclassed model of two inputs, whose recurrent layer returns three tensors."""

    def __init__(self):
        super().__init__(name="recurrent")
        self.embed, self.blocks = (
            layers.Embedding(9, 4, name="embed"),
            [layers.Dense(4, name=f"dense{i}") for i in (0, 1)],
        )
        self.lstm = layers.LSTM(5, return_sequences=True, return_state=True, name="lstm")
        self.unused, self.head = layers.Dense(3, name="unused"), layers.Dense(2, name="head")
        self.unused.build((None, 3))

    def call(self, inputs):
        tokens, features = inputs
        sequence, state, _ = self.lstm(self.blocks[1](self.blocks[0](self.embed(tokens))))
        return self.head(keras.ops.concatenate([sequence[:, -1] + state, features], -1))


def layers_of_a_subclassed_model_are_those_that_it_calls():
    model, rng = Recurrent(), np.random.default_rng(0)
    inputs = rng.integers(0, 9, (4, 6), np.int32), rng.random((4, 3), np.float32)
    outputs = get_intermediate_outputs(model, inputs, batch_size=3)
    assert list(outputs) == ["embed", "dense0", "dense1", "lstm", "head"]
    sequence, *states = model.lstm(outputs["dense1"])
    np.testing.assert_allclose(outputs["lstm"], sequence, atol=1e-6)
    others = get_intermediate_outputs(model, inputs, ["lstm[?]"])
    assert list(others) == ["lstm[1]", "lstm[2]"]
    for output, state in zip(others.values(), states, strict=True):
        np.testing.assert_allclose(output, state, atol=1e-6)
    np.testing.assert_allclose(outputs["head"], model(list(inputs), training=False), atol=1e-6)


def a_functional_model_takes_several_inputs_by_place_or_name():
    tokens, features = keras.Input((6,), dtype="int32", name="tokens"), keras.Input((3,), name="features")
    words = layers.GlobalAveragePooling1D(name="mean")(layers.Embedding(9, 4, name="embed")(tokens))
    head = layers.Dense(2, name="head")(layers.Concatenate(name="both")([words, features]))
    model, rng = keras.Model([tokens, features], head), np.random.default_rng(0)
    inputs = rng.integers(0, 9, (4, 6)), rng.random((4, 3))
    expected = model([inputs[0], inputs[1].astype(np.float32)], training=False)
    for given in (inputs, dict(zip(("tokens", "features"), inputs, strict=True))):
        outputs = get_intermediate_outputs(model, given, "all", batch_size=3)
        assert list(outputs) == ["embed", "mean", "both", "head"]
        np.testing.assert_allclose(outputs["head"], expected, atol=1e-6)


if __name__ == "__main__":
    layers_of_a_nested_model_are_layers()
    tokens_are_no_images_though_there_are_as_many_of_them()
    layers_of_a_subclassed_model_are_those_that_it_calls()
    a_functional_model_takes_several_inputs_by_place_or_name()
