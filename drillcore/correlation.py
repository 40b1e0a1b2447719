"""Pearson's correlation between the units of all layers, streamed over samples, and its means over pairs of layers."""

from collections.abc import Mapping
from math import pi, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from drillcore.base.arrays import real_array, row_blocks, samples_by_units, together
from drillcore.base.errors import InputError
from drillcore.extras import require

MOST_CLUSTERED, MOST_OPTIMAL = 4000, 1000
"""Units of a layer that are clustered, and those whose leaves are ordered optimally."""

TYPICAL, LEAST_RANGE = (2, 98), 1e-3
"""The percentiles of the pairs between which `typical_range` lies, and how far apart its ends are at least."""

SILENT = np.errstate(invalid="ignore", over="ignore")
"""Columns that are not finite have no correlation, which is NaN: no warning tells more."""


def abs_by_chance(samples: int) -> float:
    """The mean of abs(r) of two independent normal units over so many samples: for many, r is normal around 0."""
    return sqrt(2 / (pi * (samples - 1)))


def typical_range(matrix: ArrayLike) -> tuple[float, float]:
    """From which r to which most pairs of a correlation matrix (n, n) are: no column with itself, and no few far off.

    Examples
    --------
    >>> typical_range([[1, 0.9, 0.8], [0.9, 1, 0.7], [0.8, 0.7, 1]])
    (0.704, 0.896)
    """
    values = np.asarray(matrix)[np.triu_indices(len(matrix), 1)]
    values = values[np.isfinite(values)]
    if not len(values):
        return -1.0, 1.0
    low, high = np.percentile(values.astype(np.float64), TYPICAL).round(9).tolist()
    return min(low, high - LEAST_RANGE), high


class Moments:
    """Sums and cross-products of columns, accumulated in float64 over chunks of rows.

    Every row is shifted by the first chunk's mean, so that nothing cancels when a mean is large against its standard
    deviation (Chan, Golub and LeVeque 1983, "Algorithms for computing the sample variance"). Of many units the (units,
    units) products are all the memory there is, so they are summed in blocks of rows, right of the diagonal only, and
    `covariance` and `correlation` take their place: either ends the sum.
    """

    def __init__(self):
        self.count, self.shift = 0, None

    @SILENT
    def update(self, rows):
        """Add `rows` (samples, units)."""
        rows = np.asarray(rows)
        if self.shift is None:
            self.shift = rows.mean(0, dtype=np.float64)
            self.sums = np.zeros(rows.shape[1])
            self.products = np.zeros((rows.shape[1],) * 2)
        shifted = rows - self.shift
        self.count += len(shifted)
        self.sums += shifted.sum(0)
        for units in blocks(self.products):
            columns, right = shifted[:, units], slice(units.stop, None)
            self.products[units, units] += columns.T @ columns
            self.products[units, right] += columns.T @ shifted[:, right]

    @SILENT
    def covariance(self):
        """The covariance (units, units) of all rows so far, normalised by their count."""
        covariance, self.products = self.products, None
        means = self.sums / self.count
        for units in blocks(covariance):
            rows = covariance[units, units.start :]
            rows /= self.count
            rows -= np.outer(means[units], means[units.start :])
            covariance[units.stop :, units] = covariance[units, units.stop :].T
        return covariance

    @SILENT
    def correlation(self):
        """Pearson's r (units, units); NaN in the row and column of a unit without variance, which has none."""
        correlation = self.covariance()
        variance = np.diag(correlation).copy()
        # A constant column's shifted values are rounding alone; so small a share of its magnitude is no variance.
        variance[variance <= (np.finfo(np.float64).eps * np.abs(self.shift)) ** 2 * self.count] = np.nan
        deviation = np.sqrt(variance)
        correlation /= deviation[:, None]
        correlation /= deviation
        correlation[np.diag_indices_from(correlation)] = variance / variance
        return correlation


class CrossCorrelation(NamedTuple):
    """Pearson's r between the units of all layers, `matrix` (units, units), and `layer_of_unit`, each unit's layer."""

    matrix: NDArray[np.float64]
    layer_of_unit: NDArray[np.int64]


