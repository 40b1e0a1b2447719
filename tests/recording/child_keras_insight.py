"""The recording callback in `fit` of Keras models, against gradients taken by hand: a function's name and a folder."""

import sys
from contextlib import suppress
from pathlib import Path

import numpy as np

from drillcore.base.errors import InputError
from drillcore.base.store import read
from drillcore.frameworks.keras import keras, tf
from stages.rig.keras.training import OptimizationInsightCallback

path = Path(sys.argv[1], "gradients.h5")
images = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
labels = np.argmax(images[:, :3], 1)
loss_function = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def functional():
    inputs = keras.Input((6,))
    features = keras.layers.Dense(8, activation="relu", name="frozen", trainable=False)(inputs)
    features = keras.layers.Dense(8, activation="relu", name="dense")(features)
    return keras.Model(inputs, keras.layers.Dense(3, name="output")(features))


def sequential():
    return keras.Sequential([keras.layers.Dense(8, activation="relu"), keras.layers.Dense(3)])


def of_16_bits():
    hidden = [keras.layers.Dense(8, activation="relu", dtype=dtype) for dtype in ("float16", "bfloat16")]
    return keras.Sequential([*hidden, keras.layers.Dense(3)])


def words():
    inputs = keras.Input((6,))
    features = keras.layers.Embedding(30, 4)(keras.ops.cast(keras.ops.abs(inputs) * 3, "int32"))
    return keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Flatten()(features)))


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.unreached = self.add_weight(shape=(5,), name="unreached")
        self.dense, self.output_layer = keras.layers.Dense(8, activation="relu"), keras.layers.Dense(3)

    def call(self, inputs):
        return self.output_layer(self.dense(inputs))


class OwnStep(Subclassed):
    def train_step(self, data):
        inputs, wanted = data
        with tf.GradientTape() as tape:
            loss = self.loss_of(wanted, self(inputs, training=True))
        self.optimizer.apply(tape.gradient(loss, self.trainable_weights))
        return {"own": loss}

    def loss_of(self, wanted, logits):
        return self.compute_loss(y=wanted, y_pred=logits)


class OwnLoss(OwnStep):
    def loss_of(self, wanted, logits):
        return loss_function(wanted, logits)


def seeded(make, build=True):
    keras.utils.set_random_seed(3)
    model = make()
    if build:
        model(images[:1])
    return model


def by_hand(make, optimizer, batch, epochs):
    # The losses and raw gradients of every step.
    model, steps = seeded(make), []
    for _ in range(epochs):
        for begin in range(0, len(images), batch):
            with tf.GradientTape() as tape:
                loss = loss_function(labels[begin : begin + batch], model(images[begin : begin + batch], training=True))
            gradients = tape.gradient(loss, model.trainable_weights)
            pairs = zip(gradients, model.trainable_weights, strict=True)
            dense = [np.zeros(w.shape) if g is None else np.asarray(tf.convert_to_tensor(g)) for g, w in pairs]
            steps.append((float(loss), dense))
            optimizer.apply(gradients, model.trainable_weights)
    return steps


def signed_bins(gradients, edges):
    return [np.sign(g).ravel() * np.searchsorted([0, *edges], abs(g.astype(np.float64))).ravel() for g in gradients]


def agree(path, steps, epochs, agreement=0.97):
    with read(path) as file:
        np.testing.assert_allclose(file["loss"][:], [loss for loss, _ in steps], rtol=1e-4)
        per_epoch = len(steps) // epochs
        for epoch in range(1, epochs + 1):
            expected = signed_bins(steps[epoch * per_epoch - 1][1], file.attrs["bin_edges"])
            found = [file[f"snapshots/{epoch:03d}/{name}"][:] for name in file.attrs["tensors"]]
            for one, other in zip(found, expected, strict=True):
                assert (one == other).mean() >= agreement, (epoch, one, other)
        counted = file["raw/counts"][:].sum((2, 3, 4))
        np.testing.assert_array_equal(counted, np.broadcast_to(file.attrs["sizes"], counted.shape))
        assert file["raw/weight_change"][:].sum() > 0
        assert (np.concatenate(found) != 0).any()


