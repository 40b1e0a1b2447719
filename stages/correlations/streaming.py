"""Pearson's correlation of columns, streamed over rows."""

import numpy as np

from stages.shared.axes import samples_by_units
from stages.shared.base.store import row_blocks

SILENT = np.errstate(invalid="ignore", over="ignore")
"""Columns that are not finite have no correlation, which is NaN: no warning tells more."""


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


def blocks(matrix):
    """Slices of rows of a `matrix` (units, units), each small beside it where it is large."""
    return row_blocks(len(matrix), matrix[0].nbytes)


def correlation_matrix(columns):
    """Pearson's r (units, units) between the columns of an array (samples, units); NaN where a column is constant.

    >>> correlation_matrix(np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]]))
    array([[1., 1.],
           [1., 1.]])
    """
    moments = Moments()
    moments.update(samples_by_units(columns))
    return moments.correlation()
