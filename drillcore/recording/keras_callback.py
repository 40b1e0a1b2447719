"""Records the gradients of a Keras model's `fit`."""

import logging
import os
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from drillcore.base.errors import InputError
from drillcore.frameworks.keras import check_names, keras
from drillcore.frameworks.layers import enumerated
from drillcore.recording.decay import decay_of
from drillcore.recording.keras_step import ObservedStep, check_steps
from drillcore.recording.recorder import GradientRecorder
from drillcore.recording.same_batch import due

LOG = logging.getLogger("drillcore")

UNFINISHED = {}
"""By path, what abandons the recorder of a callback whose `fit` may have failed, unless it ended."""


class OptimizationInsightCallback(keras.callbacks.Callback):
    """Records every gradient of `fit` in a gradients.h5 that appears when the training ends.

    It serves one `fit` of any compiled model: functional, sequential or subclassed, with a `train_step` of its own and any
    number of optimisers, compiled, by XLA or eager. A gradient is what one of the optimisers that are the model's attributes
    is handed first in a step, before it clips; what a loss scale put in is taken out. Recorded are the weights that are
    trainable when the training begins, with zeros while they get no gradient; frozen weights have none. The loss is what
    `compute_loss` returns: NaN where a `train_step` never calls it.

    Parameters
    ----------
    path : path
        The file to write.
    report : callable, optional
        `report(step, scalars)` is called after every step with a dict of its loss and of the counts at the watched edges.
    **settings
        `edges`, `every`, `watch`, `threads`, `decay` and `same_batch` of a `GradientRecorder`. The decay is by default that
        of the model's optimiser, if it was compiled with one. With `same_batch=k` the compiled step takes its batch once
        more at the new weights, before every k-th step; seeds of random layers, statistics of batch normalisation, metrics
        and every other variable of model and layers are as at the first time, and afterwards as they were: the training is
        the same. Only what TensorFlow draws from its own generators is drawn anew.

    Raises
    ------
    InputError
        When the training begins, if the callback has recorded another, if the model takes several steps at a time or
        several devices, if none of its weights is trainable, or two have one name; after the first step, if no optimiser of
        the model was handed a gradient.

    Examples
    --------
    >>> import keras
    >>> import numpy as np
    >>> import drillcore
    >>> model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)])
    >>> model.compile("sgd", "mse")
    >>> images, targets = np.ones((8, 5), np.float32), np.zeros((8, 3), np.float32)
    >>> callback = drillcore.OptimizationInsightCallback("gradients.h5")
    >>> history = model.fit(images, targets, batch_size=4, epochs=2, verbose=0, callbacks=[callback])
    >>> with drillcore.open("gradients.h5") as file:  # steps, tensors, bins before, bins now, crossings
    ...     file.counts().shape
    (3, 2, 13, 13, 4)
    """

    def __init__(
        self, path: str | os.PathLike, report: Callable[[int, dict], None] | None = None, **settings: Any
    ) -> None:
        super().__init__()
        self.path, self.report, self.settings, self.same_batch = path, report, settings, settings.get("same_batch", 0)
        self.epoch, self.restored, self.ended, self.abandon = 0, None, False, lambda: None

    def on_train_begin(self, logs=None):
        if self.ended:
            raise InputError(
                f"{self.path} holds an earlier fit that this callback recorded: give each fit a callback of its own."
            )
        self.abandon()
        check_steps(self.model)
        self.step, self.recorder = ObservedStep(self.model, self.repeating()), None
        if self.model.built:
            self.step.begin()
            self.begin()

    def begin(self):
        """Begin to record, when the model has its weights."""
        weights = self.step.weights
        optimizer = getattr(self.model, "optimizer", None)
        settings = ({"decay": decay_of(optimizer)} if optimizer else {}) | self.settings
        self.recorder = GradientRecorder(sizes(weights, self.model), self.path, **settings)
        self.trained = {id(weight): weight for weight in weights}
        if self.restored:
            self.recorder.restore(self.restored)
            self.restored = None
        # Keras tells no callback that `fit` failed: the next training, or the end of the process, finds out.
        path = self.recorder.path.resolve()
        UNFINISHED.get(path, lambda: None)()
        self.recorder.__enter__()
        self.abandon = weakref.finalize(self, self.recorder.__exit__, InterruptedError, InterruptedError(), None)
        UNFINISHED[path] = self.abandon

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch + 1

    def on_train_batch_begin(self, batch, logs=None):
        if self.model.train_function is not self.step.function:  # another callback compiled the model anew
            self.step.compile()
        self.weights = self.step.values()
        if self.repeating():
            self.step.repeat.assign(self.repeats(self.next_step()))

    def repeating(self):
        """Whether any batch is taken once more."""
        return bool(self.same_batch)

    def repeats(self, step):
        """Whether that of `step` is."""
        return due(self.same_batch, step)

    def next_step(self):
        """The number of the step that is taken now."""
        if self.recorder:
            return self.recorder.next_step()
        return self.restored["step"] + 1 if self.restored else 1

    def on_train_batch_end(self, batch, logs=None):
        self.step.check()
        if not self.recorder:
            self.begin()
            self.weights = self.step.first
        loss = float(self.step.loss.numpy())
        self.recorder.record(self.recorder.next_step(), self.epoch, loss, self.step.gradients(), self.weights)
        self.step.first = []
        if self.repeats(self.recorder.last_step):
            self.recorder.record_same_batch(self.step.gradients_again(), self.step.values())
        self.say_changes()
        if self.report:
            self.report(self.recorder.last_step, {"step/loss": loss, **self.recorder.watched()})

    def say_changes(self):
        """Say in a line which weights have become trainable, or are no longer."""
        now = {id(weight): weight for weight in self.model.trainable_weights}
        if now.keys() != self.trained.keys():
            LOG.warning(f"step {self.recorder.last_step}: {changed(self.trained, now, self.step.kept.keys())}")
        self.trained = now

    def on_epoch_end(self, epoch, logs=None):
        self.recorder.end_epoch(self.epoch)

    def on_train_end(self, logs=None):
        self.abandon.detach()
        self.recorder.__exit__(None, None, None)
        self.ended = True
        self.model.train_function = None  # the next `fit` keeps no gradients

    def state(self) -> dict[str, Any]:
        """What the next epoch starts from."""
        return {"epoch": self.epoch, "recorder": self.recorder.state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned; call before `fit`."""
        self.epoch, self.restored = state["epoch"], state["recorder"]


callback = OptimizationInsightCallback
"""The short name of the class: `callbacks=[drillcore.callback("gradients.h5")]`."""


def sizes(weights, model):
    """The name and number of parameters of each of `weights`, which `model` trains, in order."""
    names = check_names(weights, model)
    return {name: int(np.prod(weight.shape)) for name, weight in zip(names, weights, strict=True)}


def changed(before, now, watched):
    """What is trainable `now` and was not `before`, or was and is not, in a sentence; dicts of id to weight each.

    `watched` are the ids of those that are recorded.
    """
    new = now.keys() - before.keys()
    groups = {
        "no longer trainable, recorded as zeros while without a gradient": before.keys() - now.keys(),
        "trainable again": new & watched,
        "trainable now but not recorded, as only those are that were trainable when the training began": new - watched,
    }
    weights = {**before, **now}
    named = {
        said: [weight.path.replace("/", ".") for key, weight in weights.items() if key in keys]
        for said, keys in groups.items()
    }
    return "; ".join(f"{enumerated(names)}: {said}" for said, names in named.items() if names)
