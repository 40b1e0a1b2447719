"""Training in Keras: the callbacks that save, measure and record."""

import json
import os
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from stages.shared.base.command import progress, say
from stages.shared.base.store import whole
from stages.shared.keras_network import build, gives_logits, keras, tf, use_device
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


class OptimizationInsightCallback(keras.callbacks.Callback):
    """Records every step's gradients with a `GradientRecorder`, and shows the counts at its thresholds live.

    The model must keep its gradients, as `stages.shared.keras_network.InsightModel` does.
    """

    def __init__(self, recorder, history):
        super().__init__()
        self.recorder, self.history = recorder, history
        self.step = self.epoch = 0

    def on_train_begin(self, logs=None):
        self.model.keep_gradients()

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch + 1

    def on_train_batch_begin(self, batch, logs=None):
        self.weights = [view(weight.value) for weight in self.model.trainable_weights]

    def on_train_batch_end(self, batch, logs=None):
        self.step += 1
        loss = float(self.model.step_loss.numpy())
        gradients = [view(gradient) for gradient in self.model.step_gradients]
        self.recorder.record(self.step, self.epoch, loss, gradients, self.weights)
        self.history.step(self.step, {"step/loss": loss, **self.recorder.watched()})

    def on_epoch_end(self, epoch, logs=None):
        self.recorder.end_epoch(self.epoch)

    def state(self):
        """What the next epoch starts from."""
        return {"epoch": self.epoch, "step": self.step, "recorder": self.recorder.state()}

    def restore(self, state):
        """Go on from what `state` returned."""
        self.epoch, self.step = state["epoch"], state["step"]
        self.recorder.restore(state["recorder"])


def view(variable):
    """What the tf.Variable holds now, not copied: TensorFlow updates a tensor in place only if nobody else holds it."""
    return np.asarray(variable.read_value())


class ModelSaveCallback(keras.callbacks.Callback):
    """Saves the model to `folder`/epoch_NNN.keras every `every` epochs, before the first and after the last too."""

    def __init__(self, folder, every, epochs):
        super().__init__()
        self.folder, self.every, self.epochs = folder, every, epochs

    def on_train_begin(self, logs=None):
        # Never compiled, so saved without the optimiser's state.
        self.twin = type(self.model).from_config(self.model.get_config())
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


def tensor_sizes(model):
    """The number of parameters of every tensor of `model` that is trained, by name."""
    return {weight.path.replace("/", "."): int(np.prod(weight.shape)) for weight in model.trainable_weights}


def save_weights(model, folder, epoch):
    """Save `model`, which was never compiled, to `folder`/epoch_NNN.keras."""
    with whole(folder / f"epoch_{epoch:03d}.keras") as part:
        save_without_times(model, part)


def save_without_times(model, path):
    """Save `model` to `path` in Keras' format, less the times that Keras puts in: equal models give equal bytes."""
    with tempfile.TemporaryDirectory() as folder:
        timed = Path(folder, "model.keras")
        model.save(timed)
        with zipfile.ZipFile(timed) as source, zipfile.ZipFile(path, "w") as target:
            for name in sorted(source.namelist()):
                content = source.read(name)
                if name == "metadata.json":
                    content = json.dumps({"keras_version": keras.__version__}).encode()
                target.writestr(zipfile.ZipInfo(name), content)


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

    def __init__(self, training, insight, steps, history):
        super().__init__()
        self.training, self.insight, self.steps, self.history = training, insight, steps, history

    def on_train_batch_begin(self, batch, logs=None):
        step = self.insight.step + 1
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
    model = build(card, len(training.classes))
    settings = card.training
    loss = LOSSES[settings.loss](gives_logits(model))
    model.compile(
        OPTIMIZERS[settings.optimizer](settings.learning_rate),
        loss,
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        jit_compile=False,
    )
    history = History(folder, settings.epochs)
    recorder = GradientRecorder(folder / "gradients.h5", tensor_sizes(model), **card.recorder.model_dump())
    insight = OptimizationInsightCallback(recorder, history)
    resume = ResumeCallback(folder, insight, history)
    if state:
        resume.set_model(model)
        resume.restore(state)
        say(f"going on after epoch {insight.epoch} of {settings.epochs}")
    batches = shuffled(card, training, insight.epoch)
    callbacks = [
        ModelSaveCallback(folder / "checkpoints", settings.checkpoint_every, settings.epochs),
        insight,
        MetricsCallback(history, in_order(card, validation), loss),
        ProgressCallback(settings.epochs, len(batches)),
        resume,
    ]
    if settings.schedule != "constant":
        callbacks.append(ScheduleCallback(settings, insight, settings.epochs * len(batches), history))
    endless = (batch for _ in range(insight.epoch, settings.epochs) for batch in batches)
    with recorder:
        model.fit(
            endless,
            initial_epoch=insight.epoch,
            epochs=settings.epochs,
            steps_per_epoch=len(batches),
            callbacks=callbacks,
            shuffle=False,
            verbose=0,
        )
