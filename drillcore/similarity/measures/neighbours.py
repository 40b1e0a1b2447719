"""Two layers compared by which samples are near to each other: mutual nearest neighbours, and CKA among them."""

from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from drillcore.similarity.measures.cka import cosines
from drillcore.similarity.measures.geometry import DECIMALS
from drillcore.similarity.representation import Undefined, scaled, value, varying

MOST_NEIGHBOURS = 10


class Neighbours(NamedTuple):
    """Which samples are near to which, and by how much more than to the others, as vectors (samples^2) of norm 1."""

    mask: np.ndarray
    kernel: np.ndarray


def mutual_knn(X: ArrayLike, Y: ArrayLike, neighbours: int = MOST_NEIGHBOURS) -> float:
    """Return the mean fraction of its nearest neighbours that a sample has in common in two layers.

    Nearest are the samples whose activations have the largest cosine with its own; it is not its own neighbour, and of
    samples at the same cosine the first count, in both layers. Invariant to rotations and to a scale of each sample, not
    to shifts.

    Parameters
    ----------
    X : array_like (samples, p)
        Activations of one layer, of any real type.
    Y : array_like (samples, q)
        Activations of the other, of the same samples in the same order.
    neighbours : int
        How many count, k; at most half of the other samples do.

    Returns
    -------
    float
        From 0 to 1, and k / (samples - 1) on average over all permutations of the samples of one side. NaN for fewer than
        4 samples, at width 1, where a sample is zero in every unit, and where no unit varies or all cosines are equal.

    Raises
    ------
    InputError
        If the activations are not (samples, units) real numbers, or the two layers differ in their number of samples.

    References
    ----------
    M. Huh et al. 2024, arXiv 2405.07987.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> X = np.array([[3.0, 0.0], [2.0, 1.0], [1.0, 2.0], [0.0, 3.0]])
    >>> drillcore.mutual_knn(X, 2 * X[:, ::-1]), drillcore.mutual_knn(X, X[[0, 2, 1, 3]])
    (1.0, 0.0)
    """
    return value(partial(nearest_neighbours, neighbours=neighbours), mutual_knn_matrix, X, Y)


def cknna(X: ArrayLike, Y: ArrayLike, neighbours: int = MOST_NEIGHBOURS) -> float:
    """Return CKNNA, linear CKA of normalised samples among the neighbours that both layers have in common.

    sum_ij a_ij K_ij L_ij over the root of the same sum of each layer with itself: K are the cosines between samples, less
    the mean of each row, and a_ij is 1 where j is among the nearest neighbours of i in both layers, as for `mutual_knn`.

    Parameters
    ----------
    X : array_like (samples, p)
        Activations of one layer, of any real type.
    Y : array_like (samples, q)
        Activations of the other, of the same samples in the same order.
    neighbours : int
        How many count, k; at most half of the other samples do.

    Returns
    -------
    float
        At most 1; by chance about as much as `mutual_knn`. NaN where that is.

    Raises
    ------
    InputError
        If the activations are not (samples, units) real numbers, or the two layers differ in their number of samples.

    References
    ----------
    M. Huh et al. 2024, arXiv 2405.07987.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> X = np.array([[3.0, 0.0], [2.0, 1.0], [1.0, 2.0], [0.0, 3.0]])
    >>> round(drillcore.cknna(X, 2 * X[:, ::-1]), 6), drillcore.cknna(X, X[[0, 2, 1, 3]])
    (1.0, 0.0)
    """
    return value(partial(nearest_neighbours, neighbours=neighbours), cknna_matrix, X, Y)


def nearest_neighbours(X, neighbours=MOST_NEIGHBOURS):
    """The `Neighbours` of the samples of X (samples, units)."""
    if varying(X).shape[1] < 2:
        raise Undefined("width 1, and so no angle between samples")
    X = scaled(np.asarray(X, np.float64), np.abs(X).max())
    lengths = np.linalg.norm(X, axis=1, keepdims=True)
    zeros = int(np.sum(lengths == 0))
    if zeros:
        raise Undefined(f"{zeros} samples with zero in every unit, and so no angle to others")
    X = X / lengths
    # Equal cosines, as of copies, must tie and not be ranked by their rounding.
    cosine = np.round(X @ X.T, DECIMALS)
    np.fill_diagonal(cosine, cosine[0, 1])
    if cosine.min() == cosine.max():
        raise Undefined("all samples are at the same angle to each other")
    np.fill_diagonal(cosine, 1.0)
    kernel = cosine - cosine.mean(1, keepdims=True)
    np.fill_diagonal(cosine, -np.inf)
    mask = largest(cosine, min(neighbours, (len(X) - 1) // 2))
    kernel *= mask
    return Neighbours(*(vector.ravel() / np.linalg.norm(vector) for vector in (mask, kernel)))


def largest(values, count):
    """Which are the `count` largest in each row of `values` (rows, columns); of equal ones the first."""
    least = np.partition(values, -count, axis=1)[:, -count, None]
    above, equal = values > least, values == least
    return above | (equal & (np.cumsum(equal, axis=1) <= count - above.sum(1, keepdims=True)))


def mutual_knn_matrix(a, b):
    """Mutual nearest neighbours of all `Neighbours` in `a` with all in `b`: each mask has samples * k ones."""
    left = [x.mask for x in a]
    return cosines(left, left if b is a else [y.mask for y in b])


def cknna_matrix(a, b):
    """CKNNA of all `Neighbours` in `a` with all in `b`."""
    left = [x.kernel for x in a]
    return cosines(left, left if b is a else [y.kernel for y in b])


def square_of_mask(layer, samples):
    """The mask of `Neighbours` as a matrix (samples, samples)."""
    return layer.mask.reshape(samples, samples)


def square_of_kernel(layer, samples):
    """The masked kernel of `Neighbours` as a matrix (samples, samples)."""
    return layer.kernel.reshape(samples, samples)
