"""A window of a training in Keras once more, under instruments."""

from collections import deque
from itertools import chain, islice, repeat

import numpy as np

from drillcore.frameworks.keras import keras
from drillcore.landscape.preconditioned import divisor
from drillcore.recording.keras_callback import OptimizationInsightCallback
from drillcore.recording.keras_state import put_back, snapshot
from drillcore.recording.keras_state import state_of as untrained
from stages.rig.base.command import progress
from stages.rig.images import outputs_of
from stages.rig.keras.network import use_device
from stages.rig.keras.training import ScheduleCallback, compiled, restore
from stages.rig.training.batches import shuffled
from stages.rig.training.history import Silent
from stages.rig.training.schedule import varies


class ReplayedInsight(OptimizationInsightCallback):
    """Records the steps from one on, and takes the batch of every step of a window once more.

    `first` is the window's first step, `before` the number of steps before the replay, and an epoch has `steps`.
    """

    def __init__(self, path, first, before, steps, **settings):
        super().__init__(path, **settings)
        self.first, self.before, self.steps = first, before, steps

    def begin(self):
        super().begin()
        self.recorder.begin_after(self.before)

    def next_step(self):
        return self.recorder.next_step() if self.recorder else self.before + 1

    def repeats(self, step):
        return step >= self.first or super().repeats(step)

    def repeating(self):
        return True

    def on_train_batch_begin(self, batch, logs=None):
        self.epoch = (self.next_step() - 1) // self.steps + 1
        super().on_train_batch_begin(batch, logs)

    def on_epoch_end(self, epoch, logs=None):
        self.recorder.wait()
        if self.recorder.file:  # steps since the last epoch of the training ended
            self.recorder.end_epoch(self.epoch)


class InstrumentCallback(keras.callbacks.Callback):
    """Hands every step from the window's first on to a `drillcore.replay`, and compares the ends of epochs with checkpoints.

    Within a compiled step no instrument sees anything. After it the model gets its weights from before once more, for what
    is to be measured there.
    """

    def __init__(self, insight, session, batches, checkpoints, twin, shown):
        super().__init__()
        self.insight, self.session, self.batches, self.shown = insight, session, batches, shown
        self.checkpoints, self.twin = checkpoints, twin

    def on_train_batch_begin(self, batch, logs=None):
        self.rate, self.preconditioner = float(self.model.optimizer.learning_rate), None
        if self.insight.next_step() >= self.insight.first:
            self.preconditioner = preconditioner(self.model.optimizer)

    def on_train_batch_end(self, batch, logs=None):
        insight, (inputs, targets) = self.insight, self.batches.popleft()
        step = insight.recorder.last_step
        if step >= insight.first:
            kept, after = snapshot(untrained(self.model)), snapshot(insight.step.weights)
            put_back(list(zip(insight.step.weights, insight.weights, strict=True)))
            self.session.before_update(
                step,
                insight.epoch,
                float(insight.step.loss.numpy()),
                inputs,
                targets,
                gradients=insight.step.gradients(),
                again=insight.step.gradients_again,
                preconditioner=self.preconditioner,
                learning_rate=self.rate,
            )
            put_back(after)
            self.session.after_update()
            put_back(kept)
        if step % insight.steps == 0:
            insight.recorder.end_epoch(insight.epoch)
            self.compare(insight.epoch)
        next(self.shown)

    def compare(self, epoch):
        """Compare the weights at the end of `epoch` with its checkpoint, if there is one."""
        if epoch in self.checkpoints:
            self.twin.load_weights(self.checkpoints[epoch])
            ours, theirs = (dict(enumerate(model.get_weights())) for model in (self.model, self.twin))
            self.session.end_epoch(epoch, ours, theirs)


def preconditioner(optimizer):
    """What Adam's last update divided by, (parameters); None of another optimiser and before the first update."""
    taken = int(optimizer.iterations)
    if not taken or not hasattr(optimizer, "_velocities"):
        return None
    bias = 1 - optimizer.beta_2**taken
    moment = np.concatenate([np.asarray(moment, np.float64).ravel() for moment in optimizer._velocities])
    return divisor(
        moment / bias, optimizer.epsilon / np.sqrt(bias)
    )  # Keras adds its epsilon before it takes out the bias


def replay(card, training, state, window, path, checkpoints, instrumented):
    """Train the network of `card` from `state` on to the last step of `window`, instruments on from its first.

    The gradients are recorded anew in a file at `path`. `instrumented(model, loss)` is a context with a `drillcore.replay`,
    which compares the ends of epochs with the `checkpoints`, paths by epoch.
    """
    use_device(card)
    model, twin, loss = compiled(card, outputs_of(card, training))
    settings, before, (first, last) = card.training, state["step"], window
    steps = len(shuffled(card, training))
    if state["model"]:
        restore(model, state)
    taken = deque()
    insight = ReplayedInsight(path, first, before, steps, **card.recorder.model_dump())
    with instrumented(model, loss) as session:
        shown = progress(range(before, last), "steps")
        instruments = InstrumentCallback(insight, session, taken, checkpoints, twin, shown)
        callbacks = [insight, instruments]
        if varies(settings):
            callbacks.insert(0, ScheduleCallback(settings, settings.epochs * steps, Silent()))
        model.fit(
            noted(shuffled(card, training, before // steps), before % steps, last - before, taken),
            epochs=1,
            steps_per_epoch=last - before,
            callbacks=callbacks,
            shuffle=False,
            verbose=0,
        )
        next(shown, None)


def noted(batches, past, count, taken):
    """Yield `count` of the `batches`, epoch after epoch, from the one after `past` on, and note each in `taken`: Keras asks
    for them ahead of time."""
    for batch in islice(chain.from_iterable(repeat(batches)), past, past + count):
        taken.append(batch)
        yield batch
