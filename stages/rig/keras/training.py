"""Training in Keras: the callbacks that save, measure and record."""

import json
import re
import tempfile
import zipfile
from functools import partial
from pathlib import Path

import numpy as np

from drillcore.base.store import whole
from drillcore.frameworks.keras import keras, tf
from drillcore.recording.keras_callback import OptimizationInsightCallback, sizes
from drillcore.recording.keras_step import ObservedStep
from drillcore.recording.transition_recorder import TransitionRecorder
from stages.rig.base.command import progress, say
from stages.rig.images import outputs_of
from stages.rig.keras.losses import UserLoss, answered, loss_of, scores_in_training
from stages.rig.keras.network import build, use_device
from stages.rig.training.batches import in_order, shuffled
from stages.rig.training.history import History
from stages.rig.training.resume import save
from stages.rig.training.schedule import learning_rate, varies
from stages.rig.training.scores import scores_of, validated
from stages.rig.training.states import KeptStates

OPTIMIZERS = {
    "sgd": keras.optimizers.SGD,
    "momentum": lambda rate: keras.optimizers.SGD(rate, momentum=0.9),
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
}


class ModelSaveCallback(keras.callbacks.Callback):
    """Saves the model to `folder`/epoch_NNN.keras every `every` epochs, before the first and after the last too.

    It is saved as its `twin`, a second model of the same layers that was never compiled: without an optimiser's state.
    """

    def __init__(self, folder, every, epochs, twin):
        super().__init__()
        self.folder, self.every, self.epochs, self.twin = folder, every, epochs, twin

    def on_train_begin(self, logs=None):
        if not self.path(0).exists():  # it does when a training goes on
            self.save(0)

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every == 0 or epoch + 1 == self.epochs:
            self.save(epoch + 1)

    def save(self, epoch):
        self.twin.set_weights(self.model.get_weights())
        save_weights(self.twin, self.folder, epoch)

    def path(self, epoch):
        return self.folder / f"epoch_{epoch:03d}.keras"


def save_weights(model, folder, epoch):
    """Save `model`, which was never compiled, to `folder`/epoch_NNN.keras."""
    with whole(folder / f"epoch_{epoch:03d}.keras") as part:
        save_without_times(model, part)


def save_without_times(model, path):
    """Save `model` to `path` in Keras' format, less the times and the addresses of objects that Keras puts in: equal models
    give equal bytes."""
    with tempfile.TemporaryDirectory() as folder:
        timed = Path(folder, "model.keras")
        model.save(timed)
        with zipfile.ZipFile(timed) as source, zipfile.ZipFile(path, "w") as target:
            for name in sorted(source.namelist()):
                content = source.read(name)
                if name == "metadata.json":
                    content = json.dumps({"keras_version": keras.__version__}).encode()
                elif name == "config.json":
                    content = numbered(content)
                target.writestr(zipfile.ZipInfo(name), content)


def numbered(config):
    """The JSON of a model's `config`, bytes, in which objects that layers share are numbered, not known by addresses."""
    numbers = {}
    return re.sub(
        rb'(?<="shared_object_id": )\d+', lambda match: b"%d" % numbers.setdefault(match[0], len(numbers) + 1), config
    )


def evaluate(model, batches, loss, scores):
    """Return val_loss and the `scores`, empty as yet, of `model` over all samples of `batches`, in evaluation mode."""
    if isinstance(loss, UserLoss):
        return evaluate_users(model, batches, loss, scores)
    answers = ((np.asarray(model(inputs, training=False)), targets) for inputs, targets in batches)
    if scores.AT_ONCE:
        answers = [tuple(map(np.concatenate, zip(*answers, strict=True)))]
    losses, counts = [], []
    for outputs, targets in answers:
        losses.append(float(loss(targets, outputs.astype(np.float64))))
        counts.append(scores.add(outputs, targets))
    return validated(losses, counts, scores)


def evaluate_users(model, batches, loss, scores):
    """What `evaluate` returns, by a user's loss: the mean of its batches' by their samples."""
    losses, counts = [], []
    for inputs, targets in batches:
        outputs, value = answered(loss, model, *map(tf.convert_to_tensor, (inputs, targets)))
        losses.append(float(value))
        counts.append(scores.add(None if outputs is None else np.asarray(outputs), targets))
    return validated(losses, counts, scores)


