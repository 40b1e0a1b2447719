"""The losses of Keras networks: functions of labels (n) and outputs (n, classes)."""

from drillcore.frameworks.keras import keras
from stages.rig.keras.network import gives_logits


def cross_entropy(logits):
    """The cross-entropy of outputs that are `logits`, or else probabilities."""
    return keras.losses.SparseCategoricalCrossentropy(from_logits=logits)


class SquaredError(keras.losses.Loss):
    """The mean squared error of outputs (n, classes) against one-hot labels (n)."""

    def call(self, labels, outputs):
        wanted = keras.ops.one_hot(labels, outputs.shape[1], dtype=outputs.dtype)
        return keras.ops.mean(keras.ops.square(outputs - wanted), -1)


LOSSES = {"cross_entropy": cross_entropy, "mse": lambda logits: SquaredError()}


def loss_of(name, model, shape):
    """The loss of that `name` for the outputs of a `model` of images of `shape`, logits or probabilities."""
    return LOSSES[name](gives_logits(model, shape))
