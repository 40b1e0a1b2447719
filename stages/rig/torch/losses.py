"""The losses of PyTorch networks: functions of outputs and targets, or of the model and a batch."""

import torch
from torch import nn

from drillcore.base.errors import InputError
from drillcore.frameworks import LossOfModel
from drillcore.frameworks.torch import evaluating
from stages.rig.torch.answer import whole
from stages.rig.user_defined import user_loss


def cross_entropy(outputs, targets):
    """The mean cross-entropy of logits (n, ..., classes) and targets (n, ...); a target of -100 counts nowhere."""
    return nn.functional.cross_entropy(outputs.flatten(0, -2), targets.flatten())


def one_hot_error(outputs, targets):
    """The mean squared error of outputs (n, classes) against one-hot `targets` (n)."""
    return squared_error(outputs, nn.functional.one_hot(targets, outputs.shape[1]))


def squared_error(outputs, targets):
    """The mean squared error of outputs and targets (n, ...) of equally many numbers."""
    return nn.functional.mse_loss(outputs, targets.reshape(outputs.shape).to(outputs.dtype))


class UserLoss(LossOfModel):
    """The loss that the user of `card` wrote, who sees all that the model returns."""

    def __init__(self, card):
        super().__init__(user_loss(card), card.scored_as() != "loss")
        self.name, self.answer = card.loss, None

    def __call__(self, model, inputs, targets):
        """The loss of a batch; `answer` is then what the model answered when it was first called, None if it was not."""
        with whole(model) as hook:
            loss = super().__call__(model, inputs, targets)
        self.answer, hook.first = hook.first, None
        if not isinstance(loss, torch.Tensor) or loss.numel() != 1:
            found = list(loss.shape) if isinstance(loss, torch.Tensor) else type(loss).__name__
            raise InputError(f"{self.name} returns {found}, but should return one number, as a tensor with its graph.")
        return loss.reshape(())


def loss_of(card, model):
    """The loss of `card` for its `model`; those of outputs take logits, whatever it returns."""
    if getattr(card, "loss", None):
        return UserLoss(card)
    if card.loss_name() == "mse":
        return one_hot_error if card.task == "classification" else squared_error
    return cross_entropy


def answered(loss, model, inputs, targets):
    """What `model` answers to `inputs` and its `loss`, each with its graph; where nothing can be scored no answer, None.

    Where the model itself was never called, but parts of it, it is once more, in evaluation mode, which changes nothing.
    """
    if not isinstance(loss, UserLoss):
        outputs = model(inputs)
        outputs = outputs.float() if outputs.dtype == torch.bfloat16 else outputs
        return outputs, loss(outputs, targets)
    value = loss(model, inputs, targets)
    if not loss.answers:
        return None, value
    if loss.answer is not None:
        return loss.answer, value
    with torch.no_grad(), evaluating(model):
        return model(inputs), value
