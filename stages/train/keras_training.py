"""Training in Keras: the callbacks that save, measure and record."""

import json
import os
import re
import tempfile
import weakref
import zipfile
from pathlib import Path

import numpy as np

from stages.shared.base.command import InputError, progress, say
from stages.shared.base.store import whole
from stages.shared.keras_network import build, check_names, gives_logits, keras, replaced, tf, use_device
from stages.train.batches import in_order, shuffled
from stages.train.history import History, macro_f1
from stages.train.recorder import GradientRecorder
from stages.train.resume import save
from stages.train.schedule import learning_rate

OPTIMIZERS = {
    "sgd": keras.optimizers.SGD,
    "momentum": lambda rate: keras.optimizers.SGD(rate, momentum=0.9),
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
}


def cross_entropy(logits):
    """The cross-entropy of outputs that are `logits`, or else probabilities."""
    return keras.losses.SparseCategoricalCrossentropy(from_logits=logits)


class SquaredError(keras.losses.Loss):
    """The mean squared error of outputs (n, classes) against one-hot labels (n)."""

    def call(self, labels, outputs):
        wanted = keras.ops.one_hot(labels, outputs.shape[1], dtype=outputs.dtype)
        return keras.ops.mean(keras.ops.square(outputs - wanted), -1)


LOSSES = {"cross_entropy": cross_entropy, "mse": lambda logits: SquaredError()}

UNFINISHED = {}
"""By path, what abandons the recorder of a callback whose `fit` may have failed, unless it ended."""


class OptimizationInsightCallback(keras.callbacks.Callback):
    """Records every gradient of `fit` in `path`, a gradients.h5 that appears when the training ends.

    It serves any compiled model: functional, sequential or subclassed, with a `train_step` of its own, compiled, by XLA
    or eager. A gradient is what the model's optimiser is handed, before it clips; what a loss scale put in is taken out.
    Frozen weights have none. The loss is what `compute_loss` returns: NaN where a `train_step` never calls it.

    Parameters
    ----------
    path : path
    history : History, optional
        Is shown every step's loss, and the counts at the watched edges.
    **settings
        `edges`, `every`, `watch` and `threads` of a `GradientRecorder`.

    Raises
    ------
    InputError
        When the training begins, if the model takes several steps at a time or several devices, if none of its weights
        is trainable, or two have one name.

    Examples
    --------
    >>> model.fit(images, labels, callbacks=[OptimizationInsightCallback("gradients.h5")])  # doctest: +SKIP
    """

    def __init__(self, path, history=None, **settings):
        super().__init__()
        self.path, self.history, self.settings = path, history, settings
        self.epoch, self.restored, self.abandon = 0, None, lambda: None

    def on_train_begin(self, logs=None):
        self.abandon()
        check_steps(self.model)
        self.loss, self.gradients, self.first_weights = keep_gradients(self.model)
        self.recorder = None
        if self.model.built:
            self.begin()

    def begin(self):
        """Begin to record, when the model has its weights."""
        self.recorder = GradientRecorder(sizes(self.model), self.path, **self.settings)
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
        self.weights = [view(weight.value) for weight in self.model.trainable_weights]

    def on_train_batch_end(self, batch, logs=None):
        if not self.recorder:
            self.begin()
            self.weights = self.first_weights
        loss, gradients = float(self.loss.numpy()), [view(kept) for kept in self.gradients.values()]
        self.recorder.record(self.recorder.next_step(), self.epoch, loss, gradients, self.weights)
        self.first_weights.clear()
        if self.history:
            self.history.step(self.recorder.last_step, {"step/loss": loss, **self.recorder.watched()})

    def on_epoch_end(self, epoch, logs=None):
        self.recorder.end_epoch(self.epoch)

    def on_train_end(self, logs=None):
        self.abandon.detach()
        self.recorder.__exit__(None, None, None)
        self.model.train_function = None  # the next `fit` keeps no gradients

    def state(self):
        """What the next epoch starts from."""
        return {"epoch": self.epoch, "recorder": self.recorder.state()}

    def restore(self, state):
        """Go on from what `state` returned; call before `fit`."""
        self.epoch, self.restored = state["epoch"], state["recorder"]


def view(variable):
    """What the tf.Variable holds now, as float32: not copied if it is, for TensorFlow updates a tensor in place only if
    nobody else holds it."""
    return np.asarray(variable.read_value()).astype(np.float32, copy=False)


def check_steps(model):
    """Refuse a compiled `model` whose steps no callback sees one by one."""
    if model.steps_per_execution != 1:
        raise InputError(
            f"Gradients are recorded step by step, but {model.name} takes {model.steps_per_execution} at a time: "
            "compile it with steps_per_execution=1."
        )
    devices = model.distribute_strategy.num_replicas_in_sync
    if devices != 1:
        raise InputError(f"Gradients are recorded on one device, but {model.name} is trained on {devices}: use one.")


def sizes(model):
    """The name and number of parameters of each weight that `model` trains, in order."""
    names = check_names(model.trainable_weights, model)
    return {name: int(np.prod(weight.shape)) for name, weight in zip(names, model.trainable_weights, strict=True)}


