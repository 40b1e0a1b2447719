"""What is extracted of Keras models, against their own calls, in a process without PyTorch."""

import sys
from pathlib import Path

import numpy as np
import pytest

from drillcore import get_intermediate_outputs
from drillcore.base.errors import InputError
from drillcore.extraction import units
from drillcore.extraction.activity import Activity
from drillcore.extraction.outputs import stream_outputs
from drillcore.extraction.units import choose_units
from drillcore.frameworks.keras import keras, weight_matrices
from stages.rig.base.parameters import load
from stages.rig.card import select_layers
from stages.rig.images import Facts
from stages.rig.keras.network import build
from stages.rig.resolve import resolve

L = keras.layers


def check_layers_and_weights():
    card = resolve(load(Path("params.yaml")), "cifar10-cnn", lambda dataset: Facts((32, 32, 3)))
    card = card.model_copy(update={"convolutions": [4, 6], "dense": [8]})
    model = build(card, 10)
    images = np.random.default_rng(0).random((23, 32, 32, 3), np.float32)
    for layers in ("blocks", "all", ["pool*", "output"], ["output"]):
        assert list(get_intermediate_outputs(model, images, layers, 10)) == select_layers(card, layers), layers
    outputs = get_intermediate_outputs(model, images, "all", 10)
    features = images
    for layer in model.layers[1:]:
        features = layer(features)
        np.testing.assert_allclose(outputs[layer.name], features, atol=1e-5)
    kernel, _ = model.get_layer("conv2").get_weights()
    matrix = weight_matrices(model)["conv2.kernel"]
    assert matrix.shape == (6, 36)
    np.testing.assert_array_equal(matrix[5], kernel[..., 5].ravel())
    np.testing.assert_array_equal(weight_matrices(model)["output.kernel"], model.get_layer("output").get_weights()[0].T)
    inner = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise")]
    )
    outer = keras.Sequential([keras.Input((8, 8, 3)), inner])
    ((_, matrix),) = weight_matrices(outer).items()
    kernel = inner.get_layer("depthwise").get_weights()[0]
    assert matrix.shape == (6, 9)
    np.testing.assert_array_equal(matrix[2 * 1 + 1], kernel[:, :, 1, 1].ravel())

    images = keras.Input((8, 8, 3))
    features = L.SeparableConv2D(5, 3, depth_multiplier=2, name="separable")(images)
    features = L.BatchNormalization(name="norm")(L.Conv2DTranspose(4, 3, name="transposed")(features))
    features = L.PReLU(name="prelu")(L.Dense(6, name="frozen", trainable=False)(features))
    features = L.Dropout(0.5)(L.Reshape((64, 6))(features))
    features = L.MultiHeadAttention(2, 7, name="attention")(features, features)
    features = L.EinsumDense("abc,cd->abd", (64, 9), bias_axes="d", name="einsum")(features)
    features = L.Bidirectional(L.GRU(5), name="both")(features)

    class Mine(L.Layer):
        def build(self, shape):
            self.w, self.token = self.add_weight((shape[-1], 4), name="w"), self.add_weight((1, 1, 4), name="token")
            self.inner = L.Dense(3, name="inner")
            self.inner.build((None, 4))

        def call(self, features):
            return self.inner(features @ self.w + self.token[0])

    model = keras.Model(images, Mine(name="mine")(features))
    matrices = weight_matrices(model)
    assert {name: matrix.shape for name, matrix in matrices.items()} == {
        "separable.depthwise_kernel": (6, 9),
        "separable.pointwise_kernel": (5, 6),
        "transposed.kernel": (4, 45),
        "frozen.kernel": (6, 4),
        "attention.query.kernel": (14, 6),
        "attention.key.kernel": (14, 6),
        "attention.value.kernel": (14, 6),
        "attention.attention_output.kernel": (6, 14),
        "einsum.kernel": (9, 6),
        "both.forward_gru.gru_cell.kernel": (15, 9),
        "both.forward_gru.gru_cell.recurrent_kernel": (15, 5),
        "both.backward_gru.gru_cell.kernel": (15, 9),
        "both.backward_gru.gru_cell.recurrent_kernel": (15, 5),
        "mine.w": (4, 10),
        "mine.inner.kernel": (3, 4),
    }
    kernels = {weight.path.replace("/", "."): np.asarray(weight) for weight in model.weights}
    depthwise, transposed = kernels["separable.depthwise_kernel"], kernels["transposed.kernel"]
    np.testing.assert_array_equal(matrices["separable.depthwise_kernel"][2 * 1 + 1], depthwise[:, :, 1, 1].ravel())
    np.testing.assert_array_equal(matrices["transposed.kernel"][3], transposed[:, :, 3].ravel())
    np.testing.assert_array_equal(
        matrices["attention.query.kernel"][7 * 1 + 2], kernels["attention.query.kernel"][:, 1, 2]
    )
    output = "attention.attention_output.kernel"
    np.testing.assert_array_equal(matrices[output][4], kernels[output][..., 4].ravel())