def any_model():
    cases = [
        (functional, lambda: keras.optimizers.SGD(0.1, clipnorm=1e-3), {}),
        (sequential, lambda: keras.optimizers.SGD(0.1), {"run_eagerly": True}),
        (Subclassed, lambda: keras.optimizers.Adam(0.01), {"jit_compile": True}),
        (OwnStep, lambda: keras.optimizers.SGD(0.1), {"jit_compile": False}),
        (words, lambda: keras.optimizers.SGD(0.1), {"jit_compile": False}),
        (of_16_bits, lambda: keras.optimizers.SGD(0.1), {"run_eagerly": True}),
    ]
    for make, optimizer, settings in cases:
        model = seeded(make, build=False)
        scaled = keras.optimizers.LossScaleOptimizer(optimizer()) if make is words else optimizer()
        model.compile(scaled, loss_function, **settings)
        fit = {"x": images, "y": labels, "batch_size": 20, "shuffle": False, "verbose": 0, "epochs": 2}
        model.fit(**fit, callbacks=[OptimizationInsightCallback(path)], validation_data=(images[:7], labels[:7]))
        agree(path, by_hand(make, optimizer(), 20, 2), 2)
        assert not {"compute_loss", "train_step"} & vars(model).keys() and "apply" not in vars(model.optimizer)
        first = path.read_bytes()
        model.fit(**fit)
        assert path.read_bytes() == first
        with read(path) as file:
            assert file.attrs["decay"] == (0.9 if make is Subclassed else 0.0)
            names = list(file.attrs["tensors"])
        assert not any("frozen" in name for name in names) and len(names) == len(model.trainable_weights), names

    model = seeded(OwnLoss)
    model.compile(keras.optimizers.SGD(0.1))
    model.fit(images, labels, batch_size=20, verbose=0, callbacks=[OptimizationInsightCallback(path, watch=[1e-7])])
    with read(path) as file:
        assert np.isnan(file["loss"][:]).all() and file["raw/counts"][:].sum() > 0


def refused(model, words):
    try:
        model.fit(images, labels, verbose=0, callbacks=[OptimizationInsightCallback(path)])
    except InputError as error:
        assert words in str(error), error
    else:
        raise AssertionError(f"not refused: {words}")
    assert not list(path.parent.iterdir())


class Twins(keras.Model):
    def __init__(self):
        super().__init__()
        self.twins = [keras.layers.Dense(6, name="twin") for _ in range(2)]

    def call(self, inputs):
        return self.twins[1](self.twins[0](inputs))


def unfit():
    model = sequential()
    model.compile("sgd", loss_function, steps_per_execution=2)
    refused(model, "compile it with steps_per_execution=1")
    model = functional()
    model.trainable = False
    model.compile("sgd", loss_function)
    refused(model, "None of the model's parameters is trained")
    model = Twins()
    model.compile("sgd", loss_function)
    refused(model, "more than one weight twins.twin.kernel: give each of its layers a name of its own")


class Failing(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch == 1:
            raise ZeroDivisionError("an own mistake")


def failed():
    model = seeded(functional)
    model.compile(keras.optimizers.SGD(0.1), loss_function)
    fit = {"x": images, "y": labels, "batch_size": 20, "shuffle": False, "verbose": 0}
    for same in (True, False):
        insight = OptimizationInsightCallback(path)
        for _ in range(2):
            with suppress(ZeroDivisionError):
                model.fit(**fit, callbacks=[insight, Failing()])
            assert not path.exists()
        model.set_weights(seeded(functional).get_weights())
        model.fit(**fit, callbacks=[insight if same else OptimizationInsightCallback(path)])
        agree(path, by_hand(functional, keras.optimizers.SGD(0.1), 20, 1), 1)
        path.unlink()
    model.fit(**fit, callbacks=[OptimizationInsightCallback(path), Failing()])


for function in sys.argv[2:]:
    globals()[function]()