def keep_gradients(model):
    """Make the training step of a compiled `model` keep its loss and its gradients, and return them.

    They exist within the step alone, where no callback sees them, so it is compiled anew, from then on with variables
    for them. What leads there, `compute_loss` of the model and `apply` of its optimiser, is replaced only meanwhile.

    Returns
    -------
    loss : tf.Variable
    gradients : dict of int to tf.Variable
        By `id` of each of `model.trainable_weights`, in their order; zeros where the optimiser is handed none. Filled, as the
        next, when the first step is compiled, which may be what builds the model.
    weights : list of arrays
        What the first step began with.
    """
    optimizer = model.optimizer
    train_step, compute_loss, apply = model.train_step, model.compute_loss, optimizer.apply
    kept_loss, kept, first_weights = tf.Variable(np.nan, dtype=tf.float32), {}, []

    def begin():
        with tf.init_scope():  # not in the step's graph, but now
            for weight in model.trainable_weights:
                kept[id(weight)] = tf.Variable(tf.zeros(weight.shape, weight.dtype))
                first_weights.append(view(weight.value))

    def keep_loss(*arguments, **settings):
        loss = compute_loss(*arguments, **settings)
        kept_loss.assign(tf.reduce_mean(tf.cast(loss, tf.float32)))  # of a scalar, but for a loss without reduction
        return loss

    def keep_and_apply(gradients, weights=None):
        if not kept:
            begin()
        gradients, weights = list(gradients), list(model.trainable_weights if weights is None else weights)
        scale = optimizer.scale_loss(1.0)
        for gradient, weight in zip(gradients, weights, strict=True):
            if id(weight) in kept and gradient is not None:
                kept[id(weight)].assign(tf.convert_to_tensor(gradient) / scale)
        return apply(gradients, weights)

    def keeping_step(data):
        with replaced(model, "compute_loss", keep_loss), replaced(optimizer, "apply", keep_and_apply):
            return train_step(data)

    with replaced(model, "train_step", keeping_step):
        model.make_train_function(force=True)
    return kept_loss, kept, first_weights


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


def evaluate(model, batches, loss):
    """Return val_loss, val_accuracy and the macro val_f1 of `model` over all samples of `batches`, in evaluation mode."""
    answers = ((np.asarray(model(images, training=False)), labels) for images, labels in batches)
    outputs, labels = (np.concatenate(parts) for parts in zip(*answers, strict=True))
    predictions = outputs.argmax(1)
    return {
        "val_loss": float(loss(labels, outputs.astype(np.float64))),
        "val_accuracy": float(np.mean(predictions == labels)),
        "val_f1": macro_f1(labels, predictions),
    }


class MetricsCallback(keras.callbacks.Callback):
    """Validates after every epoch, and reports its metrics to a `History`."""

    def __init__(self, history, validation, loss):
        super().__init__()
        self.history, self.validation, self.loss = history, validation, loss

    def on_epoch_end(self, epoch, logs=None):
        trained = {"train_loss": float(logs["loss"]), "train_accuracy": float(logs["accuracy"])}
        self.history.epoch({"epoch": epoch + 1, **trained, **evaluate(self.model, self.validation, self.loss)})

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


class ResumeCallback(keras.callbacks.Callback):
    """Saves after every epoch, when all others have done their part of it, what the next one starts from."""

    def __init__(self, folder, insight, history):
        super().__init__()
        self.folder, self.insight, self.history = folder, insight, history

    def on_epoch_end(self, epoch, logs=None):
        variables = {
            name: {str(number): np.asarray(variable) for number, variable in enumerate(part.variables)}
            for name, part in self.parts().items()
        }
        save(self.folder, {**variables, "insight": self.insight.state(), "history": self.history.state()})

    def restore(self, state):
        """Go on from what was saved; call when the model is compiled."""
        self.model.optimizer.build(self.model.trainable_variables)
        for name, part in self.parts().items():
            for number, variable in enumerate(part.variables):
                variable.assign(state[name][str(number)])
        self.insight.restore(state["insight"])
        self.history.restore(state["history"])

    def parts(self):
        """Whose variables (weights, seeds of random layers; moments and step) are part of the state."""
        return {"model": self.model, "optimizer": self.model.optimizer}


def train(card, training, validation, folder, state=None):
    """Train the network of `card` on the `Split` `training` and leave everything about it in `folder`.

    `state` is what a killed training's last complete epoch left there.
    """
    threads = int(os.environ.get("OMP_NUM_THREADS", 0))  # TensorFlow's own pools do not read it; 0 means every core
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.experimental.enable_op_determinism()
    use_device(card)
    model, twin = (build(card, len(training.classes)) for _ in range(2))
    settings = card.training
    loss = LOSSES[settings.loss](gives_logits(model, card.input))
    model.compile(
        OPTIMIZERS[settings.optimizer](settings.learning_rate),
        loss,
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        jit_compile=False,
    )
    history = History(folder, settings.epochs)
    insight = OptimizationInsightCallback(folder / "gradients.h5", history, **card.recorder.model_dump())
    resume = ResumeCallback(folder, insight, history)
    if state:
        resume.set_model(model)
        resume.restore(state)
        say(f"going on after epoch {insight.epoch} of {settings.epochs}")
    batches = shuffled(card, training, insight.epoch)
    callbacks = [
        ModelSaveCallback(folder / "checkpoints", settings.checkpoint_every, settings.epochs, twin),
        insight,
        MetricsCallback(history, in_order(card, validation), loss),
        ProgressCallback(settings.epochs, len(batches)),
        resume,
    ]
    if settings.schedule != "constant":
        callbacks.append(ScheduleCallback(settings, settings.epochs * len(batches), history))
    endless = (batch for _ in range(insight.epoch, settings.epochs) for batch in batches)
    model.fit(
        endless,
        initial_epoch=insight.epoch,
        epochs=settings.epochs,
        steps_per_epoch=len(batches),
        callbacks=callbacks,
        shuffle=False,
        verbose=0,
    )
