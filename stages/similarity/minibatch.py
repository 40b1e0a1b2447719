"""Debiased CKA over minibatches: all pairs of layers for the cost of their Gram matrices, whatever the number of samples."""

import threading

import numpy as np

from stages.similarity.blas import symmetric_product
from stages.similarity.cka import normalised, u_centre
from stages.similarity.parallel import side_by_side
from stages.similarity.representation import LEAST_SAMPLES, check_together

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
    scales, workspace = [scale(layer[:batch], dtype) for layer in layers], threading.local()

    def products(begin):
        count = min(batch, samples - begin)
        if getattr(workspace, "grams", np.empty((0, 0))).shape[1] != count:
            workspace.grams = np.zeros((len(layers), count, count), dtype)
        for layer, factor, gram in zip(layers, scales, workspace.grams, strict=True):
            multiply(centred_batch(layer[begin : begin + count], dtype), factor**2, gram)
        return gram_products(workspace.grams)

    begins = range(0, samples - LEAST_SAMPLES + 1, batch)
    with side_by_side() as each, np.errstate(invalid="ignore"):  # for activations that are not finite
        nothing = np.zeros((2, len(layers), len(layers)))
        biased, unbiased = np.sum([nothing, *each(products, begins)], axis=0)
    return normalised(unbiased, 16 * np.finfo(dtype).eps * np.diag(biased))


def scale(rows, dtype):
    """The power of two that brings the spread of `rows` near 1, so that fourth powers fit float32."""
    return 2.0 ** -np.frexp(np.abs(np.subtract(rows, rows[:1], dtype=dtype)).max(initial=0.0))[1]


def centred_batch(rows, dtype):
    """A batch's features (samples, units), centred.

    The first sample is taken off before the mean, or rounding would leave something of units that hardly vary.
    """
    shifted = np.subtract(rows, rows[0], dtype=dtype, order="C")
    shifted -= np.full(len(rows), 1 / len(rows), dtype) @ shifted
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
