"""The losses of Keras networks, functions of targets and outputs, and the scores that are counted while they train."""

from drillcore.frameworks.keras import keras
from drillcore.tasks import TASKS
from stages.rig.keras.network import gives_logits


def cross_entropy(logits):
    """The cross-entropy of outputs (n, ..., classes) that are `logits`, or else probabilities, and targets (n, ...)."""
    return keras.losses.SparseCategoricalCrossentropy(from_logits=logits)


class OneHotError(keras.losses.Loss):
    """The mean squared error of outputs (n, classes) against one-hot labels (n)."""

    def call(self, labels, outputs):
        wanted = keras.ops.one_hot(labels, outputs.shape[1], dtype=outputs.dtype)
        return keras.ops.mean(keras.ops.square(outputs - wanted), -1)


class SquaredError(keras.losses.Loss):
    """The mean squared error of outputs and targets (n, ...) of equally many numbers."""

    def call(self, targets, outputs):
        return keras.ops.mean(keras.ops.square(rows(outputs) - keras.ops.cast(rows(targets), outputs.dtype)), -1)


class R2(keras.metrics.R2Score):
    """R2 over all numbers of outputs and targets (n, ...)."""

    def __init__(self):
        super().__init__(class_aggregation="variance_weighted_average", name="r2")

    def update_state(self, targets, outputs, sample_weight=None):
        """Count a batch."""
        super().update_state(rows(targets), rows(outputs), sample_weight)


def rows(values):
    """Values (n, ...) as (n, numbers)."""
    return keras.ops.reshape(values, (keras.ops.shape(values)[0], -1))


def loss_of(name, model, shape, task="classification"):
    """The loss of that `name` at a `task`, for the outputs of a `model` of inputs of `shape`, logits or probabilities."""
    if name == "mse":
        return OneHotError() if task == "classification" else SquaredError()
    return cross_entropy(gives_logits(model, shape))


def score_of(task):
    """The metric of the score of a `task`."""
    return R2() if TASKS[task].score == "r2" else keras.metrics.SparseCategoricalAccuracy(name="accuracy")
