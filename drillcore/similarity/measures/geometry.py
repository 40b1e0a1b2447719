"""Two layers compared by the shape of their point clouds: Procrustes distance, and representational similarity."""

import numpy as np
from numpy.typing import ArrayLike

from drillcore.similarity.measures.cca import components
from drillcore.similarity.measures.cka import cosines
from drillcore.similarity.ranking import average_ranks
from drillcore.similarity.representation import Undefined, each_pair, scaled, value, varying
from drillcore.singular_values import singular_values

DECIMALS = 12
CLOSE = 1 - 1e-6
"""The cosine of two layers from which on their angle is that of a chord. The arc cosine of less has nine digits."""


def procrustes(X: ArrayLike, Y: ArrayLike) -> float:
    """Return the angular Procrustes distance of two layers.

    The arc cosine of the nuclear norm of X^T Y, both centred and at unit Frobenius norm. It is a metric, the triangle
    inequality included, between shapes up to shift, rotation and scale. The narrower side is padded with zeros.

    Parameters
    ----------
    X : array_like (samples, p)
        Activations of one layer, of any real type.
    Y : array_like (samples, q)
        Activations of the other, of the same samples in the same order.

    Returns
    -------
    float
        In radians, from 0, equal, to pi/2, orthogonal. NaN where no unit varies and for fewer than 4 samples.

    Raises
    ------
    InputError
        If the activations are not (samples, units) real numbers, or the two layers differ in their number of samples.

    References
    ----------
    A. H. Williams et al. 2021, arXiv 2110.14739.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> round(drillcore.procrustes(X, X[:, :1]), 4) == round(np.pi / 4, 4)
    True
    """
    return value(components, procrustes_matrix, X, Y)


def rsa(X: ArrayLike, Y: ArrayLike) -> float:
    """Return the representational similarity of two layers.

    Spearman's rank correlation between the two lists of distances of all pairs of samples, the distance of two samples
    being 1 - Pearson's r over the units. Invariant to one scale, to permutations of the units, and to adding to a sample the
    same in every unit; not to shifts of a unit, nor rotations.

    Parameters
    ----------
    X : array_like (samples, p)
        Activations of one layer, of any real type.
    Y : array_like (samples, q)
        Activations of the other, of the same samples in the same order.

    Returns
    -------
    float
        From -1 to 1, 0 without relation. NaN for fewer than 4 samples, where no unit varies, where all distances are equal,
        at width 1, and where a sample has the same value in every unit.

    Raises
    ------
    InputError
        If the activations are not (samples, units) real numbers, or the two layers differ in their number of samples.

    References
    ----------
    N. Kriegeskorte et al. 2008, doi 10.3389/neuro.06.004.2008.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> X = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 2.0], [1.0, 3.0, 1.0]])
    >>> round(drillcore.rsa(X, 2 * X[:, ::-1]), 4)
    1.0
    """
    return value(ranked_distances, cosines, X, Y)


def procrustes_matrix(a, b):
    """Procrustes distance of every `Components` in `a` with every one in `b`."""
    return each_pair(angle, a, b)


def angle(a, b):
    """The least angle between two layers' `Components` under any rotation.

    Their principal coordinates take the place of the features: a rotation of them, of at most as many columns as samples.
    """
    if a is b:
        return 0.0
    left, right = a.coordinates, b.coordinates
    cosine = singular_values(left.T @ right).sum()
    if cosine < CLOSE:
        return np.arccos(cosine)
    # Near 1 the arc cosine loses half the digits and rounding may pass 1: there the residual's chord keeps them all.
    width = max(left.shape[1], right.shape[1])
    left, right = (np.pad(side, ((0, 0), (0, width - side.shape[1]))) for side in (left, right))
    turn, _, back = np.linalg.svd(left.T @ right)
    return 2 * np.arcsin(np.linalg.norm(left @ turn - right @ back.T) / 2)


def angle_both(a, b):
    """`angle` of two layers that chance alone makes alike, and of the two exchanged, to seven decimals.

    Of the smaller Gram matrix's eigenvalues those that rounding makes of zeros add less than that to the cosine.
    """
    product = np.asarray(a.coordinates.T @ b.coordinates, np.float64)
    rows = product if len(product) < len(product.T) else product.T
    cosine = np.sqrt(np.maximum(np.linalg.eigvalsh(rows @ rows.T), 0.0)).sum()
    return (np.arccos(cosine) if cosine < CLOSE else angle(a, b),) * 2


def ranked_distances(X):
    """The centred ranks of X's correlation distances, of all pairs of samples, as a vector of norm 1."""
    if varying(X).shape[1] < 2:
        raise Undefined("width 1, and so no correlation over the units")
    X = np.asarray(X, np.float64)
    deviations = scaled(X - X[:, :1], np.abs(X).max())
    deviations -= deviations.mean(1, keepdims=True)
    lengths = np.linalg.norm(deviations, axis=1)
    constant = int(np.sum(lengths == 0))
    if constant:
        raise Undefined(f"{constant} samples with the same value in every unit, and so no correlation over the units")
    deviations /= lengths[:, None]
    correlations = (deviations @ deviations.T)[np.triu_indices(len(X), 1)]
    # Equal distances, of copies or of width 2, must tie and not be ranked by their rounding.
    ranks = average_ranks(-np.round(correlations, DECIMALS))
    ranks -= ranks.mean()
    length = np.linalg.norm(ranks)
    if length == 0:
        raise Undefined("all samples are at the same correlation distance")
    return ranks / length
