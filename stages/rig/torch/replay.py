"""A window of a training in PyTorch once more, under instruments."""

from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import islice

import numpy as np
import torch

from drillcore.landscape.preconditioned import divisor
from drillcore.recording.decay import decay_of
from drillcore.recording.recorder import GradientRecorder
from drillcore.recording.torch_state import Repeatable, State
from stages.rig.base.command import progress
from stages.rig.images import outputs_of
from stages.rig.torch.losses import loss_of
from stages.rig.torch.network import build, device_of
from stages.rig.torch.once import take_pixels_once
from stages.rig.torch.training import (
    Callback,
    GradientCallback,
    ScheduleCallback,
    TorchBatches,
    Trainer,
    arrays,
    make_optimizer,
)
from stages.rig.training.batches import shuffled
from stages.rig.training.history import Silent
from stages.rig.training.schedule import varies
from stages.rig.training.scores import scores_of


class InstrumentCallback(Callback):
    """Hands every step from `first` on to a `drillcore.replay`."""

    def __init__(self, session, first, repeatable, recorder):
        self.session, self.first, self.repeatable, self.recorder = session, first, repeatable, recorder

    def on_backward_end(self, trainer):
        if trainer.step >= self.first:
            with protected(trainer.model):
                self.session.before_update(
                    trainer.step,
                    trainer.epoch,
                    trainer.loss,
                    *trainer.batch,
                    gradients=[weight.grad for weight in self.session.surface.weights],
                    again=lambda: self.again(trainer),
                    preconditioner=preconditioner(trainer.optimizer, self.session.surface.weights),
                    learning_rate=trainer.optimizer.param_groups[0]["lr"],
                )

    def on_step_end(self, trainer):
        if trainer.step >= self.first:
            with protected(trainer.model):
                self.session.after_update()
        self.repeatable.start = None

    def again(self, trainer):
        """The gradients of the step's batch at the new weights."""
        with self.repeatable.again():
            trainer.backward()
            gradients = [
                None if weight.grad is None else weight.grad.clone() for weight in self.session.surface.weights
            ]
        if self.recorder.repeatable:  # which took this for the first pass of the next step
            self.recorder.repeatable.start = None
        return gradients


@contextmanager
def protected(model):
    """In the block the gradients of `model` are hidden; then these, its statistics and all random numbers are as before."""
    state, gradients = State(model), [(weight, weight.grad) for weight in model.parameters()]
    try:
        yield
    finally:
        state.restore()
        for weight, gradient in gradients:
            weight.grad = gradient


def preconditioner(optimizer, weights):
    """What Adam's last update divided by, (parameters); None of another optimiser and before the first update."""
    states, group = [optimizer.state.get(weight, {}) for weight in weights], optimizer.param_groups[0]
    if not states or not all("exp_avg_sq" in state for state in states):
        return None
    bias = 1 - group["betas"][1] ** float(states[0]["step"])
    moment = np.concatenate([state["exp_avg_sq"].double().cpu().numpy().ravel() for state in states])
    return divisor(moment / bias, group["eps"])


def replay(card, training, state, window, path, checkpoints, instrumented):
    """Train the network of `card` from `state` on to the last step of `window`, instruments on from its first.

    The gradients are recorded anew in a file at `path`. `instrumented(model, loss)` is a context with a `drillcore.replay`,
    which compares the ends of epochs with the `checkpoints`, paths by epoch.
    """
    model = build(card, outputs_of(card, training)).to(device_of(card))
    take_pixels_once(model, card, training)
    settings, (first, last) = card.training, window
    optimizer = make_optimizer(settings, model.parameters())
    loss = loss_of(card, model)
    recorder = GradientRecorder(model, path, **card.recorder.model_dump(), decay=decay_of(optimizer))
    recorder.begin_after(state["step"])
    with ExitStack() as stack:
        session = stack.enter_context(instrumented(model, loss))
        repeatable = Repeatable(model, lambda: trainer.step >= first)
        stack.callback(repeatable.remove)
        trainer = Trainer(
            model, optimizer, [GradientCallback(recorder, Silent())], loss, partial(scores_of, card), settings
        )
        trainer.restore(state["trainer"])
        steps = len(shuffled(card, training))
        if varies(settings):
            trainer.callbacks.append(ScheduleCallback(settings, settings.epochs * steps, Silent()))
        trainer.callbacks.append(InstrumentCallback(session, first, repeatable, recorder))
        stack.enter_context(recorder)
        train(trainer, shuffled(card, training, trainer.step // steps), last, recorder, session, checkpoints)


def train(trainer, batches, last, recorder, session, checkpoints):
    """Train to the step `last`, and compare the ends of epochs."""
    steps, shown = len(batches), progress(range(trainer.step, last), "steps")
    while trainer.step < last:
        trainer.epoch, past = trainer.step // steps + 1, trainer.step % steps
        trainer.model.train()
        for images, labels in islice(TorchBatches(batches, trainer.model), past, past + last - trainer.step):
            trainer.update(images, labels)
            next(shown)
        recorder.end_epoch(trainer.epoch)
        if trainer.step % steps == 0 and trainer.epoch in checkpoints:
            stored = torch.load(checkpoints[trainer.epoch], map_location="cpu", weights_only=True)
            session.end_epoch(trainer.epoch, arrays(trainer.model.state_dict()), arrays(stored))
    next(shown, None)
