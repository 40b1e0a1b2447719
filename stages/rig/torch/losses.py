"""The losses of PyTorch networks: functions of logits (n, classes) and labels (n)."""

from torch import nn


def squared_error(logits, labels):
    """The mean squared error of logits (n, classes) against one-hot `labels` (n)."""
    return nn.functional.mse_loss(logits, nn.functional.one_hot(labels, logits.shape[1]).to(logits.dtype))


LOSSES = {"cross_entropy": nn.functional.cross_entropy, "mse": squared_error}


def loss_of(name, model, shape):
    """The loss of that `name` for a `model` of images of `shape`: all take logits, whatever the model returns."""
    return LOSSES[name]