class LayerMeans(NamedTuple):
    """Means of r and of abs(r) of every two layers (layers, layers), and the number of `dead` units of each layer."""

    mean: NDArray[np.float64]
    mean_abs: NDArray[np.float64]
    dead: NDArray[np.int64]


def blocks(matrix):
    """Slices of rows of a `matrix` (units, units), each small beside it where it is large."""
    return row_blocks(len(matrix), matrix[0].nbytes)


def correlation_matrix(columns: ArrayLike) -> NDArray[np.float64]:
    """Return Pearson's r between every two units of one layer.

    Parameters
    ----------
    columns : array_like (samples, units)
        Activations, of any real type. Sums are accumulated in float64.

    Returns
    -------
    float64 array (units, units)
        Without unit, from -1 to 1. NaN in the row and column of a constant unit, which has no correlation.

    Raises
    ------
    InputError
        If the activations are not (samples, units) real numbers of at least one sample.

    References
    ----------
    T. F. Chan, G. H. Golub and R. J. LeVeque 1983, "Algorithms for computing the sample variance",
    doi 10.1080/00031305.1983.10483115.

    Examples
    --------
    >>> import drillcore
    >>> drillcore.correlation_matrix([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]])
    array([[1., 1.],
           [1., 1.]])
    """
    moments = Moments()
    moments.update(samples_by_units(columns))
    return moments.correlation()


def compute_layerwise_cross_correlation(layers: Mapping[str, ArrayLike]) -> CrossCorrelation:
    """Return Pearson's r between every two units of every two layers.

    Parameters
    ----------
    layers : mapping of str to array_like or h5py.Dataset (samples, units)
        All with the same samples in the same order. Read in blocks of rows, so they may be larger than memory.

    Returns
    -------
    CrossCorrelation
        `matrix`, a float64 array (F, F) over the F units of all layers, one layer after the other; NaN for dead units,
        those without variance. And `layer_of_unit`, an int64 array (F) with the position of each unit's layer.

    Raises
    ------
    InputError
        If the activations of a layer are not (samples, units), or the layers differ in their number of samples.

    References
    ----------
    T. F. Chan, G. H. Golub and R. J. LeVeque 1983, "Algorithms for computing the sample variance",
    doi 10.1080/00031305.1983.10483115.

    Examples
    --------
    >>> import drillcore
    >>> matrix, layer = drillcore.compute_layerwise_cross_correlation(
    ...     {"a": [[1.0], [0.0], [0.0]], "b": [[-1.0], [0.0], [0.0]]}
    ... )
    >>> matrix.round(6), layer
    (array([[ 1., -1.],
           [-1.,  1.]]), array([0, 1]))
    """
    arrays = together(layers.values())
    widths = [array.shape[1] for array in arrays]
    moments = Moments()
    for rows in row_blocks(len(arrays[0]), 8 * sum(widths)):
        moments.update(np.concatenate([array[rows] for array in arrays], axis=1))
    return CrossCorrelation(moments.correlation(), np.repeat(np.arange(len(widths)), widths))


