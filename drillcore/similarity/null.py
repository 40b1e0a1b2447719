"""What chance would score: the permutation null of debiased CKA, the false-discovery rate, and biased CKA's floor."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from drillcore.base.arrays import real_array, together
from drillcore.similarity.measures.cka import gram_norm, u_centred_gram
from drillcore.similarity.representation import Undefined, centred, matrix, prepare

TIE = 1e-9


def permutation_null(layers: Sequence[ArrayLike], permutations: int = 200, seed: int = 0) -> NDArray[np.float64]:
    """Return p-values of debiased CKA between every two layers, by permuting the samples of one side.

    A p-value is (1 + the permutations that score at least as high) / (1 + `permutations`): uniform for independent layers,
    small for alike ones. The permutations are cyclic shifts of the samples after one random shuffle. They form a group, so
    the test is exact (Hemerik and Goeman), and one FFT along each diagonal of a Gram matrix scores all of them: the cost
    hardly depends on their number.

    Parameters
    ----------
    layers : sequence of array_like (samples, units)
        Activations of all layers, of the same samples in the same order.
    permutations : int
        At most so many, and at most samples - 1.
    seed : int
        Of the shuffle and of the choice of shifts.

    Returns
    -------
    float64 array (layers, layers)
        From 1 / (1 + permutations) to 1. NaN where debiased CKA is undefined.

    Raises
    ------
    InputError
        If there is no layer, the activations of one are not (samples, units) real numbers, or the layers differ in their
        number of samples.

    References
    ----------
    J. Hemerik and J. Goeman 2018, arXiv 1411.7565.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((50, 3))
    >>> drillcore.permutation_null([X, X + rng.standard_normal((50, 3))], permutations=49)[0, 1]
    np.float64(0.02)
    """
    layers = together(layers)
    return p_values_of([prepare(by_chance, layer) for layer in layers], len(layers[0]), permutations, seed)


class ByChance(NamedTuple):
    """What the scores by chance of a layer are made of: its `floor`, of which `floor_of` takes products, and its U-centred
    Gram matrix (samples, samples), or the `Undefined` that says why there is none."""

    floor: float
    gram: np.ndarray | Undefined


def by_chance(X):
    """The `ByChance` of X (samples, units), from one Gram matrix."""
    X = centred(X)
    gram = X @ X.T
    floor = trace_over_norm(np.trace(gram), np.vdot(gram, gram), len(gram))
    return ByChance(floor, prepare(partial(u_centred_gram, units=X.shape[1]), gram))


def p_values_of(layers, samples, permutations, seed):
    """`permutation_null` of `ByChance` of so many `samples`."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(samples)
    shifts = 1 + rng.permutation(samples - 1)[:permutations]
    grams = [layer if isinstance(layer, Undefined) else layer.gram for layer in layers]
    shuffled = [gram if isinstance(gram, Undefined) else gram[np.ix_(order, order)] for gram in grams]
    return matrix(lambda a, _: exceedances(shifted_products(a), shifts), shuffled)


def floor_of(layers):
    """`permuted_linear_cka` of `ByChance`."""
    return matrix(lambda a, b: np.outer(a, b), [getattr(layer, "floor", layer) for layer in layers])


def shifted_products(grams):
    """Cosines of every two U-centred Gram matrices, both indices of the second shifted: (shift, matrices, matrices).

    A shift moves entries along the wrapped diagonals, so the products for all shifts are correlations of diagonals,
    by the FFT. By symmetry half of the diagonals is enough; the one in the middle of an even number is counted once.
    """
    n = len(grams[0])
    half = n // 2
    weights = np.full(half, np.sqrt(2.0))
    if n % 2 == 0:
        weights[-1] = 1.0
    diagonals = np.empty((n, len(grams), half))
    for index, gram in enumerate(grams):
        np.multiply(along_diagonals(gram)[:, 1 : half + 1], weights / np.linalg.norm(gram), out=diagonals[:, index])
    spectra = np.fft.rfft(diagonals, axis=0)
    return np.fft.irfft(spectra.conj() @ spectra.transpose(0, 2, 1), n, axis=0)


def along_diagonals(square):
    """A view (n, n) of a copy of the matrix `square` (n, n) in which [i, d] is the entry i of its wrapped diagonal d."""
    doubled = np.concatenate([square, square[:, :-1]], axis=1)
    steps = doubled.strides[0] + doubled.strides[1], doubled.strides[1]
    return np.lib.stride_tricks.as_strided(doubled, square.shape, steps)


def exceedances(products, shifts):
    """P-values (matrices, matrices) from `shifted_products`.

    The fraction of `shifts`, the identity included, that score at least as high as the unshifted layers. The upper triangle
    serves for the lower one too: a shift of one side is the inverse shift of the other.
    """
    counts = 1 + np.sum(products[shifts] >= products[0] - TIE, axis=0)
    upper = np.triu(counts) / (1 + len(shifts))
    return upper + np.triu(upper, 1).T


