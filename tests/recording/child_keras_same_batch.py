"""The same batch once more at the new weights in Keras' `fit`; its argument is an empty folder."""

import sys
from pathlib import Path

import numpy as np

import drillcore
from drillcore.base.errors import InputError
from drillcore.base.store import read
from drillcore.frameworks.keras import keras, tf
from drillcore.recording.keras_callback import OptimizationInsightCallback

folder = Path(sys.argv[1])
inputs = np.random.default_rng(0).normal(size=(24, 6)).astype(np.float32)
targets = inputs[:, :2] + 1
layers = keras.layers


class Counting(layers.Layer):
    """A layer with a variable of TensorFlow's, random numbers without a seed of its own, and a weight that it moves."""

    def __init__(self):
        super().__init__()
        self.calls = tf.Variable(0.0)
        self.moved = self.add_weight(shape=(), initializer="ones", trainable=False)

    def call(self, values):
        self.calls.assign_add(1.0)
        self.moved.assign(self.moved * 1.1)
        return values * self.moved + self.calls + keras.random.normal(())


class Mean(keras.metrics.Metric):
    """A metric with a variable of its own."""

    def __init__(self, name):
        super().__init__(name=name)
        self.total = self.add_weight(name="total", initializer="zeros")

    def update_state(self, wanted, outputs, sample_weight=None):
        self.total.assign_add(keras.ops.sum(outputs))

    def result(self):
        return self.total / 2


class Stepping(keras.Model):
    """A model with a training step of its own that moves what no optimiser moves: a rate, an average of weights."""

    def train_step(self, data):
        values, wanted = data
        with tf.GradientTape() as tape:
            outputs = self(values, training=True)
            loss = self.compute_loss(y=wanted, y_pred=outputs)
        self.optimizer.apply(tape.gradient(loss, self.trainable_weights))
        self.optimizer.learning_rate.assign(self.optimizer.learning_rate * 0.9)
        self.trainable_weights[0].assign(self.trainable_weights[0] * 0.99)
        return self.compute_metrics(values, wanted, outputs)


def network(kind=keras.Model):
    keras.utils.set_random_seed(3)
    seen = keras.Input((6,))
    values = layers.BatchNormalization()(layers.SpectralNormalization(layers.Dense(8, activation="relu"))(seen))
    values = layers.Dropout(0.5)(layers.GaussianNoise(0.3)(Counting()(values)))
    return kind(seen, layers.Dense(2)(values))


def fit(model, path, same_batch, rate=0.01, batch=8, **settings):
    """Fit `model`, and return all that the training left: variables, losses, metrics."""
    model(inputs[:1], training=True)
    model.compile(keras.optimizers.SGD(rate, momentum=0.9), "mse", metrics=[Mean(name="mean")], **settings)
    insight = OptimizationInsightCallback(path, same_batch=same_batch)
    history = model.fit(
        inputs, targets, batch_size=batch, epochs=2, shuffle=False, verbose=0, callbacks=[insight]
    ).history
    variables = [*model.variables, *model.optimizer.variables]
    calls = [layer.calls.numpy() for layer in model.layers if isinstance(layer, Counting)]
    return history, [np.asarray(variable) for variable in variables], calls


ways = [{"jit_compile": False}, {"jit_compile": True}, {"run_eagerly": True}]
for kind, way in [*((keras.Model, way) for way in ways), (Stepping, ways[0])]:
    one, other = (fit(network(kind), folder / f"{k}", k, **way) for k in (2, 0))
    assert one[0] == other[0] and one[2] == other[2], (kind, way, one[0], other[0])
    for values, expected in zip(one[1], other[1], strict=True):
        np.testing.assert_array_equal(values, expected, err_msg=str((kind, way)))
    with read(folder / "2") as file, read(folder / "0") as plain:
        assert set(file) == {*plain, "same_batch"}
        assert file["same_batch/step"][:].tolist() == [2, 4, 6], way
        assert file["same_batch/epoch"][:].tolist() == [1, 2, 2]
        for name in plain["raw"]:
            np.testing.assert_array_equal(file["raw"][name], plain["raw"][name], err_msg=str((kind, way)))

# At weights that stay, the second time gives the first time's gradients: none leaves its bin, and none flips.
for way in ({"jit_compile": False}, {"run_eagerly": True}):
    fit(network(), folder / "still", 1, 0.0, **way)
    with drillcore.open(folder / "still") as file:
        for rows in ("raw", "same_batch"):
            counts = file.counts(rows)[:]
            elsewhere = counts.sum((0, 1, 4)) * (1 - np.eye(counts.shape[2], dtype=int))
            assert bool(elsewhere.any()) is (rows == "raw"), (rows, way)
        assert counts.sum() == counts[..., 0].sum() == 5 * file.sizes.sum()


# On a quadratic of another minimum in every batch, descent crosses just where the rate is above the inverse curvature.
class Curved(keras.losses.Loss):
    def call(self, wanted, weights):
        return keras.ops.sum(keras.ops.array([0.5, 2.0, 8.0]) * (weights - wanted) ** 2, -1) / 2


class Weights(keras.Model):
    def __init__(self):
        super().__init__()
        self.inner = self.add_weight(shape=(3,), initializer="ones", name="inner")

    def call(self, values):
        return self.inner + 0 * values


minima = np.random.default_rng(1).normal(size=(12, 3)).astype(np.float32)
for rate, beyond in ((0.1, 0), (0.7, 2)):
    model = Weights()
    model.compile(keras.optimizers.SGD(rate), Curved(), jit_compile=False)
    path = folder / "quadratic"
    model.fit(minima, minima, 1, shuffle=False, verbose=0, callbacks=[OptimizationInsightCallback(path, same_batch=1)])
    with drillcore.open(path) as file:
        assert file.counts("same_batch")[:].sum((0, 1, 2, 3)).tolist() == [11 * (3 - beyond), 11 * beyond, 0, 0], rate


class Unbuilt(keras.Model):
    """A model that no call builds, whose first step makes its statistics."""

    def __init__(self):
        super().__init__()
        self.part = keras.Sequential([layers.Dense(4), layers.BatchNormalization(), layers.Dense(2)])

    def train_step(self, data):
        with tf.GradientTape() as tape:
            loss = keras.ops.mean(self.part(data[0], training=True) ** 2)
        self.optimizer.apply(tape.gradient(loss, self.part.trainable_weights), self.part.trainable_weights)
        return {"loss": loss}


model = Unbuilt()
model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
insight = OptimizationInsightCallback(folder / "unbuilt", same_batch=1)
try:
    model.fit(inputs, targets, verbose=0, callbacks=[insight])
except InputError as error:
    assert "makes the variables " in str(error) and "/moving_mean" in str(error), error
else:
    raise AssertionError("not refused")
model.part(inputs[:1], training=True)
model.fit(inputs, targets, 8, verbose=0, callbacks=[OptimizationInsightCallback(folder / "unbuilt", same_batch=1)])
with drillcore.open(folder / "unbuilt") as file:
    assert file.step("same_batch").tolist() == [2, 3]
