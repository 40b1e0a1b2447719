"""Canonical correlations between the directions in which two layers vary most: SVCCA and PWCCA."""

from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from drillcore.similarity.representation import centred, each_pair, value

TOO_FEW_SAMPLES = (
    "its components and the other's are as many as the samples, so some correlation is 1 whatever the data"
)


RESOLVED = 1e-3
"""As a part of the largest singular value: eigenvectors of a Gram matrix resolve directions down to the root of a rounding,
and these with nine digits to spare."""


class Components(NamedTuple):
    """The principal components of centred activations X.

    `basis` (samples, kept) is orthonormal and spans those that matter, `loadings` (kept, units) is its product with X.
    `coordinates` (samples, rank) are X turned in its units, at unit Frobenius norm, the largest column first.
    """

    basis: np.ndarray
    loadings: np.ndarray
    coordinates: np.ndarray


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

    Directions that rounding alone fills are left out. They are the eigenvectors of a Gram matrix, in a third of the time of
    a singular value decomposition; X itself is turned by them, so that its coordinates keep all digits.
    """
    X = centred(X)
    narrow = X if X.shape[1] <= len(X) else np.linalg.qr(X.T, "r").T
    coordinates, kept = leading(narrow @ np.linalg.eigh(narrow.T @ narrow)[1], max(X.shape), explained_variance)
    if np.linalg.norm(coordinates[:, kept - 1]) < RESOLVED * np.linalg.norm(coordinates[:, 0]):
        left, singular_values, _ = np.linalg.svd(narrow, full_matrices=False)
        coordinates, kept = leading(left * singular_values, max(X.shape), explained_variance)
    basis = np.linalg.qr(coordinates[:, :kept])[0]
    return Components(basis, basis.T @ X, coordinates / np.linalg.norm(coordinates))


def leading(coordinates, size, explained_variance):
    """Those columns of principal `coordinates` that exceed the rounding of a matrix whose longer side is `size`, the longest
    first, and how many of them explain the fraction of variance."""
    lengths = np.linalg.norm(coordinates, axis=0)
    order = np.argsort(-lengths)[: int(np.sum(lengths > size * np.finfo(np.float64).eps * lengths.max()))]
    explained = np.cumsum(lengths[order] ** 2)
    return coordinates[:, order], int(np.searchsorted(explained, explained_variance * explained[-1])) + 1


def overlap(a, b):
    """The product of the bases (samples, kept) of two layers, whose singular values are the canonical correlations: the
    cosines of their angles. None where some would be 1 whatever the data.

    Centred columns of n samples span n - 1 dimensions: subspaces of more dimensions together must intersect. Bjorck and
    Golub 1973, doi 10.1090/S0025-5718-1973-0348991-3.
    """
    if a.basis.shape[1] + b.basis.shape[1] > len(a.basis) - 1:
        return None
    return a.basis.T @ b.basis


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
    weights = np.abs(directions.T @ layer.loadings).sum(1)
    return weights @ correlations / weights.sum()
