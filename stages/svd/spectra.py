"""Singular values, and the numbers of directions that they amount to.

Each rank takes singular values s, in any order, and works on the variances l = s^2. It is NaN where all are zero: a
dead layer has no directions, and so no number of them.
"""

import numpy as np

from stages.shared.axes import check_axes
from stages.shared.base.store import row_blocks


def feature_singular_values(features):
    """Singular values of the column-centred `features` (samples, units), descending, float64, min(samples, units) many.

    `features` may be an HDF5 dataset larger than memory: it is read in blocks, of rows twice or of columns once. Where
    units are no more than samples they come from the units x units Gram matrix in float64, which keeps the singular
    values of float32 features down to 1e-8 of the largest and costs far less than an SVD; otherwise from the samples x
    samples one. Values below that precision are returned as the zeros they cannot be told from; all are NaN where a
    feature is not finite. Raises a ValueError where they are not (samples, units).
    """
    check_axes(features)
    samples, units = features.shape
    if units <= samples:
        blocks = row_blocks(samples, 8 * units)
        mean = sum(features[rows].sum(0, dtype=np.float64) for rows in blocks) / samples
        gram = sum(centred.T @ centred for centred in (features[rows] - mean for rows in blocks))
        largest = np.abs(mean).max(initial=0.0)
    else:
        gram, largest = np.zeros((samples, samples)), 0.0
        for columns in row_blocks(units, 8 * samples):
            block = features[:, columns]
            mean = block.sum(0, dtype=np.float64) / samples
            centred = block - mean
            gram += centred @ centred.T
            largest = max(largest, np.abs(mean).max())
    if not np.isfinite(gram).all():
        return np.full(len(gram), np.nan)
    variances = np.linalg.eigvalsh(gram)[::-1]
    # The mean's own rounding leaves this much of a constant column, and eigvalsh this much below its largest value.
    scale = max(variances[0], samples * units * (np.finfo(np.float64).eps * largest) ** 2)
    floor = max(gram.shape) * np.finfo(np.float64).eps * scale
    return np.sqrt(np.where(variances > floor, variances, 0.0))


def weight_singular_values(weight):
    """Singular values of a weight matrix (outputs, inputs), not centred, descending, float64, by a full SVD.

    All are NaN where a weight is not finite.
    """
    if not np.isfinite(weight).all():
        return np.full(min(weight.shape), np.nan)
    return np.linalg.svd(np.asarray(weight, np.float64), compute_uv=False)


def product_singular_values(expand, squeeze):
    """Singular values of the one linear map `expand` (outputs, width) @ `squeeze` (width, inputs), at most `width` many.

    The QR factors of both carry them, so that the large product is never formed.
    """
    if not (np.isfinite(expand).all() and np.isfinite(squeeze).all()):
        return np.full(len(squeeze), np.nan)
    inner = np.linalg.qr(np.asarray(expand, np.float64), "r") @ np.linalg.qr(np.asarray(squeeze, np.float64).T, "r").T
    return np.linalg.svd(inner, compute_uv=False)


def shares(singular_values):
    """The share of the variance along each direction: s^2 / sum(s^2); empty where all s are zero."""
    variances = np.square(np.asarray(singular_values, np.float64))
    total = variances.sum()
    return variances / total if total > 0 else variances[:0]


def participation_ratio(singular_values):
    """(sum l)^2 / sum l^2: as many directions as would carry the variance if they carried it equally.

    From 1 to len(singular_values). Gao et al. 2017, "A theory of multineuronal dimensionality".

    >>> round(participation_ratio([2.0, 2**0.5, 1.0, 1.0]), 5)
    2.90909
    """
    share = shares(singular_values)
    return float(1 / np.square(share).sum()) if share.size else float("nan")


def effective_rank(singular_values):
    """exp(H(p)) with p = l / sum l, the shares of the variance.

    From 1 to len(singular_values). Roy and Vetterli 2007, "The effective rank", with the variances in place of their
    singular values, so that it compares with the participation ratio.

    >>> round(effective_rank([2.0, 2**0.5, 1.0, 1.0]), 5)
    3.36359
    """
    share = shares(singular_values)
    share = share[share > 0]
    return float(np.exp(-(share * np.log(share)).sum())) if share.size else float("nan")


def stable_rank(singular_values):
    """sum l / max l: the squared Frobenius norm by the squared spectral norm (Rudelson and Vershynin 2007).

    >>> round(stable_rank([2.0, 2**0.5, 1.0, 1.0]), 5)
    2.0
    """
    share = shares(singular_values)
    return float(1 / share.max()) if share.size else float("nan")


def numerical_rank(singular_values, tolerance):
    """The number of singular values above `tolerance`, as a float that is NaN where they are."""
    return float((np.asarray(singular_values) > tolerance).sum()) if np.isfinite(tolerance) else float("nan")


def components_explaining(singular_values, fraction):
    """The smallest number of principal components that explain at least `fraction` of the variance; 0 if there is none.

    The share is of the variance l and not of s, and scaling all s changes nothing.

    >>> components_explaining([0.98**0.5, 0.02**0.5], 0.99)
    2
    """
    share = np.sort(shares(singular_values))[::-1]
    if not share.size:
        return 0
    # Summed from the smallest up, what is missing is exact where the leading sum rounds to the fraction itself.
    missing = np.append(np.cumsum(share[::-1])[::-1][1:], 0.0)
    return int(np.argmax(missing <= 1 - fraction)) + 1
