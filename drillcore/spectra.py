"""Singular values, and the numbers of directions that they amount to.

Each rank takes singular values s, in any order, and works on the variances l = s^2. It is NaN where all are zero: a
dead layer has no directions, and so no number of them.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from drillcore.base.arrays import real_array, row_blocks, samples_by_units
from drillcore.base.errors import InputError
from drillcore.singular_values import singular_values


def feature_singular_values(features: ArrayLike) -> NDArray[np.float64]:
    """Return the singular values of a layer's activations, each unit centred.

    The activations may be larger than memory: they are read in blocks, three times over. Where units are no more than
    samples the values come from the units x units Gram matrix in float64, otherwise from the samples x samples one. That
    keeps the singular values of float32 activations down to 1e-8 of the largest and costs far less than an SVD. Values
    below that precision are returned as the zeros they cannot be told from.

    Parameters
    ----------
    features : array_like or h5py.Dataset (samples, units)
        Activations, of any real type.

    Returns
    -------
    float64 array (min(samples, units))
        Descending, in the units of the activations. All are NaN where an activation is not finite.

    Raises
    ------
    InputError
        If the activations are not (samples, units) real numbers of at least one sample.

    Examples
    --------
    >>> import drillcore
    >>> drillcore.feature_singular_values([[1.0, 0.0], [-1.0, 0.0], [0.0, 2.0], [0.0, -2.0]]) ** 2
    array([8., 2.])
    """
    features = samples_by_units(features)
    count = min(features.shape)
    largest = largest_of(features)
    if not count or not np.isfinite(largest):
        return np.full(count, np.nan)
    exponent = np.frexp(largest)[1]
    gram, mean = scaled_gram(features, exponent)
    variances = np.linalg.eigvalsh(gram)[::-1]
    # The mean's own rounding leaves this much of a constant column, and eigvalsh this much below its largest value.
    scale = max(variances[0], features.shape[0] * features.shape[1] * (np.finfo(np.float64).eps * mean) ** 2)
    floor = len(gram) * np.finfo(np.float64).eps * scale
    return np.ldexp(np.sqrt(np.where(variances > floor, variances, 0.0)), exponent)


def largest_of(features):
    """The largest absolute value of `features` (samples, units); NaN or Inf where one is not finite."""
    blocks = row_blocks(features.shape[0], 8 * features.shape[1])
    return np.max([np.abs(features[rows]).max(initial=0.0) for rows in blocks], initial=0.0)


def scaled_gram(features, exponent):
    """The smaller Gram matrix of the centred `features` / 2^`exponent`, whose squares fit, and their largest mean."""
    samples, units = features.shape

    def read(part):
        return np.ldexp(np.asarray(features[part], np.float64), -exponent)

    if units <= samples:
        blocks = row_blocks(samples, 8 * units)
        mean = sum(read(rows).sum(0) for rows in blocks) / samples
        return sum(centred.T @ centred for centred in (read(rows) - mean for rows in blocks)), np.abs(mean).max()
    gram, largest = np.zeros((samples, samples)), 0.0
    for columns in row_blocks(units, 8 * samples):
        block = read(np.s_[:, columns])
        mean = block.mean(0)
        centred = block - mean
        gram += centred @ centred.T
        largest = max(largest, np.abs(mean).max())
    return gram, largest


def weight_singular_values(weight: ArrayLike) -> NDArray[np.float64]:
    """Return the singular values of a weight matrix, not centred, in float64.

    Parameters
    ----------
    weight : array_like (outputs, inputs)
        Of any real type. Reshape a convolution's kernel to outputs by the rest.

    Returns
    -------
    float64 array (min(outputs, inputs))
        Descending. All are NaN where a weight is not finite.

    Raises
    ------
    InputError
        If the weight is not (outputs, inputs) real numbers.

    Examples
    --------
    >>> import drillcore
    >>> drillcore.weight_singular_values([[3.0, 0.0], [0.0, -4.0]])
    array([4., 3.])
    """
    weight = real_array(weight, "weights")
    if len(weight.shape) != 2:
        raise InputError(
            f"weights of shape {weight.shape} are not (outputs, inputs): reshape them to outputs by the rest."
        )
    if not np.isfinite(weight).all():
        return np.full(min(weight.shape), np.nan)
    return singular_values(np.asarray(weight, np.float64))


def product_singular_values(expand, squeeze):
    """Singular values of the one linear map `expand` (outputs, width) @ `squeeze` (width, inputs), at most `width` many.

    The QR factors of both carry them, so that the large product is never formed.
    """
    if not (np.isfinite(expand).all() and np.isfinite(squeeze).all()):
        return np.full(len(squeeze), np.nan)
    inner = np.linalg.qr(np.asarray(expand, np.float64), "r") @ np.linalg.qr(np.asarray(squeeze, np.float64).T, "r").T
    return np.linalg.svd(inner, compute_uv=False)


def spectrum(singular_values):
    """`singular_values` as an array of one axis; an `InputError` refuses others, and negative ones."""
    values = np.asarray(real_array(singular_values, "singular values"))
    if values.ndim != 1 or (values < 0).any():
        raise InputError(
            f"singular values of shape {values.shape} should be one axis of numbers that are not negative: give those that "
            "feature_singular_values or weight_singular_values returns."
        )
    return values


def shares(singular_values, power=2):
    """The share along each direction of the sum of s^power; empty where all s are zero or one is not finite."""
    values = spectrum(singular_values).astype(np.float64)
    largest = values.max(initial=0.0)
    if not 0 < largest < np.inf:  # nor NaN
        return values[:0]
    powers = np.ldexp(values, -np.frexp(largest)[1]) ** power  # the squares of what is not near 1 may not fit
    return powers / powers.sum()


def participation_ratio(singular_values: ArrayLike) -> float:
    """Return the participation ratio (sum l)^2 / sum l^2 of the variances l = s^2.

    As many directions as would carry the variance if they carried it equally.

    Parameters
    ----------
    singular_values : array_like (n)
        The singular values s, not negative, in any order.

    Returns
    -------
    float
        A number of directions, from 1 to n. NaN where all s are zero or one is not finite.

    Raises
    ------
    InputError
        If the singular values are not one axis of numbers that are not negative.

    References
    ----------
    P. Gao et al. 2017, "A theory of multineuronal dimensionality, dynamics and measurement", doi 10.1101/214262.

    Examples
    --------
    >>> import drillcore
    >>> round(drillcore.participation_ratio([2.0, 2**0.5, 1.0, 1.0]), 5)
    2.90909
    """
    share = shares(singular_values)
    return float(1 / np.square(share).sum()) if share.size else float("nan")


def effective_rank(singular_values: ArrayLike) -> float:
    """Return the effective rank exp(H(p)) of Roy and Vetterli, with p = s / sum s and H(p) = -sum p log p.

    It is at least `effective_rank_of_variances`, because squares weigh the large directions more.

    Parameters
    ----------
    singular_values : array_like (n)
        The singular values s, not negative, in any order.

    Returns
    -------
    float
        A number of directions, from 1 to n. NaN where all s are zero or one is not finite.

    Raises
    ------
    InputError
        If the singular values are not one axis of numbers that are not negative.

    References
    ----------
    O. Roy and M. Vetterli 2007, "The effective rank: a measure of effective dimensionality", EUSIPCO.

    Examples
    --------
    >>> import drillcore
    >>> round(drillcore.effective_rank([2.0, 2**0.5, 1.0, 1.0]), 5)
    3.82843
    """
    return exponential_entropy(shares(singular_values, 1))


def effective_rank_of_variances(singular_values: ArrayLike) -> float:
    """Return exp(H(p)) with p = l / sum l, the shares of the variances l = s^2, and H(p) = -sum p log p.

    As `effective_rank`, with the variances instead of the singular values. So it compares with the participation ratio,
    which is exp of the Renyi entropy of order 2 of the same shares and never more.

    Parameters
    ----------
    singular_values : array_like (n)
        The singular values s, not negative, in any order.

    Returns
    -------
    float
        A number of directions, from 1 to n. NaN where all s are zero or one is not finite.

    Raises
    ------
    InputError
        If the singular values are not one axis of numbers that are not negative.

    References
    ----------
    O. Roy and M. Vetterli 2007, "The effective rank: a measure of effective dimensionality", EUSIPCO (of s instead of l).

    Examples
    --------
    >>> import drillcore
    >>> round(drillcore.effective_rank_of_variances([2.0, 2**0.5, 1.0, 1.0]), 5)
    3.36359
    """
    return exponential_entropy(shares(singular_values))


def exponential_entropy(share):
    """exp(-sum p log p) of the shares p, of which there are as many as would be equal; NaN of none."""
    share = share[share > 0]
    return float(np.exp(-(share * np.log(share)).sum())) if share.size else float("nan")


def stable_rank(singular_values: ArrayLike) -> float:
    """Return the stable rank sum l / max l of the variances l = s^2: the squared Frobenius norm by the squared spectral norm.

    Parameters
    ----------
    singular_values : array_like (n)
        The singular values s, not negative, in any order.

    Returns
    -------
    float
        A number of directions, from 1 to n. NaN where all s are zero or one is not finite.

    Raises
    ------
    InputError
        If the singular values are not one axis of numbers that are not negative.

    References
    ----------
    M. Rudelson and R. Vershynin 2007, doi 10.1145/1255443.1255449.

    Examples
    --------
    >>> import drillcore
    >>> round(drillcore.stable_rank([2.0, 2**0.5, 1.0, 1.0]), 5)
    2.0
    """
    share = shares(singular_values)
    return float(1 / share.max()) if share.size else float("nan")


def numerical_rank(singular_values: ArrayLike, tolerance: float) -> float:
    """Return the number of singular values above a tolerance.

    Parameters
    ----------
    singular_values : array_like (n)
        Not negative, in any order.
    tolerance : float
        In the units of the singular values.

    Returns
    -------
    float
        A whole number from 0 to n. NaN where a singular value is not finite.

    Raises
    ------
    InputError
        If the singular values are not one axis of numbers that are not negative.

    Examples
    --------
    >>> import drillcore
    >>> drillcore.numerical_rank([3.0, 1.0, 1e-9], 1e-6)
    2.0
    """
    values = spectrum(singular_values)
    return float((values > tolerance).sum()) if np.isfinite(values).all() else float("nan")


def components_explaining(singular_values: ArrayLike, fraction: float) -> int | float:
    """Return the smallest number of principal components that explain at least a fraction of the variance.

    The fraction is of the variances l = s^2 and not of s. Scaling all s changes nothing.

    Parameters
    ----------
    singular_values : array_like (n)
        The singular values s, not negative, in any order.
    fraction : float
        From 0 to 1.

    Returns
    -------
    int or float
        From 0, where there is no variance, to n. NaN where a singular value is not finite.

    Raises
    ------
    InputError
        If the singular values are not one axis of numbers that are not negative.

    Examples
    --------
    >>> import drillcore
    >>> drillcore.components_explaining([0.98**0.5, 0.02**0.5], 0.99)
    2
    """
    if not np.isfinite(spectrum(singular_values)).all():
        return float("nan")
    share = np.sort(shares(singular_values))[::-1]
    if not share.size:
        return 0
    # Summed from the smallest up, what is missing is exact where the leading sum rounds to the fraction itself.
    missing = np.append(np.cumsum(share[::-1])[::-1][1:], 0.0)
    return int(np.argmax(missing <= 1 - fraction)) + 1


def ranks(singular_values, shape, fraction):
    """The ranks of the matrix of `shape` with these singular values, by name; `fraction` is that of `components`."""
    tolerance = max(shape) * np.finfo(np.float32).eps * singular_values.max(initial=0.0)
    return {
        "participation_ratio": participation_ratio(singular_values),
        "effective_rank": effective_rank(singular_values),
        "effective_rank_of_variances": effective_rank_of_variances(singular_values),
        "stable_rank": stable_rank(singular_values),
        "numerical_rank": numerical_rank(singular_values, tolerance),
        "components": components_explaining(singular_values, fraction),
    }
