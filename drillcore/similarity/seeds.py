"""Whether a layer comes out the same with another seed."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from drillcore.base.arrays import together
from drillcore.base.errors import InputError
from drillcore.similarity.measures.cka import u_gram
from drillcore.similarity.null import shifted_products
from drillcore.similarity.representation import matrix, prepare

QUANTILE = 0.95


class Agreement(NamedTuple):
    """How alike a layer is in every two trainings: debiased CKA of each pair, float64 (pairs), and the `chance` of it, which
    95 % of the permutations of one side's samples stay below; NaN where a layer is undefined, as a constant one."""

    pairs: np.ndarray
    chance: np.ndarray


def across_seeds(trainings: Sequence[ArrayLike], seed: int = 0) -> Agreement:
    """Compare the outputs of one layer between every two of several trainings.

    Parameters
    ----------
    trainings : sequence of array_like (samples, units)
        The layer's outputs in each training, of the same samples in the same order; numbers of units may differ.
    seed : int
        Of the permutations, which are cyclic shifts after one random shuffle, as in `permutation_null`.

    Returns
    -------
    Agreement
        `pairs` and `chance`, float64 (pairs), of the trainings (0, 1), (0, 2), ..., (1, 2), ...

    Raises
    ------
    InputError
        If there are fewer than two trainings, or they differ in their samples.

    References
    ----------
    Kornblith et al. 2019, "Similarity of Neural Network Representations Revisited", arXiv 1905.00414, section 6.1, which
    asks the same of linear CKA.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> X = np.random.default_rng(0).standard_normal((50, 3))
    >>> found = drillcore.across_seeds([X, -X])
    >>> found.pairs.round(3).tolist(), bool(found.chance < 0.5)
    ([1.0], True)
    """
    if len(trainings) < 2:
        raise InputError(f"{len(trainings)} training to compare: give the outputs of at least two.")
    layers = together(trainings)
    order = np.random.default_rng(seed).permutation(len(layers[0]))
    grams = [prepare(u_gram, np.asarray(layer)[order]) for layer in layers]
    pairs = np.triu_indices(len(layers), 1)
    scores = matrix(lambda a, _: shifted_products(a)[0], grams)
    chance = matrix(lambda a, _: np.quantile(shifted_products(a)[1:], QUANTILE, axis=0), grams)
    return Agreement(scores[pairs], chance[pairs])
