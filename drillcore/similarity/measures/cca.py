"""Canonical correlations between the directions in which two layers vary most: SVCCA and PWCCA."""

from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from drillcore.similarity.representation import centred, each_pair, value

TOO_FEW_SAMPLES = (
    "its components and the other's are as many as the samples, so some correlation is 1 whatever the data"
)


class Components(NamedTuple):
    """The principal components of centred activations X = left @ diag(singular_values) @ right.

    `left` (samples, rank) are orthonormal, `right` is (rank, units), `kept` counts the first that matter.
    """

    left: np.ndarray
    singular_values: np.ndarray
    right: np.ndarray
    kept: int


def svcca(X: ArrayLike, Y: ArrayLike, explained_variance: float = 0.99) -> float:
    """Return SVCCA, the mean canonical correlation between the directions in which two layers vary most.

    Each side is first reduced to its fewest principal components that explain `explained_variance` of its own total
    variance. Invariant to shifts, rotations and scale; with `explained_variance=1` to every invertible linear map. On
    independent noise rho^2 is max(p, q) / (n - 1) on average over the min(p, q) directions, so take many more samples than
    components.

    Parameters
    ----------
    X : array_like (samples, p)
        Activations of one layer, of any real type.
    Y : array_like (samples, q)
        Activations of the other, of the same samples in the same order.
    explained_variance : float
        A fraction of each layer's variance, above 0 and at most 1.

    Returns
    -------
    float
        From 0 to 1; at width 1 abs(Pearson's r). NaN where the components of both sides together reach the number of
        samples, for then some correlation is 1 whatever the data; where no unit varies; and for fewer than 4 samples.

    Raises
    ------
    InputError
        If the activations are not (samples, units) real numbers, or the two layers differ in their number of samples.

    References
    ----------
    M. Raghu et al. 2017, arXiv 1706.05806.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> X = np.array([[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]]).T
    >>> round(drillcore.svcca(X, X**2), 4)
    0.9599
    """
    return value(partial(components, explained_variance=explained_variance), svcca_matrix, X, Y)


def pwcca(X: ArrayLike, Y: ArrayLike, explained_variance: float = 0.99) -> float:
    """Return PWCCA: SVCCA's canonical correlations, weighted by how much of the first layer each direction carries.

    A direction's weight is the sum over the units of X of the abs(projection) of X on it, always of the first argument: so
    pwcca(X, Y) and pwcca(Y, X) differ. Invariant to shifts and scale, and to rotations of Y, but not of X.

    Parameters
    ----------
    X : array_like (samples, p)
        Activations of one layer, of any real type.
    Y : array_like (samples, q)
        Activations of the other, of the same samples in the same order.
    explained_variance : float
        A fraction of each layer's variance, above 0 and at most 1.

    Returns
    -------
    float
        From 0 to 1. NaN where `svcca` is.

    Raises
    ------
    InputError
        If the activations are not (samples, units) real numbers, or the two layers differ in their number of samples.

    References
    ----------
    A. S. Morcos et al. 2018, arXiv 1806.05759.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> X = np.array([[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]]).T
    >>> round(drillcore.pwcca(X, X**2), 4)
    0.9599
    """
    return value(partial(components, explained_variance=explained_variance), pwcca_matrix, X, Y)


def components(X, explained_variance=0.99):
    """The `Components` of activations X (samples, units), `kept` the fewest that explain the fraction of variance.

    Directions that rounding alone fills are left out.
    """
    X = centred(X)
    left, singular_values, right = np.linalg.svd(X, full_matrices=False)
    rank = int(np.sum(singular_values > max(X.shape) * np.finfo(np.float64).eps * singular_values[0]))
    explained = np.cumsum(singular_values[:rank] ** 2)
    kept = int(np.searchsorted(explained, explained_variance * explained[-1])) + 1
    return Components(left[:, :rank], singular_values[:rank], right[:rank], kept)


def overlap(a, b):
    """The product of the bases (samples, kept) of two layers, whose singular values are the canonical correlations: the
    cosines of their angles. None where some would be 1 whatever the data.

    Centred columns of n samples span n - 1 dimensions: subspaces of more dimensions together must intersect. Bjorck and
    Golub 1973, doi 10.1090/S0025-5718-1973-0348991-3.
    """
    if a.kept + b.kept > len(a.left) - 1:
        return None
    return a.left[:, : a.kept].T @ b.left[:, : b.kept]


def svcca_matrix(a, b):
    """SVCCA of every `Components` in `a` with every one in `b`."""
    return each_pair(mean_correlation, a, b)


def mean_correlation(a, b):
    """The mean canonical correlation of two layers."""
    product = overlap(a, b)
    return np.nan if product is None else np.linalg.svd(product, compute_uv=False).mean()


def svcca_both(a, b):
    """SVCCA of two `Components`, and of the two exchanged."""
    return (mean_correlation(a, b),) * 2


def pwcca_matrix(a, b):
    """PWCCA of every `Components` in `a`, which gives the weights, with every one in `b`."""
    values = np.empty((len(a), len(b)))
    for row, first in enumerate(a):
        for column, second in enumerate(b):
            if b is not a or row <= column:
                values[row, column], exchanged = pwcca_both(first, second)
                if b is a:
                    values[column, row] = exchanged
    return values


def pwcca_both(a, b):
    """PWCCA of two `Components`, and of the two exchanged."""
    product = overlap(a, b)
    if product is None:
        return np.nan, np.nan
    left, correlations, right = np.linalg.svd(product, full_matrices=False)
    return weighted_mean(correlations, left, a), weighted_mean(correlations, right.T, b)


def weighted_mean(correlations, directions, layer):
    """Correlations (m) averaged with the weights that their directions (kept, m) have in the units of `layer`."""
    loadings = layer.singular_values[: layer.kept, None] * layer.right[: layer.kept]
    weights = np.abs(directions.T @ loadings).sum(1)
    return weights @ correlations / weights.sum()
