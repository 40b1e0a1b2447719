"""Training in PyTorch: a `Trainer`, and the callbacks that save, measure and record."""

from functools import partial
from inspect import unwrap

import torch

from drillcore.base.store import whole
from drillcore.frameworks.torch import as_input
from drillcore.recording.decay import decay_of
from drillcore.recording.recorder import GradientRecorder
from drillcore.recording.transition_recorder import TransitionRecorder
from drillcore.recording.weights import to_array, trainable
from stages.rig.base.command import progress, say
from stages.rig.card import Training
from stages.rig.images import outputs_of
from stages.rig.torch.gradient import Gradient
from stages.rig.torch.losses import UserLoss, answered, cross_entropy, loss_of
from stages.rig.torch.network import build, device_of, sees, to_input, to_target
from stages.rig.torch.once import take_pixels_once
from stages.rig.training.batches import in_order, shuffled
from stages.rig.training.history import History
from stages.rig.training.resume import save
from stages.rig.training.schedule import learning_rate, varies
from stages.rig.training.scores import ClassScores, scores_of, validated
from stages.rig.training.states import KeptStates

OPTIMIZERS = {
    "sgd": torch.optim.SGD,
    "momentum": partial(torch.optim.SGD, momentum=0.9),
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}

PLAIN = Training()
"""In float32, the whole batch at once, its gradient as it is."""


def make_optimizer(settings, parameters, fused=False):
    """The optimiser that `settings` (a `Training`) name, its methods as they are without PyTorch's compiler.

    If it is `fused`, one pass over the weights takes a third of the time of one operation after the other; the last bits
    differ.

    PyTorch wraps them for it, and the first call of a wrapper loads the whole compiler, which takes seconds. Nothing here
    compiles a step: `step` is taken out of its wrapper, and of others the function holds the attribute that stands for
    "loaded".
    """
    for method in vars(torch.optim.Optimizer).values():
        if hasattr(method, "__wrapped__"):
            method.__wrapped__.__dynamo_disable = method.__wrapped__
    # All tensors together, which gives the same bytes as one after the other in a fifth of the time.
    decay = {} if settings.weight_decay is None else {"weight_decay": settings.weight_decay}
    way = {"fused": True} if fused else {"foreach": True}
    optimizer = OPTIMIZERS[settings.optimizer](parameters, lr=settings.learning_rate, **way, **decay)
    optimizer.step = torch.no_grad()(partial(unwrap(type(optimizer).step), optimizer))
    return optimizer


class Callback:
    """What a `Trainer` calls while it fits; override what you need.

    The trainer shows its state as `model`, `epoch`, `step` (counted from 1 over the whole training), `loss` and `batch` (of
    the step), `backward`, which computes the gradients of the step's batch, and, at an epoch's end, `metrics`.
    """

    def on_fit_begin(self, trainer):
        """Before the first epoch; `trainer.epoch` is 0, or in a training that goes on the last complete epoch."""

    def on_step_begin(self, trainer):
        """Before a step; `trainer.step` is that of the one before."""

    def on_backward_end(self, trainer):
        """The step's gradients are there, the weights not yet updated."""

    def on_step_end(self, trainer):
        """The weights are updated."""

    def on_epoch_end(self, trainer):
        """The epoch is trained and validated."""

    def on_fit_end(self, trainer):
        """After the last epoch."""


class Trainer:
    """Fits a model by minimising a loss.

    Parameters
    ----------
    model : torch.nn.Module
        Maps inputs, as images (n, channels, height, width), to outputs, as logits (n, classes).
    optimizer : torch.optim.Optimizer
    callbacks : iterable of Callback
    loss_function : function of outputs (n, ...) and targets (n, ...), or a UserLoss
    scores : callable
        Returns what counts how well the model does, empty.
    settings : Training
        How the gradient of a batch is computed.
    """

    def __init__(self, model, optimizer, callbacks=(), loss_function=cross_entropy, scores=ClassScores, settings=PLAIN):
        self.model, self.optimizer, self.callbacks = model, optimizer, list(callbacks)
        self.loss_function, self.scores = loss_function, scores
        self.gradient = Gradient(model, loss_function, settings)
        self.epoch = self.step = 0
        self.loss, self.metrics = float("nan"), {}

    def fit(self, train, validation, epochs):
        """Train until `epochs` on `train` and validate on `validation`, both iterables of batches (inputs, targets)."""
        self.call("on_fit_begin")
        while self.epoch < epochs:
            self.epoch += 1
            trained = self.train_epoch(progress(train, f"epoch {self.epoch}/{epochs}"))
            test = evaluate(self.model, validation, self.loss_function, self.scores())
            self.metrics = {"epoch": self.epoch, **trained, **test}
            self.call("on_epoch_end")
        self.call("on_fit_end")

    def train_epoch(self, batches):
        """One pass of updates; returns the mean train_loss and the score over its samples as they were seen."""
        self.model.train()
        loss_sum, scores, count = 0.0, self.scores(), 0
        for inputs, targets in batches:
            outputs = self.update(inputs, targets)
            counted = scores.add(array(outputs), array(targets))
            loss_sum += self.loss * counted
            count += counted
        return {"train_loss": loss_sum / count, **{f"train_{name}": value for name, value in scores.trained().items()}}

    def update(self, inputs, targets):
        """One step of the optimiser; returns the outputs before it."""
        self.call("on_step_begin")
        self.step += 1
        self.optimizer.zero_grad()
        self.batch = inputs, targets
        self.backward = partial(self.gradient, *self.batch)
        outputs, loss = self.backward()
        self.loss = loss.item()
        self.call("on_backward_end")
        self.optimizer.step()
        self.call("on_step_end")
        return outputs

    def state(self):
        """What the next epoch starts from: a dict of arrays and numbers, of weights, optimiser and random numbers."""
        optimizer = self.optimizer.state_dict()["state"]
        return {
            "epoch": self.epoch,
            "step": self.step,
            "model": arrays(self.model.state_dict()),
            "optimizer": {str(number): arrays(state) for number, state in optimizer.items()},
            "random": torch.get_rng_state().numpy(),
        }

    def restore(self, state):
        """Go on from what `state` returned."""
        self.epoch, self.step = state["epoch"], state["step"]
        self.model.load_state_dict(tensors(state["model"]))
        optimizer = {int(number): tensors(saved) for number, saved in state["optimizer"].items()}
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": optimizer})
        torch.set_rng_state(torch.from_numpy(state["random"]))

    def call(self, event):
        for callback in self.callbacks:
            getattr(callback, event)(self)


