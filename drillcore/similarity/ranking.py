"""Ranks, with ties, and how alike several measures rank the same layers."""

from collections.abc import Mapping
from itertools import permutations
from math import factorial
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from drillcore.base.arrays import real_array

MOST_ORDERS = 5040
"""Of more layers than have so many orders, 7, as many random orders stand for chance."""
LEAST_LAYERS = 3
"""Fewer have no rank correlation that says anything."""


class Agreement(NamedTuple):
    """How alike measures rank the layers as rewinding does.

    `correlations` are by measure Spearman's rank correlation over the layers, NaN where it is undefined; `chance` is the
    size, whatever the sign, that 5 % of the orders of the layers reach in one measure; `p_value` is the share of them in
    which the largest of all measures is as large as it is.
    """

    correlations: dict[str, float]
    chance: float
    p_value: float


def rank_agreement(costs: ArrayLike, changes: Mapping[str, ArrayLike], seed: int = 0) -> Agreement:
    """Return how alike several measures rank layers by how much they change as `costs` rank them by how much they matter.

    Parameters
    ----------
    costs : array_like (layers)
        What putting back a layer costs.
    changes : mapping of str to array_like (layers)
        By measure how unlike a layer is to itself at the end; a measure that has NaN has no rank correlation.
    seed : int
        Of the random orders that stand for chance where layers have more than 5,040.

    Returns
    -------
    Agreement
        NaN for fewer than 3 layers, and for a measure or costs that are the same for all.

    Raises
    ------
    InputError
        If the costs or the changes are not real numbers.

    References
    ----------
    C. Spearman 1904, doi 10.2307/1412159.

    Examples
    --------
    >>> import drillcore
    >>> agreement = drillcore.rank_agreement([0.5, 0.1, 0.2, 0.0], {"rsa": [0.9, 0.2, 0.3, 0.1], "cknna": [1, 2, 3, 4]})
    >>> {name: round(value, 3) for name, value in agreement.correlations.items()}, round(agreement.p_value, 3)
    ({'rsa': 1.0, 'cknna': -0.8}, 0.167)
    """
    costs, names = unit_ranks(costs), list(changes)
    ranks = np.array([unit_ranks(changes[name]) for name in names]).reshape(len(names), len(costs))
    correlations = ranks @ costs
    known = ranks[np.isfinite(correlations)]
    if not len(known):
        return Agreement(dict(zip(names, correlations.tolist(), strict=True)), np.nan, np.nan)
    by_chance = np.abs(costs[orders(len(costs), seed)] @ known.T)
    reached = by_chance.max(1) >= np.nanmax(np.abs(correlations)) - 1e-9
    single = np.sort(by_chance[:, 0])[int(np.ceil(0.95 * len(by_chance))) - 1]
    return Agreement(dict(zip(names, correlations.tolist(), strict=True)), float(single), float(reached.mean()))


def unit_ranks(values):
    """The ranks of `values` (layers), centred and of norm 1; NaN where there are too few, or all are the same or one NaN."""
    values = np.asarray(real_array(values, "values"), np.float64)
    if len(values) < LEAST_LAYERS or np.isnan(values).any() or np.ptp(values) == 0:
        return np.full(len(values), np.nan)
    ranks = average_ranks(values)
    ranks -= ranks.mean()
    return ranks / np.linalg.norm(ranks)


def orders(count, seed):
    """All orders (orders, count) of so many layers, or MOST_ORDERS random ones where there are more."""
    if factorial(count) <= MOST_ORDERS:
        return np.array(list(permutations(range(count))))
    rng = np.random.default_rng(seed)
    return np.array([rng.permutation(count) for _ in range(MOST_ORDERS)])


def average_ranks(values):
    """Ranks from 0 of `values`; equal ones share their mean."""
    # scipy.stats.rankdata returns the same in twice the time, and its import takes half a second of a stage of two.
    order = np.argsort(values)
    ordered = values[order]
    begins = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    counts = np.diff(np.append(begins, len(values)))
    ranks = np.empty(len(values))
    ranks[order] = np.repeat(begins + (counts - 1) / 2, counts)
    return ranks
