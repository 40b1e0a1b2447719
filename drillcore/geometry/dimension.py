"""Intrinsic dimension: on how many dimensions the samples of a layer lie, near each sample."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from drillcore.base.arrays import samples_by_units
from drillcore.similarity.representation import Undefined

LEAST_POINTS = 20
"""Of fewer points no dimension is estimated, and no smaller subsample is taken."""
BLURRED = 1e-9
"""Squared distances below so much of the points' squared norms lose digits as differences of products."""


class Dimension(NamedTuple):
    """An intrinsic dimension: its `value` over all distinct samples, its `curve` by `sizes` of subsamples, why it is NaN."""

    value: float
    sizes: NDArray[np.int64]
    curve: NDArray[np.float64]
    reason: str


def two_nn(features: ArrayLike) -> Dimension:
    """Estimate the intrinsic dimension of a layer from each sample's two nearest neighbours.

    The ratio of the distances to both is Pareto distributed with the dimension as its exponent, wherever the density hardly
    changes between them. Noise fills all units at the scale of near neighbours: a dimension that falls where fewer samples,
    whose neighbours are further away, are taken is one of noise.

    Parameters
    ----------
    features : array_like (samples, units)
        The layer's outputs. Of samples that are equal in every unit one counts.

    Returns
    -------
    Dimension
        `value`, (N - 1) / sum ln(r2 / r1) over the N distinct samples; `curve` the same of `sizes` samples, all
        of them, one half, a quarter and so on, the mean over the disjoint subsamples; `reason` says why `value` is NaN: fewer
        than 20 distinct samples, neighbours all equally far, or activations that are not finite; else it is empty.

    Raises
    ------
    InputError
        If the features are not (samples, units) real numbers of at least one sample.

    References
    ----------
    E. Facco et al. 2017, "Estimating the intrinsic dimension of datasets by a minimal neighborhood information",
    doi 10.1038/s41598-017-11873-y. A. Ansuini et al. 2019, "Intrinsic dimension of data representations in deep neural
    networks", arXiv 1905.12784.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> random = np.random.default_rng(0)
    >>> plane = random.normal(size=(1000, 2)) @ random.normal(size=(2, 50))
    >>> round(drillcore.two_nn(plane).value, 1)
    2.0
    """
    try:
        sizes, curve = curve_of(squared_distances(distinct_rows(samples_by_units(features))))
        if not np.isfinite(curve[0]):
            raise Undefined("all neighbours are equally far")
        return Dimension(float(curve[0]), sizes, curve, "")
    except Undefined as reason:
        return Dimension(np.nan, np.array([], np.int64), np.array([]), str(reason))


def distinct_rows(features):
    """The rows of `features` that differ, each once, in their order, as float64; `Undefined` where they are too few."""
    rows = np.asarray(features[:], np.float64) + 0.0  # for -0.0 is 0.0
    if not np.isfinite(rows).all():
        raise Undefined("activations that are not finite")
    rows = np.ldexp(rows, -np.frexp(np.abs(rows).max(initial=0.0))[1])
    distinct = rows[list({row.tobytes(): number for number, row in reversed(list(enumerate(rows)))}.values())[::-1]]
    if len(distinct) < LEAST_POINTS:
        raise Undefined(f"{len(distinct)} distinct samples, fewer than {LEAST_POINTS}")
    return distinct


def squared_distances(rows):
    """Of every two distinct `rows` (samples, units), by their products, which is fast; infinite to themselves.

    Those that rounding would blur, of neighbours that are near beside their distance from the mean, are computed again.
    """
    rows = rows - rows.mean(0)
    squares = np.vecdot(rows, rows)
    sums = squares[:, None] + squares
    distances = sums - 2 * (rows @ rows.T)
    np.fill_diagonal(distances, np.inf)
    near = np.nonzero(distances < BLURRED * sums)
    for i, j in zip(*near, strict=True):
        distances[i, j] = np.square(rows[i] - rows[j]).sum()
    return distances


def curve_of(distances):
    """The sizes of subsamples and the dimensions of theirs: all samples, one half, a quarter and so on."""
    sizes, curve, count = [], [], len(distances)
    while count >= LEAST_POINTS:
        parts = [slice(begin, begin + count) for begin in range(0, len(distances) - count + 1, count)]
        curve.append(np.mean([of_distances(distances[part, part]) for part in parts]))
        sizes.append(count)
        count //= 2
    return np.array(sizes), np.array(curve)


def of_distances(distances):
    """The unbiased estimate of the Pareto exponent of the ratios of the distances to every sample's second and first
    neighbour, from squared `distances`; infinite if all ratios are 1."""
    # Two minima take a tenth of the time of a partition.
    rows, nearest = np.arange(len(distances)), distances.argmin(1)
    first = distances[rows, nearest]
    distances[rows, nearest] = np.inf
    second = distances.min(1)
    distances[rows, nearest] = first
    with np.errstate(divide="ignore"):
        return 2 * (len(distances) - 1) / np.log(second / first).sum()
