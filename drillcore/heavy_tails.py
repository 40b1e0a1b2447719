"""How heavy the tail of a weight's spectrum is, and which of its values an untrained weight would have."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from drillcore.base.arrays import row_blocks
from drillcore.spectra import spectrum

LEAST_TAIL = 10
"""Of fewer values in the tail no exponent is estimated."""


class PowerLaw(NamedTuple):
    """A power law fitted to the tail of a spectrum: NaN and no `tail` where there are too few values.

    Attributes
    ----------
    alpha : float
        The density of the variances l = s^2 falls as l^-alpha.
    smallest : float
        The smallest variance in the tail.
    tail : int
        The number of values in it.
    distance : float
        Of Kolmogorov and Smirnov, between the tail and the fit: the largest difference of the distribution functions.
    """

    alpha: float
    smallest: float
    tail: int
    distance: float


def power_law(singular_values: ArrayLike, smallest: float | None = None) -> PowerLaw:
    """Fit a power law to the largest of the variances l = s^2 of a weight matrix.

    Parameters
    ----------
    singular_values : array_like (n)
        The singular values s, not negative, in any order.
    smallest : float, optional
        Where the tail begins, in variances. By default where the fit has the smallest `distance`, among the beginnings that
        leave at least 10 values.

    Returns
    -------
    PowerLaw
        `alpha` is 1 + n / sum ln(l / smallest) over the n values of the tail, a maximum of the likelihood. Trained networks
        are said to have alpha between 2 and 6. A large `distance` says that the tail is no power law. NaN where fewer than
        10 values are above zero, those of the tail are all equal, or one is not finite.

    Raises
    ------
    InputError
        If the singular values are not one axis of numbers that are not negative.

    References
    ----------
    A. Clauset, C. R. Shalizi and M. E. J. Newman 2009, "Power-law distributions in empirical data", arXiv 0706.1062.
    C. H. Martin and M. W. Mahoney 2021, "Implicit self-regularization in deep neural networks", arXiv 1810.01075.

    Examples
    --------
    The quantiles of a Pareto distribution whose density falls as l^-3.

    >>> import numpy as np
    >>> import drillcore
    >>> variances = (1 - (np.arange(1000) + 0.5) / 1000) ** (-1 / 2)
    >>> fit = drillcore.power_law(np.sqrt(variances), smallest=1.0)
    >>> round(fit.alpha, 2), fit.tail, round(fit.distance, 3)
    (3.0, 1000, 0.001)
    """
    values = np.sort(spectrum(singular_values).astype(np.float64))
    logarithms = 2 * np.log(values[values > 0])
    if not np.isfinite(values).all() or len(logarithms) < LEAST_TAIL:
        return PowerLaw(np.nan, np.nan, 0, np.nan)
    if smallest is None:
        begins = np.arange(len(logarithms) - LEAST_TAIL + 1)
    else:
        begins = np.searchsorted(logarithms, [np.log(smallest) - 1e-12])
    sums = np.cumsum(logarithms[::-1])[::-1]
    starts = logarithms[begins] if smallest is None else np.log([smallest])
    counts = len(logarithms) - begins
    return best_fit(logarithms, begins, starts, counts, sums[np.minimum(begins, len(sums) - 1)] - counts * starts)


def best_fit(logarithms, begins, starts, counts, sums):
    """The `PowerLaw` with the smallest distance, of those whose tails begin at `begins`; `sums` are of ln(l / smallest)."""
    usable = (counts >= LEAST_TAIL) & (sums > 0)
    if not usable.any():
        return PowerLaw(np.nan, np.nan, 0, np.nan)
    begins, starts, counts, sums = begins[usable], starts[usable], counts[usable], sums[usable]
    exponents = counts / sums
    distances = np.concatenate(
        [
            distances_of(logarithms, begins[rows], starts[rows], counts[rows], exponents[rows])
            for rows in row_blocks(len(begins), 8 * len(logarithms))
        ]
    )
    best = np.argmin(distances)
    return PowerLaw(float(1 + exponents[best]), float(np.exp(starts[best])), int(counts[best]), float(distances[best]))


def distances_of(logarithms, begins, starts, counts, exponents):
    """The distance of Kolmogorov and Smirnov between every tail and its fit: at each value the distribution steps up."""
    place = np.arange(len(logarithms)) - begins[:, None]
    fitted = -np.expm1(-exponents[:, None] * np.maximum(logarithms - starts[:, None], 0.0))
    below, above = place / counts[:, None], (place + 1) / counts[:, None]
    apart = np.maximum(np.abs(fitted - below), np.abs(above - fitted))
    return np.where(place >= 0, apart, 0.0).max(1)


def marchenko_pastur_edge(singular_values: ArrayLike, shape: tuple[int, int]) -> float:
    """The largest singular value that a matrix of `shape` would have if its entries were independent noise.

    The entries' standard deviation sigma is that of the matrix with these `singular_values`; the edge is
    sigma (sqrt(outputs) + sqrt(inputs)). NaN where a value is not finite.
    """
    values = spectrum(singular_values).astype(np.float64)
    outputs, inputs = shape
    return float(np.linalg.norm(values) * (outputs**-0.5 + inputs**-0.5))


def tail(singular_values: ArrayLike, shape: tuple[int, int] | None = None) -> dict[str, float]:
    """What svd.h5 says of the tail of a weight's spectrum, by name; without a `shape`, as of a product of two weights, whose
    entries are not independent, there is no edge."""
    fit = power_law(singular_values)
    edge = np.nan if shape is None else marchenko_pastur_edge(singular_values, shape)
    above = float(np.sum(np.asarray(singular_values) > edge)) if np.isfinite(edge) else np.nan
    return {
        "power_law_alpha": fit.alpha,
        "power_law_smallest": fit.smallest,
        "power_law_tail": float(fit.tail),
        "power_law_distance": fit.distance,
        "noise_edge": edge,
        "above_noise_edge": above,
    }
