"""Centred kernel alignment: linear, debiased and RBF.

Linear CKA is norm(X^T Y)^2 / (norm(X^T X) norm(Y^T Y)) in Frobenius norms of centred X and Y. The same numbers are the
inner products of the Gram matrices K = X X^T, and whichever form is cheaper is taken: samples^2 or units^2.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from drillcore.base.arrays import row_blocks
from drillcore.similarity.representation import Undefined, centred, value

EQUIDISTANT = (
    "all samples equally far apart, or one far from the rest: the U-centred Gram matrix is zero, up to rounding"
)


class Features(NamedTuple):
    """A layer's centred features (samples, units), its squared row norms (samples), and its measure's squared norm."""

    centred: np.ndarray
    row_norms: np.ndarray
    squared_norm: float


def linear_cka(X: ArrayLike, Y: ArrayLike) -> float:
    """Return linear CKA, norm(X^T Y)^2 / (norm(X^T X) norm(Y^T Y)) in Frobenius norms of centred X and Y.

    Invariant to shifts, rotations and one scale of either side. Biased: independent noise scores about
    sqrt(p q / ((p + n)(q + n))), so compare it with `noise_floor` or take `debiased_cka` where samples are not many times
    the units.

    Parameters
    ----------
    X : array_like (samples, p)
        Activations of one layer, of any real type.
    Y : array_like (samples, q)
        Activations of the other, of the same samples in the same order.

    Returns
    -------
    float
        From 0, nothing in common, to 1, equal up to rotation and scale. NaN for a layer in which no unit varies and for
        fewer than 4 samples.

    Raises
    ------
    InputError
        If the activations are not (samples, units) real numbers, or the two layers differ in their number of samples.

    References
    ----------
    S. Kornblith et al. 2019, arXiv 1905.00414.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> round(drillcore.linear_cka(X, 3 * X[:, :1] + 5), 4)
    0.7071
    """
    return value(linear_features, linear_matrix, X, Y)


def debiased_cka(X: ArrayLike, Y: ArrayLike) -> float:
    """Return linear CKA from the unbiased HSIC_1, which is about 0 on independent noise.

    Parameters
    ----------
    X : array_like (samples, p)
        Activations of one layer, of any real type.
    Y : array_like (samples, q)
        Activations of the other, of the same samples in the same order.

    Returns
    -------
    float
        At most 1. It can be negative, and is left so. NaN where no unit varies, where all samples are equally far apart
        (their U-centred Gram matrix is zero), and for fewer than 4 samples.

    Raises
    ------
    InputError
        If the activations are not (samples, units) real numbers, or the two layers differ in their number of samples.

    References
    ----------
    L. Song et al. 2012, JMLR 13.

    G. J. Szekely and M. L. Rizzo 2014, arXiv 1310.2926.

    T. Nguyen et al. 2021, arXiv 2010.15327.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 2.0], [3.0, 1.0]])
    >>> round(drillcore.debiased_cka(X, X @ [[0.0, -2.0], [2.0, 0.0]] + 1), 4)
    1.0
    """
    return value(debiased_features, debiased_matrix, X, Y)


def rbf_cka(X: ArrayLike, Y: ArrayLike, bandwidth: float = 0.5) -> float:
    """Return CKA under Gaussian kernels, biased.

    Parameters
    ----------
    X : array_like (samples, p)
        Activations of one layer, of any real type.
    Y : array_like (samples, q)
        Activations of the other, of the same samples in the same order.
    bandwidth : float
        The kernel's sigma in median distances between samples, of each side for itself, so that the scale of neither
        matters.

    Returns
    -------
    float
        From 0 to 1. NaN where the median distance is zero, no unit varies, or there are fewer than 4 samples.

    Raises
    ------
    InputError
        If the activations are not (samples, units) real numbers, or the two layers differ in their number of samples.

    References
    ----------
    S. Kornblith et al. 2019, arXiv 1905.00414.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> round(drillcore.rbf_cka(X, 3 * X + 5), 4)
    1.0
    """
    return value(partial(rbf_vector, bandwidth=bandwidth), cosines, X, Y)


def linear_features(X):
    """The `Features` of X with norm(X^T X)^2."""
    X = centred(X)
    return Features(X, row_norms(X), gram_norm(X))


def debiased_features(X):
    """The `Features` of X with the squared norm of its U-centred Gram matrix."""
    X = centred(X)
    rows, biased = row_norms(X), gram_norm(X)
    squared_norm = float(u_centre(biased, rows[None], rows[None])[0, 0])
    if squared_norm <= relative_zero(*X.shape) * biased:
        raise Undefined(EQUIDISTANT)
    return Features(X, rows, squared_norm)


def row_norms(X):
    """The squared norms of the rows of X, the diagonal of its Gram matrix."""
    return np.einsum("ij,ij->i", X, X)


def gram_norm(X):
    """norm(X^T X)^2 = norm(X X^T)^2, by the smaller of the two."""
    gram = X @ X.T if len(X) < X.shape[1] else X.T @ X
    return float(np.vdot(gram, gram))


def linear_matrix(a, b):
    """Linear CKA of every `Features` in `a` with every one in `b`."""
    return cross_products([x.centred for x in a], [y.centred for y in b] if b is not a else None) / norms(a, b)


def debiased_matrix(a, b):
    """Debiased CKA of every `Features` in `a` with every one in `b`."""
    products = cross_products([x.centred for x in a], [y.centred for y in b] if b is not a else None)
    return u_centre(products, np.array([x.row_norms for x in a]), np.array([y.row_norms for y in b])) / norms(a, b)


def norms(a, b):
    """The products of the layers' norms, by which a matrix of inner products becomes one of cosines."""
    return np.sqrt(np.outer([x.squared_norm for x in a], [y.squared_norm for y in b]))


