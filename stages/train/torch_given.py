"""PyTorch networks that come trained."""

from stages.shared.layers import uncompiled
from stages.shared.torch_network import build, device_of
from stages.shared.torch_weights import take_weights
from stages.train import torch_training
from stages.train.torch_training import LOSSES, TorchBatches, save_weights

__all__ = ["evaluate", "load", "save_weights", "tensors"]


def load(card, classes, path):
    """Return the network of `card` with the weights of the file at `path`; an `InputError` says what does not fit."""
    model = build(card, classes)
    take_weights(model, card, classes, path)
    return model.to(device_of(card))


def evaluate(model, card, batches):
    """Return val_loss, val_accuracy and val_f1 over `Batches`."""
    return torch_training.evaluate(model, TorchBatches(batches, model), LOSSES["cross_entropy"])


def tensors(model):
    """The number of elements of each parameter of `model`, trained or not, by name."""
    return {uncompiled(name): parameter.numel() for name, parameter in model.named_parameters()}