@torch.no_grad()
def evaluate(model, batches, loss_function, scores):
    """Return val_loss and the `scores`, empty as yet, of `model` over all samples of `batches`, in evaluation mode."""
    model.eval()
    if isinstance(loss_function, UserLoss):
        return evaluate_users(model, batches, loss_function, scores)
    answers = ((model(inputs).cpu(), targets.cpu()) for inputs, targets in batches)
    if scores.AT_ONCE:
        answers = [tuple(map(torch.cat, zip(*answers, strict=True)))]
    losses, counts = [], []
    for outputs, targets in answers:
        losses.append(loss_function(outputs.double(), targets).item())
        counts.append(scores.add(array(outputs), array(targets)))
    return validated(losses, counts, scores)


def evaluate_users(model, batches, loss_function, scores):
    """What `evaluate` returns, by a user's loss: the mean of its batches' by their samples."""
    losses, counts = [], []
    for inputs, targets in batches:
        outputs, loss = answered(loss_function, model, inputs, targets)
        losses.append(loss.item())
        counts.append(scores.add(array(outputs), array(targets)))
    return validated(losses, counts, scores)


def arrays(tensors):
    """The tensors of a dict as arrays, in the same memory where they are on the CPU."""
    return {name: array(tensor) for name, tensor in tensors.items() if tensor is not None}


def array(tensor):
    """A tensor as an array; of bfloat16, which NumPy does not have, as float32; None as it is."""
    if tensor is None:
        return None
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()


def tensors(arrays):
    """The arrays of a dict as tensors."""
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


class ModelSaveCallback(Callback):
    """Saves the weights to `folder`/epoch_NNN.pth every `every` epochs, before the first and after the last too."""

    def __init__(self, folder, every=1):
        self.folder, self.every = folder, every

    def on_fit_begin(self, trainer):
        if trainer.epoch == 0:
            self.save(trainer)

    def on_epoch_end(self, trainer):
        if trainer.epoch % self.every == 0:
            self.save(trainer)

    def on_fit_end(self, trainer):
        if trainer.epoch % self.every:
            self.save(trainer)

    def save(self, trainer):
        save_weights(trainer.model, self.folder, trainer.epoch)


def save_weights(model, folder, epoch):
    """Save the weights of `model` to `folder`/epoch_NNN.pth."""
    with whole(folder / f"epoch_{epoch:03d}.pth") as part, open(part, "wb") as file:
        torch.save(model.state_dict(), file)


class ScheduleCallback(Callback):
    """Sets every step's learning rate, and reports it to a `History`."""

    def __init__(self, training, steps, history):
        self.training, self.steps, self.history = training, steps, history

    def on_backward_end(self, trainer):
        rate = learning_rate(self.training, trainer.step, self.steps)
        for group in trainer.optimizer.param_groups:
            group["lr"] = rate
        self.history.step(trainer.step, {"step/learning_rate": rate})


class MetricsCallback(Callback):
    """Reports every step's loss and every epoch's metrics to a `History`."""

    def __init__(self, history):
        self.history = history

    def on_backward_end(self, trainer):
        self.history.step(trainer.step, {"step/loss": trainer.loss})

    def on_epoch_end(self, trainer):
        self.history.epoch(trainer.metrics)

    def on_fit_end(self, trainer):
        self.history.close()


