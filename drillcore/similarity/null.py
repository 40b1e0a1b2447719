"""What chance would score: the permutation null of debiased CKA, the false-discovery rate, and biased CKA's floor."""

import numpy as np

from drillcore.base.arrays import real_array, together
from drillcore.similarity.measures.cka import gram_norm, u_gram
from drillcore.similarity.representation import centred, matrix, prepare

TIE = 1e-9


def permutation_null(layers, permutations=200, seed=0):
    """P-values (layers, layers) of debiased CKA between `layers`, arrays (samples, units), by permuting one side's samples.

    A p-value is (1 + the permutations that score at least as high) / (1 + `permutations`): uniform for independent
    layers, small for alike ones. The permutations are cyclic shifts of the samples after one random shuffle. They
    form a group, so the test is exact (Hemerik and Goeman 2018, arXiv 1411.7565), and one FFT along each diagonal of
    a Gram matrix scores all of them: the cost hardly depends on their number, which is at most samples - 1.
    NaN where debiased CKA is undefined.

    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((50, 3))
    >>> permutation_null([X, X + rng.standard_normal((50, 3))], permutations=49)[0, 1]
    np.float64(0.02)
    """
    layers = together(layers)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(layers[0]))
    shifts = 1 + rng.permutation(len(order) - 1)[:permutations]
    grams = [prepare(u_gram, np.asarray(layer)[order]) for layer in layers]
    return matrix(lambda a, _: exceedances(shifted_products(a), shifts), grams)


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
        doubled = np.concatenate([gram, gram[:, :half]], axis=1)
        steps = doubled.strides[0] + doubled.strides[1], doubled.strides[1]
        along = np.lib.stride_tricks.as_strided(doubled[:, 1:], (n, half), steps)
        np.multiply(along, weights / np.linalg.norm(gram), out=diagonals[:, index])
    spectra = np.fft.rfft(diagonals, axis=0)
    return np.fft.irfft(spectra.conj() @ spectra.transpose(0, 2, 1), n, axis=0)


def exceedances(products, shifts):
    """P-values (matrices, matrices) from `shifted_products`: the share of `shifts`, and none, at least as high as none.

    The upper triangle stands for both, whose shifts are each other's inverses.
    """
    counts = 1 + np.sum(products[shifts] >= products[0] - TIE, axis=0)
    upper = np.triu(counts) / (1 + len(shifts))
    return upper + np.triu(upper, 1).T


def benjamini_hochberg(p_values):
    """Q-values of an array of p-values: the least false-discovery rate at which each would be called significant.

    NaN are not tested and stay NaN. Benjamini and Hochberg 1995, doi 10.1111/j.2517-6161.1995.tb02031.x.

    >>> benjamini_hochberg(np.array([0.01, 0.04, 0.03, np.nan]))
    array([0.03, 0.04, 0.04,  nan])
    """
    p_values = real_array(p_values, "p-values")
    tested = np.flatnonzero(np.isfinite(p_values))
    order = tested[np.argsort(p_values.flat[tested], kind="stable")]
    scaled = p_values.flat[order] * len(order) / np.arange(1, len(order) + 1)
    q_values = np.full(p_values.size, np.nan)
    q_values[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    return q_values.reshape(p_values.shape)


def q_values_of_pairs(p_values):
    """Q-values (layers, layers) of the p-values of every two layers, as `permutation_null` gives them.

    Every pair counts once; NaN on the diagonal, where nothing is tested.
    """
    p_values = real_array(p_values, "p-values")
    above = np.triu_indices(len(p_values), 1)
    q_values = np.full_like(p_values, np.nan)
    q_values[above] = q_values.T[above] = benjamini_hochberg(p_values[above])
    return q_values


def noise_floor(samples, units_a, units_b):
    """Linear CKA of independent Gaussian noise, sqrt(p q / ((p + n)(q + n))), for many samples or units.

    For isotropic noise of that shape: layers with fewer effective dimensions than units score less by chance, which
    `permuted_linear_cka` takes into account. Murphy et al. 2024, arXiv 2405.01012.

    >>> round(float(noise_floor(300, 4096, 4096)), 3)
    0.932
    """
    p, q = np.asarray(units_a, np.float64), np.asarray(units_b, np.float64)
    return np.sqrt(p * q / ((p + samples) * (q + samples)))


def permuted_linear_cka(layers):
    """The mean of linear CKA (layers, layers) over all permutations of one side's samples, in closed form.

    tr K tr L / ((n - 1) norm(K) norm(L)) for centred Gram matrices: the floor of these very layers, whatever their
    spectra. Kazi-Aoual et al. 1995, Computational Statistics and Data Analysis 20.
    """

    def trace_over_norm(X):
        X = centred(X)
        return np.vdot(X, X) / np.sqrt(gram_norm(X) * (len(X) - 1))

    return matrix(lambda a, b: np.outer(a, b), [prepare(trace_over_norm, layer) for layer in together(layers)])