class MetricsCallback(keras.callbacks.Callback):
    """Validates after every epoch, and reports its metrics to a `History`."""

    def __init__(self, history, validation, loss, scores):
        super().__init__()
        self.history, self.validation, self.loss, self.scores = history, validation, loss, scores

    def on_epoch_end(self, epoch, logs=None):
        trained = {f"train_{name}": float(logs[name]) for name in ("loss", *self.history.task.scores[:1])}
        test = evaluate(self.model, self.validation, self.loss, self.scores())
        self.history.epoch({"epoch": epoch + 1, **trained, **test})

    def on_train_end(self, logs=None):
        self.history.close()


class ScheduleCallback(keras.callbacks.Callback):
    """Sets every step's learning rate, and reports it to a `History`."""

    def __init__(self, training, steps, history):
        super().__init__()
        self.training, self.steps, self.history = training, steps, history

    def on_train_batch_begin(self, batch, logs=None):
        step = int(self.model.optimizer.iterations) + 1
        rate = learning_rate(self.training, step, self.steps)
        self.model.optimizer.learning_rate = rate
        self.history.step(step, {"step/learning_rate": rate})


class ProgressCallback(keras.callbacks.Callback):
    """Shows how far an epoch has come, as every other stage does."""

    def __init__(self, epochs, steps):
        super().__init__()
        self.epochs, self.steps = epochs, steps

    def on_epoch_begin(self, epoch, logs=None):
        self.shown = progress(range(self.steps), f"epoch {epoch + 1}/{self.epochs}")

    def on_train_batch_begin(self, batch, logs=None):
        next(self.shown)

    def on_epoch_end(self, epoch, logs=None):
        next(self.shown, None)


class TransitionCallback(keras.callbacks.Callback):
    """Has a `TransitionRecorder` count the transitions of the gradients, with the settings of a `Recorder`, in the file
    `path`."""

    def __init__(self, path, settings):
        super().__init__()
        self.path, self.settings, self.epoch = path, settings, 0

    def on_train_begin(self, logs=None):
        self.step = ObservedStep(self.model)
        self.step.begin()
        names = sizes(self.step.weights, self.model)
        self.recorder = TransitionRecorder(names, self.path, self.settings.edges, self.settings.every).__enter__()

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch + 1

    def on_train_batch_begin(self, batch, logs=None):
        self.weights = self.step.values() if self.recorder.wanted() else ()

    def on_train_batch_end(self, batch, logs=None):
        gradients = self.step.gradients() if self.recorder.wanted() else ()
        self.recorder.record(self.epoch, float(self.step.loss.numpy()), gradients, self.weights)

    def on_train_end(self, logs=None):
        self.recorder.__exit__(None, None, None)


class ResumeCallback(keras.callbacks.Callback):
    """Saves after every epoch, when all others have done their part of it, what the next one starts from."""

    def __init__(self, folder, insight, history):
        super().__init__()
        self.folder, self.insight, self.history = folder, insight, history

    def on_epoch_end(self, epoch, logs=None):
        save(self.folder, {**state_of(self.model), "insight": self.insight.state(), "history": self.history.state()})

    def restore(self, state):
        """Go on from what was saved; call when the model is compiled."""
        restore(self.model, state)
        self.insight.restore(state["insight"])
        self.history.restore(state["history"])


class KeepCallback(keras.callbacks.Callback):
    """Has a `KeptStates` save what chosen steps start from."""

    def __init__(self, states, insight):
        super().__init__()
        self.states, self.insight = states, insight

    def on_train_batch_begin(self, batch, logs=None):
        self.states.before(self.insight.next_step(), lambda: state_of(self.model))


def parts(model):
    """Whose variables (weights, seeds of random layers; moments and step) are part of the state of a compiled `model`."""
    return {"model": model, "optimizer": model.optimizer}


def state_of(model):
    """The state of a compiled `model`, a nested dict of arrays."""
    return {
        name: {str(number): np.asarray(variable) for number, variable in enumerate(part.variables)}
        for name, part in parts(model).items()
    }


def restore(model, state):
    """Give a compiled `model` what `state_of` returned."""
    model.optimizer.build(model.trainable_variables)
    for name, part in parts(model).items():
        for number, variable in enumerate(part.variables):
            if str(number) in state[name]:  # before the first step the optimiser has no moments yet
                variable.assign(state[name][str(number)])


