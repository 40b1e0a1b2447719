"""Dormant units: those that hardly answer to any sample, beside the others of their layer."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from drillcore.base.arrays import samples_by_units

THRESHOLD = 0.025
"""Of a unit's mean absolute output over that of its layer, as in the paper."""


def dormant_units(features: ArrayLike, threshold: float = THRESHOLD) -> NDArray[np.bool_]:
    """Say which units of a layer are dormant: their mean absolute output is at most a small part of their layer's.

    Parameters
    ----------
    features : array_like (samples, units)
        The layer's outputs, after its activation function.
    threshold : float
        The largest mean absolute output of a dormant unit, as a fraction of the mean over the layer's units.

    Returns
    -------
    bool array (units)
        All are dormant where every output is zero. A unit whose outputs are not all numbers is not dormant.

    Raises
    ------
    InputError
        If the features are not (samples, units) real numbers of at least one sample.

    References
    ----------
    G. Sokar et al. 2023, "The dormant neuron phenomenon in deep reinforcement learning", arXiv 2302.12902.

    Examples
    --------
    >>> import drillcore
    >>> drillcore.dormant_units([[1.0, 0.0, 0.001], [3.0, 0.0, 0.003]]).tolist()
    [False, True, True]
    """
    features = np.asarray(samples_by_units(features)[:], np.float64)
    return of_means(np.abs(features).mean(0), threshold)


def of_means(means, threshold=THRESHOLD):
    """Which of the units with these `means` (units) of absolute outputs are dormant."""
    means = np.asarray(means, np.float64)
    return means <= threshold * means.mean()
