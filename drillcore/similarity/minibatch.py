"""Debiased CKA over minibatches: all pairs of layers for the cost of their Gram matrices, whatever the number of samples."""

import threading
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from drillcore.base.arrays import together
from drillcore.similarity.measures.cka import normalised, relative_zero, u_centred
from drillcore.similarity.representation import LEAST_SAMPLES, Undefined, matrix, prepare, varying
from drillcore.threads import side_by_side

SCALED = 16
"""Samples, spread over all, from whose size a layer's scale is taken."""

LARGEST_EXPONENT = 40
"""Of a layer's spread as a power of two, and less this of its inverse: squares and products of more leave float32."""

DOUBT = 1 / 64
"""Where less of the terms of HSIC_1 is left in float32, their rounding, some 1e-6, would show in the sixth digit of CKA."""

CACHED_ROWS = 8
"""Rows of a batch's Gram matrices that are multiplied at once, few enough to stay in cache."""

ABOVE = np.triu(np.ones((CACHED_ROWS, CACHED_ROWS), np.float32), 1)

TOGETHER = 640
"""Samples in as many batches as are taken together, so that small ones cost little more, and memory stays in cache."""


def minibatch_cka(X: ArrayLike, Y: ArrayLike, batch: int = 500) -> float:
    """Return debiased CKA of two layers with HSIC_1 averaged over batches of rows.

    The average is taken before the division, for HSIC_1 is unbiased at any batch size and CKA is not. A last batch of
    another size counts by its number of pairs of samples; of fewer than 4 samples, not at all. float32 activations are
    multiplied in float32 and summed in float64. The rows' order decides the batches.

    Parameters
    ----------
    X : array_like (samples, p)
        Activations of one layer, of any real type.
    Y : array_like (samples, q)
        Activations of the other, of the same samples in the same order.
    batch : int
        Samples in a batch, at least 4.

    Returns
    -------
    float
        At most about 1. NaN where `debiased_cka` is.

    Raises
    ------
    InputError
        If the activations are not (samples, units) real numbers, or the two layers differ in their number of samples.
    ValueError
        If `batch` is below 4.

    References
    ----------
    T. Nguyen et al. 2021, arXiv 2010.15327.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 2.0], [3.0, 1.0]] * 2)
    >>> round(drillcore.minibatch_cka(X, 2 * X + 1, batch=5), 4)
    1.0
    """
    return float(minibatch_matrix([X, Y], batch)[0, 1])


def minibatch_matrix(layers: Sequence[ArrayLike], batch: int = 500) -> NDArray[np.float64]:
    """Return `minibatch_cka` of every two layers, for the cost of their Gram matrices.

    Batches run side by side on threads. Where single precision could not hold a layer, or left little of its HSIC_1 beside
    rounding, all layers are multiplied once more in double precision.

    Parameters
    ----------
    layers : sequence of array_like (samples, units)
        Activations of all layers, of the same samples in the same order.
    batch : int
        Samples in a batch, at least 4.

    Returns
    -------
    float64 array (layers, layers)
        At most about 1. NaN where `debiased_cka` is.

    Raises
    ------
    InputError
        If there is no layer, the activations of one are not (samples, units) real numbers, or the layers differ in their
        number of samples.
    ValueError
        If `batch` is below 4.

    References
    ----------
    T. Nguyen et al. 2021, arXiv 2010.15327.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 2.0], [3.0, 1.0]] * 2)
    >>> drillcore.minibatch_matrix([X, 2 * X + 1], batch=5).round(4)
    array([[1., 1.],
           [1., 1.]])
    """
    if batch < LEAST_SAMPLES:
        raise ValueError(f"batch is {batch}, but HSIC_1 needs batches of at least {LEAST_SAMPLES} samples.")
    layers = [np.asarray(layer) for layer in together(layers)]
    tasks = groups(len(layers[0]), batch)
    if not tasks:
        return np.full((len(layers), len(layers)), np.nan)
    dtype = np.result_type(np.float32, *layers)
    sums = sum_over_batches(layers, tasks, [scale(layer) for layer in layers], dtype)
    certain = np.diag(sums.unbiased) > (DOUBT * np.diag(sums.terms) if dtype == np.float32 else sums.zeros)
    if all(isinstance(prepare(varying, layers[number]), Undefined) for number in np.flatnonzero(~certain)):
        return normalised(sums.unbiased, np.where(certain, 0.0, np.inf))
    return matrix(lambda a, _: in_double_precision(a, tasks), [prepare(varying, layer) for layer in layers])


def in_double_precision(layers, tasks):
    """Debiased CKA (layers, layers) of float64 layers as `varying` scales them."""
    sums = sum_over_batches(layers, tasks, np.ones(len(layers)), np.float64)
    return normalised(sums.unbiased, sums.zeros)


