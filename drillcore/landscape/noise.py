"""How noisy the gradient of a batch is: the noise scale of McCandlish et al."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from drillcore.base.arrays import real_array
from drillcore.base.errors import InputError


class Noise(NamedTuple):
    """Of the gradients of single samples: `variance`, the trace of their covariance, `signal`, the squared norm of their
    mean over all data, and `scale`, the first by the second. The signal is unbiased, so it may be negative where the noise
    hides it; the scale is then NaN."""

    variance: float
    signal: float
    scale: float


def noise_scale(squared_norms: ArrayLike, gradient_norm: float) -> Noise:
    """The gradient noise scale tr(S) / norm(G)^2: about the batch size at which signal and noise are equal.

    Of n samples, with gradients g_i and the mean g, tr S = (sum norm(g_i)^2 - n norm(g)^2) / (n - 1), and norm(G)^2 =
    norm(g)^2 - tr S / n: the mean of n still has the nth part of the noise. Both are unbiased.

    Parameters
    ----------
    squared_norms : array_like (samples)
        The squared norm of each sample's gradient.
    gradient_norm : float
        The norm of the mean of these gradients.

    Returns
    -------
    Noise

    Raises
    ------
    InputError
        If the squared norms are not one axis of real numbers, of at least two samples.

    References
    ----------
    McCandlish et al. 2018, "An Empirical Model of Large-Batch Training", arXiv 1812.06162, appendix A.1.

    Examples
    --------
    >>> import drillcore
    >>> drillcore.noise_scale([1.0, 9.0], 2.0)  # of the gradients 1 and 3
    Noise(variance=2.0, signal=3.0, scale=0.6666666666666666)
    """
    squared_norms = np.asarray(real_array(squared_norms, "squared norms"), np.float64)
    if squared_norms.ndim != 1:
        raise InputError(
            f"squared norms of shape {squared_norms.shape} should be one axis, (samples): give each one number."
        )
    count = len(squared_norms)
    if count < 2:
        raise InputError(f"the gradients of {count} samples have no variance: give at least two.")
    variance = float(squared_norms.sum() - count * np.square(gradient_norm)) / (count - 1)
    signal = float(np.square(gradient_norm)) - variance / count
    return Noise(variance, signal, variance / signal if signal > 0 else np.nan)
