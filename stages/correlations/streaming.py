"""Pearson's correlation of columns, streamed over rows."""

import numpy as np


class Moments:
    """Sums and cross-products of columns, accumulated in float64 over chunks of rows.

    Every row is shifted by the first chunk's mean, so that nothing cancels when a mean is large against its standard
    deviation (Chan, Golub and LeVeque 1983, "Algorithms for computing the sample variance").
    """

    def __init__(self):
        self.count, self.shift = 0, None

    def update(self, rows):
        """Add `rows` (samples, units)."""
        rows = np.asarray(rows, np.float64)
        if self.shift is None:
            self.shift = rows.mean(0)
            self.sums = np.zeros(rows.shape[1])
            self.products = np.zeros((rows.shape[1],) * 2)
        shifted = rows - self.shift
        self.count += len(shifted)
        self.sums += shifted.sum(0)
        self.products += shifted.T @ shifted

    def covariance(self):
        """The covariance (units, units) of all rows so far, normalised by their count."""
        means = self.sums / self.count
        return self.products / self.count - np.outer(means, means)

    def correlation(self):
        """Pearson's r (units, units); NaN in the row and column of a unit without variance, which has none."""
        covariance = self.covariance()
        variance = np.diag(covariance).copy()
        # A constant column's shifted values are rounding alone; so small a share of its magnitude is no variance.
        variance[variance <= (np.finfo(np.float64).eps * np.abs(self.shift)) ** 2 * self.count] = np.nan
        deviation = np.sqrt(variance)
        correlation = covariance / deviation[:, None] / deviation
        correlation[np.diag_indices_from(correlation)] = variance / variance
        return correlation


def correlation_matrix(columns):
    """Pearson's r (units, units) between the columns of an array (samples, units); NaN where a column is constant.

    >>> correlation_matrix(np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]]))
    array([[1., 1.],
           [1., 1.]])
    """
    moments = Moments()
    moments.update(columns)
    return moments.correlation()