class GradientCallback(Callback):
    """Records every step's gradients with a `GradientRecorder`, and shows the counts at its thresholds live."""

    def __init__(self, recorder, history):
        self.recorder, self.history = recorder, history

    def on_backward_end(self, trainer):
        self.recorder.step(trainer.loss, trainer.epoch)
        self.history.step(trainer.step, self.recorder.watched())

    def on_step_end(self, trainer):
        self.recorder.same_batch(trainer.backward)

    def on_epoch_end(self, trainer):
        self.recorder.end_epoch(trainer.epoch)


class TransitionCallback(Callback):
    """Has a `TransitionRecorder` count the transitions of the gradients of named `parameters`."""

    def __init__(self, recorder, parameters):
        self.recorder, self.parameters = recorder, parameters

    def on_backward_end(self, trainer):
        arrays = ()
        if self.recorder.wanted():
            gradients = [torch.zeros_like(one) if one.grad is None else one.grad for one in self.parameters]
            arrays = map(to_array, gradients), map(to_array, self.parameters)
        self.recorder.record(trainer.epoch, trainer.loss, *arrays)


class ResumeCallback(Callback):
    """Saves after every epoch, when all others have done their part of it, what the next one starts from."""

    def __init__(self, folder, recorder, history):
        self.folder, self.recorder, self.history = folder, recorder, history

    def on_epoch_end(self, trainer):
        parts = {"trainer": trainer, "recorder": self.recorder, "history": self.history}
        save(self.folder, {name: part.state() for name, part in parts.items()})


class KeepCallback(Callback):
    """Has a `KeptStates` save what chosen steps start from."""

    def __init__(self, states):
        self.states = states

    def on_step_begin(self, trainer):
        self.states.before(trainer.step + 1, lambda: {"trainer": trainer.state()})


class TorchBatches:
    """`Batches` as a PyTorch `model` takes them: of images (batch, channels, height, width), with targets (batch, ...)."""

    def __init__(self, batches, model):
        self.batches, self.model = batches, model

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        card = self.batches.card
        for inputs, targets in self.batches:
            yield as_input(to_input(inputs, card.kind), self.model), as_input(to_target(targets, card), self.model)


def train(card, training, validation, folder, state=None):
    """Train the network of `card` on the `Split` `training` and leave everything about it in `folder`.

    `state` is what a killed training's last complete epoch left there.
    """
    model = build(card, outputs_of(card, training)).to(device_of(card))
    take_pixels_once(model, card, training)
    settings = card.training
    optimizer = make_optimizer(settings, model.parameters())
    history = History(folder, settings.epochs, card.scored_as())
    recorder = GradientRecorder(model, folder / "gradients.h5", **card.recorder.model_dump(), decay=decay_of(optimizer))
    steps = len(shuffled(card, training))
    callbacks = [
        KeepCallback(KeptStates(folder / "states", settings.keep_states, steps)),
        ModelSaveCallback(folder / "checkpoints", settings.checkpoint_every),
        GradientCallback(recorder, history),
        MetricsCallback(history),
        ResumeCallback(folder, recorder, history),
    ]
    if varies(settings):
        callbacks.append(ScheduleCallback(settings, settings.epochs * steps, history))
    loss = loss_of(card, model)
    trainer = Trainer(model, optimizer, callbacks, loss, partial(scores_of, card), settings)
    if state:
        for name, part in {"trainer": trainer, "recorder": recorder, "history": history}.items():
            part.restore(state[name])
        say(f"going on after epoch {trainer.epoch} of {settings.epochs}")
    with recorder:
        trainer.fit(
            TorchBatches(shuffled(card, training, trainer.epoch), model),
            TorchBatches(in_order(card, validation), model),
            settings.epochs,
        )


def replicate(card, training, validation, folder, history):
    """Train as `train` does, but leave nothing but the last weights and the transitions of gradients in `folder`; `history`
    is told how it goes. The weights are those of `train` but for rounding."""
    model = build(card, outputs_of(card, training)).to(device_of(card))
    take_pixels_once(model, card, training, sum_weights=True)
    settings, batches = card.training, shuffled(card, training)
    parameters, sizes = trainable(model.named_parameters())
    recorder = TransitionRecorder(sizes, folder / "gradients.h5", card.recorder.edges, card.recorder.every)
    callbacks = [TransitionCallback(recorder, parameters), MetricsCallback(history)]
    if varies(settings):
        callbacks.append(ScheduleCallback(settings, settings.epochs * len(batches), history))
    loss = loss_of(card, model)
    optimizer = make_optimizer(settings, model.parameters(), fused=True)
    trainer = Trainer(model, optimizer, callbacks, loss, partial(scores_of, card), settings)
    with recorder:
        trainer.fit(TorchBatches(batches, model), TorchBatches(in_order(card, validation), model), settings.epochs)
    save_weights(model, folder, settings.epochs)


def rehearse(card, training, validation, folder):
    """Train as `train` does, but on a device that this machine has."""
    device = card.device if sees(card.device) else "cpu"
    train(card.model_copy(update={"device": device}), training, validation, folder)
