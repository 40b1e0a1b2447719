"""The losses of PyTorch networks: functions of outputs and targets."""

from torch import nn


def cross_entropy(outputs, targets):
    """The mean cross-entropy of logits (n, ..., classes) and targets (n, ...); a target of -100 counts nowhere."""
    return nn.functional.cross_entropy(outputs.flatten(0, -2), targets.flatten())


def one_hot_error(outputs, targets):
    """The mean squared error of outputs (n, classes) against one-hot `targets` (n)."""
    return squared_error(outputs, nn.functional.one_hot(targets, outputs.shape[1]))


def squared_error(outputs, targets):
    """The mean squared error of outputs and targets (n, ...) of equally many numbers."""
    return nn.functional.mse_loss(outputs, targets.reshape(outputs.shape).to(outputs.dtype))


def loss_of(name, model, shape, task="classification"):
    """The loss of that `name` at a `task`, for a `model` of inputs of `shape`: they take logits, whatever it returns."""
    if name == "mse":
        return one_hot_error if task == "classification" else squared_error
    return cross_entropy
