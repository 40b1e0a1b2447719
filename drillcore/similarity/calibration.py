"""Every measure's null: what it scores with the samples of one side permuted."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from drillcore.base.arrays import together
from drillcore.similarity.catalogue import MEASURES, catalogued
from drillcore.similarity.measures import choose_measures
from drillcore.similarity.null import along_diagonals
from drillcore.similarity.representation import Undefined, prepare

LEVEL = 0.05
"""Of permutations so many score more than the quantile."""
PAIRWISE = 20
"""Of a measure that is computed pair by pair at most so many permutations are drawn: the fewest whose largest value is
exceeded with a probability below LEVEL."""


class Quantiles(NamedTuple):
    """The upper quantile of a measure's permutation null; of a distance the lower one.

    `pairs` (rows, columns) is that of each pair, NaN between a layer and itself; `best` (rows) and `best_other` (columns)
    those of a layer's best match among all layers of the other side, itself excepted.
    """

    pairs: np.ndarray
    best: np.ndarray
    best_other: np.ndarray


def null_quantiles(
    layers: Mapping[str, ArrayLike],
    measure: str = "debiased_cka",
    other: Mapping[str, ArrayLike] | None = None,
    permutations: int = 200,
    seed: int = 0,
) -> Quantiles:
    """Return what a measure scores by chance: the 95 % quantile over permutations of the samples of one side.

    Of each pair of layers, and of the best of all pairs of a layer: who picks the most alike of many layers finds a higher
    score by chance alone. Permutations are cyclic shifts after one random shuffle, as in `permutation_null`. The best of
    them in `floor(0.05 (1 + permutations))` is the quantile, so that independent layers exceed it with a probability of
    at most 5 %.

    Parameters
    ----------
    layers : mapping of str to array_like (samples, units)
        By layer its activations.
    measure : str
        The name of a function of this library that compares two layers.
    other : mapping of str to array_like (samples, units), optional
        The layers of another network, of the same samples in the same order. By default `layers` again.
    permutations : int
        At most so many, and at most samples - 1; of SVCCA, PWCCA and the Procrustes distance at most 20.
    seed : int
        Of the shuffle and of the choice of shifts.

    Returns
    -------
    Quantiles
        `pairs` float64 (layers, others), `best` (layers), `best_other` (others), of SVCCA, PWCCA and the Procrustes
        distance to 1e-6; NaN where the measure is undefined, and where fewer than 19 permutations are drawn.

    Raises
    ------
    InputError
        If there is no such measure, there is no layer, the activations of one are not (samples, units) real numbers,
        or the layers differ in their number of samples.

    References
    ----------
    arXiv 2602.14486, on calibrated scores and the null of the best of many layers.

    J. Hemerik and J. Goeman 2018, arXiv 1411.7565.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> noise = np.random.default_rng(0).standard_normal((2, 50, 40))
    >>> quantiles = drillcore.null_quantiles({"fc1": noise[0], "fc2": noise[1]}, "linear_cka")
    >>> quantiles.pairs.round(2)
    array([[ nan, 0.46],
           [0.46,  nan]])
    """
    catalogued([measure])
    others = {} if other is None else other
    arrays = together([*layers.values(), *others.values()])
    method = choose_measures([measure], len(arrays[0]))[measure]
    prepared = [prepare(method.work, array) for array in arrays]
    columns = None if other is None else prepared[len(layers) :]
    chance = Permutations(len(arrays[0]), permutations, seed)
    return chance.quantiles(measure, method, prepared[: len(layers)], columns)


class Permutations:
    """The permutations under which all layers of some samples are compared: shifts after one random shuffle."""

    def __init__(self, samples, permutations, seed):
        rng = np.random.default_rng(seed)
        self.order = rng.permutation(samples)
        self.shifts = 1 + rng.permutation(samples - 1)[:permutations]
        # With each shift its inverse: a pair (i, j) under the one is the pair (j, i) under the other.
        half = 1 + rng.permutation((samples - 1) // 2)[: -(-min(permutations, PAIRWISE) // 2)]
        self.both_ways = np.concatenate([half, samples - half])

    def count(self, method):
        """How many permutations there are for a `method`."""
        return len(self.shifts if method.square else self.both_ways)

    def quantiles(self, name, method, a, b=None):
        """The `Quantiles` of the measure `name` of layers `a` with layers `b` (of `a` itself by default), as prepared."""
        scores = self.by_diagonals(method, a, b) if method.square else self.by_pairs(method, a, b)
        if MEASURES[name].is_distance:
            scores = -scores
        pairs, best, best_other = upper(scores), upper(most(scores, 2)), upper(most(scores, 1))
        return Quantiles(*(-part if MEASURES[name].is_distance else part for part in (pairs, best, best_other)))

    def by_diagonals(self, method, a, b):
        """Scores (permutations, a, b) that are inner products of matrices (samples, samples) of norm 1, by the FFT."""
        spectra = [self.spectra(method, side) for side in (a, b) if side is not None]
        rows, columns = spectra[0], spectra[-1]
        products = rows.conj() @ columns.transpose(0, 2, 1)
        scores = np.fft.irfft(products, len(self.order), axis=0)[self.shifts]
        if b is None:
            scores[:, np.eye(len(a), dtype=bool)] = np.nan
        return scores

    def spectra(self, method, layers):
        """The spectra of the layers' matrices along their wrapped diagonals, NaN for a layer that has none."""
        n = len(self.order)
        spectra = np.full((n // 2 + 1, len(layers), n), np.nan, complex)
        for position, layer in enumerate(layers):
            if not isinstance(layer, Undefined):
                square = method.square(layer, n)[np.ix_(self.order, self.order)]
                spectra[:, position] = np.fft.rfft(along_diagonals(square), axis=0)
        return spectra

    def by_pairs(self, method, a, b):
        """Scores (permutations, a, b) of pairs, of which `method.pair` gives the value either way.

        In float32, a third faster: 1e-6 of a score is far less than by what the permutations differ.
        """
        a, columns = (list(map(single, side)) for side in (a, a if b is None else b))
        scores = np.full((len(self.both_ways), len(a), len(columns)), np.nan)
        inverse = np.roll(np.arange(len(scores)), len(scores) // 2)
        for column, right in enumerate(columns):
            rows = [row for row in range(column if b is None else len(a)) if not isinstance(a[row], Undefined)]
            for number, shift in enumerate([] if isinstance(right, Undefined) else self.both_ways):
                shifted = self.moved(right, shift)
                for row in rows:
                    forth, back = method.pair(a[row], shifted)
                    scores[number, row, column] = forth
                    if b is None:
                        scores[inverse[number], column, row] = back
        return scores

    def moved(self, layer, shift):
        """A layer's `Components` with its shuffled samples shifted."""
        source = np.empty_like(self.order)
        source[self.order] = np.roll(self.order, -shift)
        return layer._replace(basis=layer.basis[source], coordinates=layer.coordinates[source])


def single(layer):
    """A layer's `Components` in float32; what is `Undefined` stays so."""
    return layer if isinstance(layer, Undefined) else layer._make(part.astype(np.float32) for part in layer)


def most(scores, axis):
    """The largest score along an axis, of those that are defined; NaN where none is."""
    largest = np.max(scores, axis, initial=-np.inf, where=~np.isnan(scores))
    return np.where(largest == -np.inf, np.nan, largest)


def upper(scores):
    """The upper quantile of `scores` (permutations, ...) at LEVEL; NaN where too few were drawn."""
    rank = int(LEVEL * (1 + len(scores)) + 1e-9)
    return np.sort(scores, axis=0)[-rank] if rank else np.full(scores.shape[1:], np.nan)