class Sums(NamedTuple):
    """Inner products of all pairs of layers' Gram matrices, summed over batches: each (layers, layers), in float64.

    `biased` is of centred ones and `unbiased` of U-centred ones, of which `terms` bound what cancels in their sum; `zeros`
    (layers) are what rounding leaves, in float64, of an unbiased one with itself that is zero.
    """

    biased: np.ndarray
    terms: np.ndarray
    unbiased: np.ndarray
    zeros: np.ndarray


def sum_over_batches(layers, tasks, scales, dtype):
    """The `Sums` over the batches `tasks` of `layers`, each times its scale, multiplied in `dtype`."""
    workspace = Workspace(len(layers), tasks, max(layer.shape[1] for layer in layers), dtype)

    def products(begin, count, size):
        """Of `count` batches of `size` samples from the sample `begin` on."""
        grams = workspace.grams_of(count, size)
        for layer, factor, gram in zip(layers, scales, grams, strict=True):
            batches = layer[begin : begin + count * size].reshape(count, size, -1)
            for features, target in zip(centre(batches, workspace.features), gram, strict=True):
                features *= factor
                # Half the work of a general product: NumPy knows a matrix times its transpose for what it is.
                np.matmul(features, features.T, out=target)
            if not factor:  # which may be of values that are not finite
                gram[...] = 0
        return gram_products(grams)

    with side_by_side() as each:
        biased, terms, unbiased = np.sum(list(each(products, *zip(*tasks, strict=True))), axis=0)
    zeros = [relative_zero(tasks[0][2], layer.shape[1]) for layer in layers] * np.diag(biased)
    return Sums(biased, terms, unbiased, zeros)


def groups(samples, batch):
    """Batches to be taken together, as lists of the first sample, the number of batches and their size.

    All batches have `batch` samples; the samples that are left over form a smaller last one, if they are enough.
    """
    whole, together = samples // batch, max(1, TOGETHER // batch)
    tasks = [(first * batch, min(together, whole - first), batch) for first in range(0, whole, together)]
    rest = samples - whole * batch
    return tasks + [(whole * batch, 1, rest)] * (rest >= LEAST_SAMPLES)


def scale(layer):
    """The power of two that brings the spread of a `layer` near 1, so that fourth powers fit float32.

    0, so that nothing is left of the layer, where it varies in none of the samples looked at, or beyond `LARGEST_EXPONENT`.
    """
    rows = layer[:: max(1, len(layer) // SCALED)]
    with np.errstate(over="ignore", invalid="ignore"):
        spread, exponent = np.frexp(np.abs(np.subtract(rows, rows[:1], dtype=np.float64)).max(initial=0.0))
    return 2.0 ** -int(exponent) if spread > 0 and abs(exponent) <= LARGEST_EXPONENT else 0.0


class Workspace(threading.local):
    """A thread's own arrays, made once: to allocate megabytes anew costs about as much as what is done in them.

    `grams` is (layers, batches, samples, samples); `features` has room for any layer's batches.
    """

    def __init__(self, layers, groups, units, dtype):
        _, count, size = groups[0]
        self.grams = np.empty((layers, count, size, size), dtype)
        self.features = np.empty(count * size * units, dtype)

    def grams_of(self, count, size):
        """Gram matrices of `count` batches of `size` samples; of the rest, a batch of another size, new ones."""
        if size != self.grams.shape[2]:
            return np.empty((len(self.grams), count, size, size), self.grams.dtype)
        return self.grams[:, :count]


def centre(batches, out):
    """The features of batches (batches, samples, units), each centred, in the memory of the vector `out`.

    The first sample is taken off before the mean, or rounding would leave something of units that hardly vary.
    """
    samples = batches.shape[1]
    shifted = np.subtract(batches, batches[:, :1], out=out[: batches.size].reshape(batches.shape), dtype=out.dtype)
    shifted -= np.full((1, samples), 1 / samples, out.dtype) @ shifted
    return shifted


def gram_products(grams):
    """Inner products of centred Gram matrices (layers, batches, samples, samples), of whose memory it makes use.

    Returns three of the `Sums`, `biased`, `terms` and `unbiased`, of these batches. The diagonals, which may be far
    larger than all the rest and mostly cancel, are multiplied apart in float64, and one of the two triangles is enough.
    """
    layers, _, samples, _ = grams.shape
    diagonals = np.einsum("lbii->lbi", grams).astype(np.float64)
    triangle = np.zeros((layers, layers))
    for begin in range(0, samples, CACHED_ROWS):
        rows = slice(begin, begin + CACHED_ROWS)
        grams[:, :, rows, rows] *= ABOVE[: samples - begin, : samples - begin]
        part = grams[:, :, rows, begin:].reshape(layers, -1)
        triangle += part @ part.copy().T  # a copy, for BLAS's symmetric product is slow for so few rows
    traces, diagonals = diagonals.sum(2), diagonals.reshape(layers, -1)
    of_diagonals = diagonals @ diagonals.T
    products = 2 * triangle + of_diagonals
    unbiased = u_centred(products, of_diagonals, traces @ traces.T, samples)
    return np.array([products, 2 * triangle + 2 / (samples - 2) * of_diagonals, unbiased])
