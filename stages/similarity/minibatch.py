"""Debiased CKA over minibatches: all pairs of layers for the cost of their Gram matrices, whatever the number of samples."""

import threading

import numpy as np

from stages.similarity.blas import symmetric_product
from stages.similarity.cka import normalised, u_centre
from stages.similarity.parallel import side_by_side
from stages.similarity.representation import LEAST_SAMPLES, check_together

SCALED = 16
"""Samples, spread over all, from whose size a layer's scale is taken."""

CACHED_ROWS = 8
"""Rows of the layers' Gram matrices that are multiplied at once, few enough to stay in cache."""


def minibatch_cka(X, Y, batch=500):
    """Debiased CKA of X (samples, p) and Y (samples, q) with HSIC_1 averaged over batches of rows: at most about 1.

    The average is taken before the division, for HSIC_1 is unbiased at any batch size and CKA is not. A last batch of
    another size counts by its number of pairs of samples; of fewer than 4 samples, not at all. float32 activations are
    multiplied in float32 and summed in float64. NaN where `debiased_cka` is. The rows' order decides the batches.
    Nguyen et al. 2021, arXiv 2010.15327.

    >>> X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 2.0], [3.0, 1.0]] * 2)
    >>> round(minibatch_cka(X, 2 * X + 1, batch=5), 4)
    1.0
    """
    return float(minibatch_matrix([X, Y], batch)[0, 1])


def minibatch_matrix(layers, batch=500):
    """`minibatch_cka` of all pairs of `layers`, arrays (samples, units) of the same samples: (layers, layers).

    Batches run side by side on threads (`side_by_side`).
    """
    if batch < LEAST_SAMPLES:
        raise ValueError(f"batch is {batch}, but HSIC_1 needs batches of at least {LEAST_SAMPLES} samples.")
    check_together(*layers)
    layers = [np.asarray(layer) for layer in layers]
    dtype = np.result_type(np.float32, *layers)
    multiply, samples = symmetric_product(dtype), len(layers[0])
    scales = [scale(layer[:: max(1, samples // SCALED)], dtype) for layer in layers]
    workspace = Workspace(len(layers), min(batch, samples), max(layer.shape[1] for layer in layers), dtype)

    def products(begin):
        rows = slice(begin, min(begin + batch, samples))
        grams = workspace.grams_of(rows.stop - begin)
        for layer, factor, gram in zip(layers, scales, grams, strict=True):
            multiply(centre(layer[rows], workspace.features), factor**2, gram)
        return gram_products(grams)

    begins = range(0, samples - LEAST_SAMPLES + 1, batch)
    with side_by_side() as each, np.errstate(invalid="ignore"):  # for activations that are not finite
        nothing = np.zeros((2, len(layers), len(layers)))
        biased, unbiased = np.sum([nothing, *each(products, begins)], axis=0)
    return normalised(unbiased, 16 * np.finfo(dtype).eps * np.diag(biased))


def scale(rows, dtype):
    """The power of two that brings the spread of `rows` near 1, so that fourth powers fit float32."""
    return 2.0 ** -np.frexp(np.abs(np.subtract(rows, rows[:1], dtype=dtype)).max(initial=0.0))[1]


class Workspace(threading.local):
    """A thread's own arrays, made once: to allocate megabytes anew costs about as much as what is done in them.

    `grams` (layers, samples, samples) are zero below the diagonal; `features` has room for any layer's batch.
    """

    def __init__(self, layers, samples, units, dtype):
        self.grams = np.zeros((layers, samples, samples), dtype)
        self.features = np.empty(samples * units, dtype)

    def grams_of(self, samples):
        """Gram matrices of `samples`; of the last batch, which may be smaller, new ones."""
        layers, most, _ = self.grams.shape
        return self.grams if samples == most else np.zeros((layers, samples, samples), self.grams.dtype)


def centre(rows, out):
    """A batch's features (samples, units), centred, in the memory of the vector `out`.

    The first sample is taken off before the mean, or rounding would leave something of units that hardly vary.
    """
    shifted = np.subtract(rows, rows[0], out=out[: rows.size].reshape(rows.shape), dtype=out.dtype)
    shifted -= np.full(len(rows), 1 / len(rows), out.dtype) @ shifted
    return shifted


def gram_products(grams):
    """Inner products of centred Gram matrices (layers, samples, samples), of which the upper triangles alone are filled.

    Returns them as they are and U-centred, (2, layers, layers), in float64.
    """
    layers, samples, _ = grams.shape
    triangle = np.zeros((layers, layers))
    for begin in range(0, samples, CACHED_ROWS):
        part = grams[:, begin : begin + CACHED_ROWS, begin:].reshape(layers, -1)
        triangle += part @ part.copy().T  # a copy, for BLAS's symmetric product is slow for so few rows
    diagonals = np.einsum("lii->li", grams).astype(np.float64)
    products = 2 * triangle - diagonals @ diagonals.T
    return np.array([products, u_centre(products, diagonals, diagonals)])
