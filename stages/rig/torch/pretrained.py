"""Pretrained PyTorch networks."""

from drillcore.frameworks.layers import uncompiled
from stages.rig.torch import training as torch_training
from stages.rig.torch.losses import loss_of
from stages.rig.torch.network import build, device_of
from stages.rig.torch.training import TorchBatches, save_weights
from stages.rig.torch.weights import take_weights
from stages.rig.training.scores import scores_of

__all__ = ["evaluate", "load", "save_weights", "take_weights", "tensors"]


def load(card, classes, path):
    """Return the network of `card` with the weights of the file at `path`; an `InputError` says what does not fit."""
    model = build(card, classes)
    take_weights(model, card, classes, path)
    return model.to(device_of(card))


def evaluate(model, card, batches):
    """Return val_loss and the scores of the task over `Batches`."""
    loss = loss_of(card, model)
    return torch_training.evaluate(model, TorchBatches(batches, model), loss, scores_of(card))


def tensors(model):
    """The number of elements of each parameter of `model`, trained or not, by name."""
    return {uncompiled(name): parameter.numel() for name, parameter in model.named_parameters()}
