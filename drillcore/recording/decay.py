"""The decay of an optimiser's average of gradients, by which chance alone tells minima from maxima."""

from typing import Any


def decay_of(optimizer: Any) -> float:
    """The decay of the average of gradients that an optimiser steps along, PyTorch's or Keras', with its first settings.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer, keras.Optimizer, or list of them, of which the first counts

    Returns
    -------
    float
        The first of the `betas`, or the momentum; 0 for an optimiser that has neither, as plain gradient descent.

    Examples
    --------
    >>> import torch
    >>> from drillcore.recording.decay import decay_of
    >>> decay_of(torch.optim.Adam([torch.zeros(1)], betas=(0.8, 0.99)))
    0.8
    """
    optimizer = optimizer[0] if isinstance(optimizer, list | tuple) else optimizer
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # Keras' scale of a loss wraps one
    settings = getattr(optimizer, "param_groups", [vars(optimizer)])[0]
    if "betas" in settings:
        return float(settings["betas"][0])
    return float(settings.get("beta_1", settings.get("momentum", 0.0)) or 0.0)