def u_centre(products, rows_a, rows_b):
    """Inner products of U-centred Gram matrices, from those of centred ones and their diagonals (layers, samples)."""
    return u_centred(products, rows_a @ rows_b.T, np.outer(rows_a.sum(1), rows_b.sum(1)), rows_a.shape[1])


def u_centred(products, diagonals, traces, n):
    """Inner products of U-centred Gram matrices of n samples, from those of centred ones, of diagonals and of traces.

    With K 1 = 0, taking off the diagonal and U-centring comes down to <K, L> - n/(n-2) k.l + tr K tr L/((n-1)(n-2)),
    which needs no (samples, samples) array; divided by n (n - 3) it is HSIC_1.
    """
    return products - n / (n - 2) * diagonals + traces / ((n - 1) * (n - 2))


def relative_zero(samples, units):
    """The fraction of a sum of squares that rounding in float64 alone may leave where the exact value is zero.

    Every entry of a Gram matrix is a sum over units and every inner product of two of them one over samples, and each
    addition may round: so the bound grows with both.
    """
    return 4 * (samples + units) * np.finfo(np.float64).eps


def normalised(products, least):
    """Inner products (layers, layers) as cosines, NaN for a layer whose own is at most `least`: rounding alone."""
    squared_norms = np.diag(products)
    norms = np.sqrt(np.where(squared_norms > least, squared_norms, np.nan))
    return products / np.outer(norms, norms)


def cross_products(a, b=None):
    """norm(X^T Y)^2 for every X in `a` with every Y in `b` (in `a` by default), all (samples, units): (len(a), len(b))."""
    n, second = len(a[0]), a if b is None else b
    units_a, units_b = sum(x.shape[1] for x in a), sum(y.shape[1] for y in second)
    grams = n * n * (units_a if b is None else units_a + units_b) + n * n * len(a) * len(second)
    features = n * units_a * units_b / (2 if b is None else 1)
    return gram_products(a, b) if grams < features else feature_products(a, b)


