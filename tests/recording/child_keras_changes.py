"""python -m tests.recording.child_keras_changes FOLDER : fits of several optimisers, and fits in which something changes."""

import sys
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

import numpy as np

from drillcore.base.errors import InputError
from drillcore.base.store import read
from drillcore.frameworks.keras import keras, tf
from drillcore.recording.recorder import GradientRecorder
from stages.rig.keras.training import OptimizationInsightCallback

IMAGES = np.random.default_rng(0).normal(size=(16, 6)).astype(np.float32)
LABELS = np.arange(16) % 3
CROSS_ENTROPY = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
RECORDED = []
"""The gradients and the weights of every step that a recorder was handed."""


def noted(recorder, step, epoch, loss, gradients, weights):
    RECORDED.append([[np.array(array) for array in arrays] for arrays in (gradients, weights)])
    return record(recorder, step, epoch, loss, gradients, weights)


record, GradientRecorder.record = GradientRecorder.record, noted


class Gan(keras.Model):
    """A generator every second step, and a discriminator twice in every step, each with an optimiser of its own."""

    def __init__(self):
        super().__init__()
        self.discriminator = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4, "tanh"), keras.layers.Dense(1)])
        self.generator = keras.Sequential([keras.Input((3,)), keras.layers.Dense(6, name="made")])
        self.count = tf.Variable(0)

    def compile(self, optimizers, **settings):
        super().compile(**settings)
        self.optimizers = dict(zip(["discriminator", "generator"], optimizers, strict=True))

    def loss_of(self, part, real):
        judged = self.discriminator(tf.concat([real, self.generator(real[:, :3])], 0))
        wanted = tf.repeat([1.0, 0.0] if part == "discriminator" else [0.0, 1.0], tf.shape(real)[0])[:, None]
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(wanted, judged))

    def gradients_of(self, part, real, scaled=lambda loss: loss):
        weights = getattr(self, part).trainable_weights
        with tf.GradientTape() as tape:
            loss = scaled(self.loss_of(part, real))
        return tape.gradient(loss, weights), weights

    def update(self, part, real):
        optimizer = self.optimizers[part]
        optimizer.apply_gradients(zip(*self.gradients_of(part, real, optimizer.scale_loss), strict=True))
        return 0

    def train_step(self, real):
        self.update("discriminator", real)
        self.update("discriminator", real)
        self.count.assign_add(1)
        tf.cond(self.count % 2 == 0, lambda: self.update("generator", real), lambda: 0)
        return {"step": tf.cast(self.count, tf.float32)}


def optimizers():
    return [
        keras.optimizers.SGD(0.1),
        keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.5), initial_scale=8.0),
    ]


def gan_by_hand():
    """The first gradient of every weight in a step, zeros where it has none, and the weights that the step began with."""
    keras.utils.set_random_seed(3)
    model, rates, steps = Gan(), {"discriminator": 0.1, "generator": 0.5}, []

    def updated(part, real):
        gradients, weights = model.gradients_of(part, real)
        for gradient, weight in zip(gradients, weights, strict=True):
            weight.assign(weight - rates[part] * gradient)
        return [np.array(gradient) for gradient in gradients]

    for number, begin in enumerate(range(0, 16, 4)):
        real = IMAGES[begin : begin + 4]
        weights = model.discriminator.get_weights() + model.generator.get_weights()
        gradients = updated("discriminator", real)
        updated("discriminator", real)
        made = [np.zeros_like(weight) for weight in weights[len(gradients) :]]
        steps.append([gradients + (updated("generator", real) if number % 2 else made), weights])
    return steps


def test_every_optimiser_of_a_gan_is_watched(path):
    for settings in ({"run_eagerly": True}, {"jit_compile": False}):
        RECORDED.clear()
        keras.utils.set_random_seed(3)
        model = Gan()
        model.compile(optimizers(), **settings)
        model.fit(IMAGES, batch_size=4, shuffle=False, verbose=0, callbacks=[OptimizationInsightCallback(path)])
        for found, expected in zip(RECORDED, gan_by_hand(), strict=True):
            for mine, right in zip(found[0] + found[1], expected[0] + expected[1], strict=True):
                np.testing.assert_allclose(mine, right.ravel() if mine.ndim == 1 else right, rtol=1e-5, atol=1e-7)
        with read(path) as file:
            assert len(file.attrs["tensors"]) == 6 and len(file["loss"]) == 4


class At(keras.callbacks.Callback):
    """Calls functions of the model at the end of some of the epochs, counted from 0."""

    def __init__(self, changes):
        super().__init__()
        self.changes = changes

    def on_epoch_end(self, epoch, logs=None):
        self.changes.get(epoch, lambda model: None)(self.model)


def network(**settings):
    keras.utils.set_random_seed(3)
    images = keras.Input((6,))
    features = keras.layers.Dense(3, name="middle", trainable=False)(keras.layers.Dense(4, name="first")(images))
    model = keras.Model(images, keras.layers.Dense(3, name="last")(features))
    model.compile(keras.optimizers.SGD(0.1), CROSS_ENTROPY, **settings)
    return model


def trainable(name, value, compiled=False):
    def change(model):
        model.get_layer(name).trainable = value
        if compiled:
            model.compile(keras.optimizers.SGD(0.1), CROSS_ENTROPY)

    return change