def check_units():
    images = features = keras.Input((9, 8, 3))
    features = L.Conv2D(6, 3, activation="relu", name="conv")(features)
    tokens = L.Reshape((42, 6), name="tokens")(features)
    twice = L.Dense(6, name="twice")
    last = twice(twice(tokens))
    model = keras.Model(images, L.GlobalAveragePooling1D(name="pool")(last))
    keras.Model(images, twice(L.Reshape((42, 6))(features)))  # which calls a layer of the other too

    images = np.random.default_rng(0).random((23, 9, 8, 3), np.float32)
    whole = get_intermediate_outputs(model, images, "all", 10)
    assert whole["conv"].shape == (23, 7, 6, 6) and whole["twice"].shape == (23, 42, 6)
    np.testing.assert_allclose(whole["twice"].mean(1), whole["pool"], rtol=1e-5)
    for layer, kept in get_intermediate_outputs(model, images, "all", 10, units="flatten", max_units=5, seed=3).items():
        flat = whole[layer].reshape(23, -1)
        np.testing.assert_array_equal(kept, flat[:, choose_units(layer, flat.shape[1], 5, 3)])
    counting = units.Units("flatten", 5)
    counting.activity = Activity()
    list(stream_outputs(model, [images[:10], images[10:20], images[20:]], "all", counting))
    for layer in counting.activity:
        flat = whole[layer].reshape(23, -1)
        np.testing.assert_allclose(counting.activity.means(layer), np.abs(flat).mean(0), rtol=1e-5)
        assert counting.activity.zero_fraction(layer) == np.mean(flat == 0), layer
    units.POOLED_BYTES = 3 * 8 * 252  # of 10 convolved images 3 at a time, and of the last batch, of 3, all
    pooled = get_intermediate_outputs(model, images, "all", 10, units="pool")
    np.testing.assert_allclose(pooled["conv"], whole["conv"].mean((1, 2), np.float64), rtol=1e-6)
    np.testing.assert_allclose(pooled["tokens"], whole["tokens"].mean(1, np.float64), rtol=1e-6)
    last = get_intermediate_outputs(model, images, ["tokens", "pool"], 10, units={"token": "last"}, max_units=5)
    np.testing.assert_array_equal(last["tokens"], whole["tokens"][:, -1, choose_units("tokens", 6, 5, 0)])
    assert last["pool"].shape == (23, 5)
    every = get_intermediate_outputs(model, images, ["tokens"], 10, units="tokens", max_units=5)["tokens"]
    np.testing.assert_array_equal(every, whole["tokens"][..., choose_units("tokens", 6, 5, 0)].reshape(-1, 5))

    source = keras.Input((4,))
    left, _ = L.Lambda(lambda x: [x, x], output_shape=[(4,), (4,)], name="halves")(source)
    halves = get_intermediate_outputs(keras.Model(source, left), np.ones((3, 4), np.float32), ["halves", "halves[1]"])
    assert {name: array.shape for name, array in halves.items()} == {"halves": (3, 4), "halves[1]": (3, 4)}

    windows = L.Lambda(lambda x: keras.ops.reshape(x, (-1, 2, 1)), output_shape=(2, 1), name="windows")(source)
    with pytest.raises(InputError, match=r"'windows' returns an array \(4, 2, 1\) of 2 samples, not a row for each"):
        get_intermediate_outputs(keras.Model(source, windows), np.ones((3, 4), np.float32), ["windows"], units="pool")

    lazy = keras.Sequential([L.Flatten(), L.Dense(2, name="head")], name="lazy")
    with pytest.raises(InputError, match="how the layers of lazy follow each other: call it on images first"):
        get_intermediate_outputs(lazy, images)
    lazy(images[:1])
    assert get_intermediate_outputs(lazy, images)["head"].shape == (23, 2)

    class Subclass(keras.Model):
        def __init__(self):
            super().__init__(name="own")
            self.head = L.Dense(2)

        def call(self, images):
            return self.head(images)

    assert get_intermediate_outputs(Subclass(), images)["dense"].shape == (23, 9, 8, 2)


check_layers_and_weights()
check_units()
assert "torch" not in sys.modules