def gram_products(a, b=None):
    """`cross_products` from Gram matrices: each is made once, a block of rows at a time, and is a row of one product."""
    n = len(a[0])
    products = np.zeros((len(a), len(a if b is None else b)))
    for block in row_blocks(n, 8 * n):
        left = np.array([(x[block] @ x.T).ravel() for x in a])
        products += left @ (left if b is None else np.array([(y[block] @ y.T).ravel() for y in b])).T
    return products


def feature_products(a, b=None):
    """`cross_products` from the (units, units) cross-products of each pair."""
    products = np.empty((len(a), len(a if b is None else b)))
    for row, x in enumerate(a):
        for column, y in enumerate(a if b is None else b):
            if b is None and column < row:
                products[row, column] = products[column, row]
            else:
                cross = x.T @ y
                products[row, column] = np.vdot(cross, cross)
    return products


def gram_vector(X):
    """The Gram matrix of centred X as a vector of norm 1, such that `cosines` are linear CKA."""
    X = centred(X)
    return unit_triangle(X @ X.T)


def u_gram_vector(X):
    """The U-centred Gram matrix of X as a vector of norm 1, such that `cosines` are debiased CKA."""
    return unit_triangle(u_gram(X))


def u_gram(X):
    """The U-centred Gram matrix (samples, samples) of X: zero on the diagonal and in the sum of every row."""
    X = centred(X)
    return u_centred_gram(X @ X.T, X.shape[1])


def u_centred_gram(gram, units):
    """The Gram matrix (samples, samples) of so many centred `units`, U-centred where it is."""
    n, biased = len(gram), np.vdot(gram, gram)
    np.fill_diagonal(gram, 0.0)
    sums = gram.sum(0)
    gram += sums.sum() / ((n - 1) * (n - 2)) - (sums + sums[:, None]) / (n - 2)
    np.fill_diagonal(gram, 0.0)
    if np.vdot(gram, gram) <= relative_zero(n, units) * biased:
        raise Undefined(EQUIDISTANT)
    return gram


def rbf_vector(X, bandwidth=0.5):
    """The centred Gaussian Gram matrix of X as a vector of norm 1."""
    X = centred(X)
    rows = row_norms(X)
    distances = rows[:, None] + rows - 2 * (X @ X.T)
    np.fill_diagonal(distances, 0.0)
    median = np.median(distances)
    if median <= relative_zero(*X.shape) * distances.max():
        raise Undefined(
            "most samples coincide beside the farthest two, so that their median distance is zero to rounding"
        )
    gram = np.exp(distances / (-2 * bandwidth**2 * median))
    means = gram.mean(0)
    gram += means.mean() - means - means[:, None]
    return unit_triangle(gram)


def unit_triangle(gram):
    """A symmetric matrix (n, n) as a vector (n (n + 1) / 2) of norm 1 whose inner products are those of the matrices."""
    vector = gram[np.tri(len(gram), dtype=bool).T]
    diagonal = np.cumsum(np.arange(len(gram), 0, -1)) - np.arange(len(gram), 0, -1)
    vector[diagonal] /= np.sqrt(2)
    vector /= np.sqrt(np.vdot(vector, vector))
    return vector


def square_of_triangle(vector, samples):
    """The symmetric matrix (samples, samples) of norm 1 of a vector of norm 1: its upper triangle, as `unit_triangle` makes
    it, or without the diagonal."""
    square = np.zeros((samples, samples))
    square[np.triu_indices(samples, samples * (samples + 1) // 2 - len(vector) and 1)] = vector / np.sqrt(2)
    square += square.T
    square[np.diag_indices(samples)] /= np.sqrt(2)
    return square


def square_of_linear(layer, _):
    """The Gram matrix of `Features`, of norm 1."""
    return layer.centred @ layer.centred.T / np.sqrt(layer.squared_norm)


def square_of_debiased(layer, _):
    """The U-centred Gram matrix of `Features`, of norm 1."""
    return u_gram(layer.centred) / np.sqrt(layer.squared_norm)


def cosines(a, b):
    """The cosines between every two vectors of norm 1 of the lists `a` and `b`, all pairs in one product."""
    left = np.array(a)
    return left @ (left if b is a else np.array(b)).T