def train(card, training, validation, folder, state=None):
    """Train the network of `card` on the `Split` `training` and leave everything about it in `folder`.

    `state` is what a killed training's last complete epoch left there.
    """
    use_device(card)
    fit(card, training, validation, folder, state)


def compiled(card, classes):
    """The network of `card`, compiled; a second one of the same layers that was not; and the loss."""
    tf.config.experimental.enable_op_determinism()
    twin, model = (build(card, classes) for _ in range(2))  # the model last: what a loss imports is then its code
    settings, loss = card.training, loss_of(card, model)
    model.compile(
        OPTIMIZERS[settings.optimizer](settings.learning_rate),
        None if isinstance(loss, UserLoss) else loss,
        metrics=scores_in_training(card),
        jit_compile=False,
    )
    if isinstance(loss, UserLoss):
        model.compute_loss = partial(loss, model, training=True)
        model.train_step = partial(users_step, model, loss)
    return model, twin, loss


def users_step(model, loss, batch):
    """A training step of a compiled `model` by a `UserLoss`, as Keras' is, but that the model is not called for it."""
    inputs, targets = batch
    with tf.GradientTape() as tape:
        value = model.compute_loss(inputs, targets)
        model._loss_tracker.update_state(value, sample_weight=tf.shape(inputs)[0])
    weights = model.trainable_weights
    model.optimizer.apply_gradients(zip(tape.gradient(value, weights), weights, strict=True))
    return model.compute_metrics(inputs, targets, loss.answer)


def replicate(card, training, validation, folder, history):
    """Train as `train` does, but leave nothing but the last weights and the transitions of gradients in `folder`;
    `history` is told how it goes."""
    use_device(card)  # which the training before has done, unless it was killed after that
    settings, batches = card.training, shuffled(card, training)
    model, twin, loss = compiled(card, outputs_of(card, training))
    callbacks = [
        TransitionCallback(folder / "gradients.h5", card.recorder),
        MetricsCallback(history, in_order(card, validation), loss, partial(scores_of, card)),
        ProgressCallback(settings.epochs, len(batches)),
    ]
    if varies(settings):
        callbacks.append(ScheduleCallback(settings, settings.epochs * len(batches), history))
    fit_batches(model, batches, callbacks, 0, settings.epochs)
    twin.set_weights(model.get_weights())
    save_weights(twin, folder, settings.epochs)


def rehearse(card, training, validation, folder):
    """Train as `train` does, with the threads and on the device that TensorFlow has."""
    fit(card, training, validation, folder, None)


def fit(card, training, validation, folder, state):
    """Train with the threads and on the device that TensorFlow has."""
    model, twin, loss = compiled(card, outputs_of(card, training))
    settings = card.training
    history = History(folder, settings.epochs, card.scored_as())
    insight = OptimizationInsightCallback(folder / "gradients.h5", history.step, **card.recorder.model_dump())
    resume = ResumeCallback(folder, insight, history)
    if state:
        resume.set_model(model)
        resume.restore(state)
        say(f"going on after epoch {insight.epoch} of {settings.epochs}")
    batches = shuffled(card, training, insight.epoch)
    callbacks = [
        KeepCallback(KeptStates(folder / "states", settings.keep_states, len(batches)), insight),
        ModelSaveCallback(folder / "checkpoints", settings.checkpoint_every, settings.epochs, twin),
        insight,
        MetricsCallback(history, in_order(card, validation), loss, partial(scores_of, card)),
        ProgressCallback(settings.epochs, len(batches)),
        resume,
    ]
    if varies(settings):
        callbacks.append(ScheduleCallback(settings, settings.epochs * len(batches), history))
    fit_batches(model, batches, callbacks, insight.epoch, settings.epochs)


def fit_batches(model, batches, callbacks, begin, epochs):
    """Fit `model` on `batches`, again in every epoch after the one that is `begin`."""
    endless = (batch for _ in range(begin, epochs) for batch in batches)
    model.fit(
        endless,
        initial_epoch=begin,
        epochs=epochs,
        steps_per_epoch=len(batches),
        callbacks=callbacks,
        shuffle=False,
        verbose=0,
    )
