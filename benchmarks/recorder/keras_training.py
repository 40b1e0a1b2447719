"""Trains the network in Keras with one way to look at its gradients."""

import tempfile
import time

import numpy as np

import drillcore
from benchmarks.recorder.measuring import WARM_UP, ListRecorder, Measured, own_part, peak, timed, timing
from stages.rig.card import Cnn

BATCH = 128
CNN = Cnn(
    name="cifar10-cnn",
    framework="keras",
    dataset="cifar10",
    input=[32, 32, 3],
    convolutions=[32, 64, 128],
    dense=[256],
    seed=0,
)


def train_keras(method, steps, seconds):
    """What `Measured` says of `steps` steps of Adam, or of those that begin within some seconds."""
    from drillcore.frameworks.keras import keras
    from stages.rig.keras.network import build

    model = build(CNN, 10)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=False)
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 10, BATCH)
    images = generator.random((BATCH, *CNN.input), np.float32) * (labels.reshape(-1, 1, 1, 1) + 1) / np.float32(10)
    with tempfile.TemporaryDirectory() as folder:
        times, own, end = KERAS[method](model, images, labels, steps, seconds, folder=folder)
    times = np.array(times[WARM_UP:])
    return Measured(times, own_part(own, len(times)), peak(), end, model.count_params(), BATCH)


def fit(model, images, labels, steps, seconds, callbacks, on_begin=lambda: None):
    """Train by Keras' `fit` with some callbacks; returns the times of its steps and the seconds that its end took."""
    from drillcore.frameworks.keras import keras

    class Clock(keras.callbacks.Callback):
        """Times each step from its begin to that of the next, and with it all callbacks."""

        def on_train_begin(self, logs=None):
            self.begins, self.begin = [], time.perf_counter()
            on_begin()

        def on_train_batch_begin(self, batch, logs=None):
            self.begins.append((time.perf_counter(), time.process_time()))
            self.model.stop_training = batch > WARM_UP + 1 and self.begins[-1][0] - self.begin > seconds

        def on_epoch_end(self, epoch, logs=None):
            self.end = time.perf_counter()

    clock, number = Clock(), WARM_UP + steps + 1
    data = {"x": np.tile(images, (number, 1, 1, 1)), "y": np.tile(labels, number), "batch_size": BATCH}
    model.fit(**data, shuffle=False, verbose=0, callbacks=[*callbacks, clock])
    return np.diff(clock.begins, axis=0) * 1e3, time.perf_counter() - clock.end


def bare(*training, folder):
    """Keras' `fit`."""
    times, end = fit(*training, [])
    return times, [], end


def recorded(*training, folder):
    """Every gradient of every step, by a callback."""
    own, callback = [], drillcore.callback(f"{folder}/gradients.h5")

    def on_begin():
        callback.recorder.record = timing(own, callback.recorder.record)

    times, end = fit(*training, [callback], on_begin)
    return times, own[: len(times)], end


def by_tape(model, images, labels, steps, seconds, look):
    """A loop of compiled gradients and updates, with a `look` at step, gradients and weights between them."""
    from drillcore.frameworks.keras import tf

    weights, times, own, begin = model.trainable_variables, [], [], time.perf_counter()
    look, images, labels = timing(own, look), tf.constant(images), tf.constant(labels)

    @tf.function(jit_compile=False)
    def gradients():
        with tf.GradientTape() as tape:
            loss = model.compute_loss(images, labels, model(images, training=True))
        return tape.gradient(loss, [weight.value for weight in weights])

    @tf.function(jit_compile=False)
    def update(found):
        model.optimizer.apply(found, weights)

    for step in range(WARM_UP + steps):
        if step > WARM_UP and time.perf_counter() - begin > seconds:
            break
        with timed(times):
            found = gradients()
            look(step, found, weights)
            update(found)
    return times, own


def lists(*training, folder):
    """Python numbers of all gradients and weights."""
    recorder = ListRecorder()

    def look(step, gradients, weights):
        recorder.record([gradient.numpy() for gradient in gradients], [weight.numpy() for weight in weights])

    return *by_tape(*training, look), 0.0


def histograms(*training, folder):
    """TensorBoard's histogram of every gradient at every step."""
    from drillcore.frameworks.keras import tf

    with tf.summary.create_file_writer(folder).as_default():

        def look(step, gradients, weights):
            for gradient, weight in zip(gradients, weights, strict=True):
                tf.summary.histogram(weight.path, gradient, step)

        return *by_tape(*training, look), 0.0


KERAS = {"bare step": bare, "drillcore": recorded, "lists of numbers": lists, "TensorBoard histograms": histograms}