def benjamini_hochberg(p_values: ArrayLike) -> NDArray[np.float64]:
    """Return the q-values of p-values: the least false-discovery rate at which each would be called significant.

    Parameters
    ----------
    p_values : array_like (...)
        From 0 to 1. NaN are not tested.

    Returns
    -------
    float64 array (...)
        From 0 to 1; NaN where the p-value is.

    Raises
    ------
    InputError
        If the p-values are not real numbers.

    References
    ----------
    Y. Benjamini and Y. Hochberg 1995, doi 10.1111/j.2517-6161.1995.tb02031.x.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> drillcore.benjamini_hochberg([0.01, 0.04, 0.03, np.nan])
    array([0.03, 0.04, 0.04,  nan])
    """
    p_values = real_array(p_values, "p-values")
    # scipy.stats.false_discovery_control takes no NaN, rounds its last bit otherwise, and takes half a second to import.
    tested = np.flatnonzero(np.isfinite(p_values))
    order = tested[np.argsort(p_values.flat[tested], kind="stable")]
    scaled = p_values.flat[order] * len(order) / np.arange(1, len(order) + 1)
    q_values = np.full(p_values.size, np.nan)
    q_values[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    return q_values.reshape(p_values.shape)


def q_values_of_pairs(p_values: ArrayLike) -> NDArray[np.float64]:
    """Return the q-values of the p-values between every two layers, each pair counted once.

    Parameters
    ----------
    p_values : array_like (layers, layers)
        Symmetric, as `permutation_null` returns them.

    Returns
    -------
    float64 array (layers, layers)
        Symmetric. NaN on the diagonal, where nothing is tested, and where the p-value is.

    Raises
    ------
    InputError
        If the p-values are not real numbers.

    References
    ----------
    Y. Benjamini and Y. Hochberg 1995, doi 10.1111/j.2517-6161.1995.tb02031.x.

    Examples
    --------
    >>> import drillcore
    >>> drillcore.q_values_of_pairs([[0.1, 0.01, 0.2], [0.01, 0.1, 0.02], [0.2, 0.02, 0.1]])
    array([[ nan, 0.03, 0.2 ],
           [0.03,  nan, 0.03],
           [0.2 , 0.03,  nan]])
    """
    p_values = real_array(p_values, "p-values")
    above = np.triu_indices(len(p_values), 1)
    q_values = np.full_like(p_values, np.nan)
    q_values[above] = q_values.T[above] = benjamini_hochberg(p_values[above])
    return q_values


def noise_floor(samples: int, units_a: ArrayLike, units_b: ArrayLike) -> NDArray[np.float64] | np.float64:
    """Return what independent Gaussian noise scores in linear CKA, sqrt(p q / ((p + n)(q + n))), for many samples or units.

    For isotropic noise of that shape: layers with fewer effective dimensions than units score less by chance, which
    `permuted_linear_cka` takes into account.

    Parameters
    ----------
    samples : int
        The number of samples n.
    units_a : array_like of int (...)
        The number of units p of one layer, or of several.
    units_b : array_like of int (...)
        The number of units q of the other; it broadcasts with `units_a`.

    Returns
    -------
    float64 or float64 array (...)
        From 0 to 1.

    References
    ----------
    A. Murphy et al. 2024, arXiv 2405.01012.

    Examples
    --------
    >>> import drillcore
    >>> round(float(drillcore.noise_floor(300, 4096, 4096)), 3)
    0.932
    """
    p, q = np.asarray(units_a, np.float64), np.asarray(units_b, np.float64)
    return np.sqrt(p * q / ((p + samples) * (q + samples)))


def permuted_linear_cka(layers: Sequence[ArrayLike]) -> NDArray[np.float64]:
    """Return the mean of linear CKA over all permutations of one side's samples, in closed form, for every two layers.

    tr K tr L / ((n - 1) norm(K) norm(L)) for centred Gram matrices K and L: the floor of these very layers, whatever their
    spectra.

    Parameters
    ----------
    layers : sequence of array_like (samples, units)
        Activations of all layers, of the same samples in the same order.

    Returns
    -------
    float64 array (layers, layers)
        From 0 to 1. NaN where linear CKA is undefined.

    Raises
    ------
    InputError
        If there is no layer, the activations of one are not (samples, units) real numbers, or the layers differ in their
        number of samples.

    References
    ----------
    F. Kazi-Aoual et al. 1995, Computational Statistics and Data Analysis 20.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> drillcore.permuted_linear_cka([X, X[:, :1]]).round(4)
    array([[0.6667, 0.4714],
           [0.4714, 0.3333]])
    """

    def floor(X):
        X = centred(X)
        return trace_over_norm(np.vdot(X, X), gram_norm(X), len(X))

    return matrix(lambda a, b: np.outer(a, b), [prepare(floor, layer) for layer in together(layers)])


def trace_over_norm(trace, squared_norm, samples):
    """What `permuted_linear_cka` is the product of, from a centred Gram matrix."""
    return trace / np.sqrt(squared_norm * (samples - 1))