def fitted(path, model, changes):
    RECORDED.clear()
    fit = {"batch_size": 16, "shuffle": False, "verbose": 0, "epochs": 4}
    with redirect_stderr(StringIO()) as errors:
        model.fit(IMAGES, LABELS, **fit, callbacks=[At(changes), OptimizationInsightCallback(path)])
    with read(path) as file:
        names = list(file.attrs["tensors"])
    assert names == ["first.kernel", "first.bias", "last.kernel", "last.bias"]
    zeros = {name: [not gradients[number].any() for gradients, _ in RECORDED] for number, name in enumerate(names)}
    return zeros, errors.getvalue()


def test_a_layer_frozen_in_the_middle_has_zeros_until_it_is_trained_again(path):
    for compiled in (False, True):
        model = network(run_eagerly=not compiled)
        changes = {0: trainable("first", False, compiled), 2: trainable("first", True, compiled)}
        zeros, said = fitted(path, model, changes)
        for name, steps in zeros.items():
            assert steps == [False, "first" in name, "first" in name, False], (name, steps)
        assert said.count("\n") == 2, said
        frozen = "step 2: first.kernel, first.bias: no longer trainable, recorded as zeros while without a gradient"
        assert frozen in said and "step 4: first.kernel, first.bias: trainable again" in said, said
        for before, now in zip(RECORDED[1][1], RECORDED[2][1], strict=True):  # the second step moved the others alone
            assert (before == now).all() == (before is RECORDED[1][1][0] or before is RECORDED[1][1][1])


def test_a_layer_that_is_trained_from_the_middle_on_is_named(path):
    zeros, said = fitted(path, network(), {1: trainable("middle", True, True)})
    assert not any(any(steps) for steps in zeros.values())
    assert said.count("\n") == 1 and "step 3: middle.kernel, middle.bias: trainable now but not recorded" in said, said


class Words(keras.Model):
    """An embedding, whose gradients are sparse, an output of 16 bits, and a weight that no loss reaches."""

    def __init__(self):
        super().__init__(name="net")
        self.unreached = self.add_weight(shape=(4,), name="unreached")
        self.words = keras.layers.Embedding(3, 4, name="words")
        self.output_layer = keras.layers.Dense(3, use_bias=False, dtype="bfloat16", name="output")
        self.optimizer = keras.optimizers.SGD(0.1)

    def call(self, words):
        return self.output_layer(self.words(words))


class ByHand(keras.Model):
    """Moves its weights without an optimiser."""

    def __init__(self):
        super().__init__()
        self.layer = keras.layers.Dense(3)

    def call(self, images):
        return self.layer(images)

    def train_step(self, data):
        with tf.GradientTape() as tape:
            loss = CROSS_ENTROPY(data[1], self(data[0]))
        for weight, gradient in zip(self.trainable_weights, tape.gradient(loss, self.trainable_weights), strict=True):
            weight.assign(weight - 0.1 * gradient)
        return {"loss": loss}


def refused(model, callback, words):
    try:
        model.fit(IMAGES, LABELS, verbose=0, callbacks=[callback])
    except InputError as error:
        assert words in str(error), error
    else:
        raise AssertionError(f"not refused: {words}")


def test_a_step_without_an_optimiser_is_refused(path):
    model = ByHand()
    model.compile()
    refused(
        model, OptimizationInsightCallback(path), "hands gradients to no optimiser that is an attribute of the model"
    )


def test_a_second_fit_with_the_same_callback_is_refused_and_the_first_kept(path):
    model, callback = network(), OptimizationInsightCallback(path)
    model.fit(IMAGES, LABELS, verbose=0, callbacks=[callback])
    first = path.read_bytes()
    refused(model, callback, f"{path} holds an earlier fit that this callback recorded: give each fit a callback")
    assert path.read_bytes() == first and [*path.parent.iterdir()] == [path]


def test_a_loop_of_ones_own_records_a_list_of_keras_variables(path):
    RECORDED.clear()
    model, expected = Words(), []
    model(LABELS)
    recorder = GradientRecorder(model.variables, path)
    for _ in range(2):
        with tf.GradientTape() as tape:
            loss = CROSS_ENTROPY(LABELS, model(LABELS))
        gradients = tape.gradient(loss, model.trainable_variables)
        expected.append(
            [[np.array(tf.convert_to_tensor(tf.zeros(4) if g is None else g)) for g in gradients], model.get_weights()]
        )
        recorder.step(float(loss), gradients=gradients)
        model.optimizer.apply(gradients, model.trainable_variables)
    recorder.close()
    with read(path) as file:
        assert [name.partition(".")[2] for name in file.attrs["tensors"]] == [
            "unreached",
            "words.embeddings",
            "output.kernel",
        ]
    for found, right in zip(RECORDED, expected, strict=True):
        for mine, array in zip(found[0] + found[1], right[0] + right[1], strict=True):
            np.testing.assert_array_equal(mine.ravel(), array.ravel().astype(np.float32))


if __name__ == "__main__":
    tests = {name: test for name, test in list(globals().items()) if name.startswith("test_")}
    for name, test in tests.items():
        folder = Path(sys.argv[1], name)
        folder.mkdir()
        test(folder / "gradients.h5")
        print(name)