def layer_means(correlation: ArrayLike, layer_of_unit: ArrayLike) -> LayerMeans:
    """Return the means of r and of abs(r) between the units of every two layers.

    A unit's correlation with itself says nothing and dead units have none: both are left out.

    Parameters
    ----------
    correlation : array_like (F, F)
        Pearson's r between all units, as `compute_layerwise_cross_correlation` returns it.
    layer_of_unit : array_like of int (F)
        The position of each unit's layer, ascending.

    Returns
    -------
    LayerMeans
        `mean` and `mean_abs`, float64 arrays (layers, layers), NaN for a pair of layers without two living units. And
        `dead`, an int64 array (layers) with the number of units without variance in each layer.

    Raises
    ------
    InputError
        If the two do not belong together.

    Examples
    --------
    >>> import drillcore
    >>> layers = {"a": [[1.0, 0.0], [2.0, 0.0], [4.0, 0.0]], "b": [[-1.0], [-2.0], [-4.0]]}
    >>> means = drillcore.layer_means(*drillcore.compute_layerwise_cross_correlation(layers))
    >>> means.mean.round(6), means.dead
    (array([[nan, -1.],
           [-1., nan]]), array([1, 0]))
    """
    correlation, layer_of_unit = real_array(correlation, "correlations"), real_array(layer_of_unit, "layer_of_unit")
    units = len(layer_of_unit)
    if not units or correlation.shape != (units, units):
        raise InputError(
            f"correlations of shape {correlation.shape} are not between the {units} units of layer_of_unit: give both as "
            "compute_layerwise_cross_correlation returns them."
        )
    count = layer_of_unit[-1] + 1
    member = (layer_of_unit == np.arange(count)[:, None]).astype(np.float64)
    dead = np.isnan(np.diag(correlation))
    sums = np.zeros((2, count, units))
    for rows in row_blocks(units, 8 * units):
        values = np.where(dead[rows, None] | dead, 0.0, correlation[rows])
        np.fill_diagonal(values[:, rows], 0.0)
        sums += [member[:, rows] @ values, member[:, rows] @ np.abs(values, out=values)]
    living = (member * ~dead).sum(1)
    pairs = np.outer(living, living) - np.diag(living)
    with np.errstate(invalid="ignore"):
        mean, mean_abs = (np.where(pairs > 0, part @ member.T / pairs, np.nan) for part in sums)
    return LayerMeans(mean, mean_abs, (member @ dead).astype(np.int64))


def cluster_units(correlation: ArrayLike, layer_of_unit: ArrayLike) -> NDArray[np.int64]:
    """Order the units of every layer so that those that correlate with each other stand side by side.

    Within each layer units are clustered by average linkage of the distance 1 - r, and the leaves of the tree ordered so
    that the distances between neighbours add up to the least. Dead units come last in their layer.

    Parameters
    ----------
    correlation : array_like or h5py.Dataset (F, F)
        The correlations of all units, NaN for dead ones, as `compute_layerwise_cross_correlation` returns them.
    layer_of_unit : array_like of int (F)
        The position of each unit's layer, ascending.

    Returns
    -------
    int64 array (F)
        The units' positions, layer by layer. A layer of more than 4,000 units keeps its order, for the distances between
        them no longer fit memory; of more than 1,000 the leaves stay as the tree has them.

    Raises
    ------
    InputError
        If SciPy is not installed.

    References
    ----------
    Bar-Joseph, Gifford and Jaakkola 2001, "Fast optimal leaf ordering for hierarchical clustering".

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> signals = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 5.0], [3.0, 1.0]])
    >>> units = signals[:, [0, 1, 0, 1]]
    >>> drillcore.cluster_units(drillcore.correlation_matrix(units), [0, 0, 0, 0])
    array([0, 2, 3, 1])
    """
    layer_of_unit = np.asarray(layer_of_unit)
    order = []
    for layer in np.unique(layer_of_unit):
        units = np.flatnonzero(layer_of_unit == layer)
        if len(units) <= MOST_CLUSTERED:
            units = units[leaves(np.asarray(correlation[units[0] : units[-1] + 1], np.float64)[:, units])]
        order.append(units)
    return np.concatenate(order)


def leaves(correlation):
    """The positions of the units of one layer, of correlations (units, units), in the order of their tree's leaves."""
    require("clusters", "cluster_units")
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    dead = np.isnan(np.diag(correlation))
    living = np.flatnonzero(~dead)
    if len(living) > 2:
        distances = squareform(1 - correlation[np.ix_(living, living)], checks=False)
        distances = np.maximum(distances, 0.0)  # rounding leaves an r just above 1, and a tree refuses what is below 0
        tree = linkage(distances, "average", optimal_ordering=len(living) <= MOST_OPTIMAL)
        living = living[leaves_list(tree)]
    return np.concatenate([living, np.flatnonzero(dead)])
