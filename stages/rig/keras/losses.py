"""The losses of Keras networks, functions of targets and outputs, or of the model and a batch, and the scores that are
counted while they train."""

import math
from functools import partial

from drillcore.base.errors import InputError
from drillcore.frameworks import LossOfModel
from drillcore.frameworks.keras import keras, replaced
from drillcore.tasks import TASKS
from stages.rig.keras.network import gives_logits
from stages.rig.user_defined import user_loss


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
    return keras.ops.reshape(values, (-1, math.prod(values.shape[1:])))


class UserLoss(LossOfModel):
    """The loss that the user of `card` wrote. The model that it calls trains where `training` says so."""

    def __init__(self, card):
        super().__init__(user_loss(card), card.scored_as() != "loss")
        self.name, self.answer = card.loss, None

    def __call__(self, model, inputs, targets, training=False):
        """The loss of a batch; `answer` is then what the model answered when it was first called, None if it was not."""
        answers, call = [], model.call

        def keep(*arguments, **settings):
            answers.append(call(*arguments, **settings))
            return answers[-1]

        model._clear_losses()  # or those of its regularisers pile up, for it is not the outermost that is called
        with replaced(model, "call", keep):
            loss = Mode(partial(super().__call__, model))(inputs, targets, training=training)
        self.answer = answers[0] if answers else None
        if not keras.ops.is_tensor(loss) or math.prod(loss.shape) != 1:
            found = list(loss.shape) if keras.ops.is_tensor(loss) else type(loss).__name__
            raise InputError(f"{self.name} returns {found}, but should return one number, as a tensor.")
        return keras.ops.reshape(loss, ())


class Mode(keras.layers.Layer):
    """Calls a `function` of inputs and targets so that all layers which it calls train, or do not, without being told."""

    def __init__(self, function):
        super().__init__(autocast=False)
        self.function = function

    def build(self, shape):
        """Have no weights."""

    def call(self, inputs, targets):
        """What the function returns."""
        return self.function(inputs, targets)


def loss_of(card, model):
    """The loss of `card` for the outputs of its `model`, logits or probabilities."""
    if getattr(card, "loss", None):
        return UserLoss(card)
    if card.loss_name() == "mse":
        return OneHotError() if card.task == "classification" else SquaredError()
    return cross_entropy(gives_logits(model, card.input))


def answered(loss, model, inputs, targets, training=False):
    """What `model` answers to `inputs`, None where nothing can be scored, and its `UserLoss`.

    Where the model itself was never called, but parts of it, it is once more, in evaluation mode.
    """
    value = loss(model, inputs, targets, training)
    if not loss.answers:
        return None, value
    return loss.answer if loss.answer is not None else model(inputs, training=False), value


def scores_in_training(card):
    """The metrics that are counted while the network of `card` trains: that of its task's score, if there is one."""
    match TASKS[card.scored_as()].score:
        case None:
            return []
        case "r2":
            return [R2()]
    return [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]
