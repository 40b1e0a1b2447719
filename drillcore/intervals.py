"""How far a number would differ with another seed: t intervals over trainings, not over samples."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from drillcore.base.arrays import real_array
from drillcore.extras import require

LEVEL = 0.95
"""The share of intervals that hold the mean over all seeds, where trainings differ by normal noise."""


class Interval(NamedTuple):
    """The `mean` over `count` trainings, and the `half` width of its interval; NaN of fewer than two."""

    mean: float
    half: float
    count: int


def t_interval(values: ArrayLike, level: float = LEVEL) -> Interval:
    """The mean of `values`, one of each training, and the half width of Student's t interval for it.

    Parameters
    ----------
    values : array_like (trainings)
        A number of each training, alike but for the seed; those that are NaN do not count.
    level : float
        The share of such intervals that hold the mean over all seeds.

    Returns
    -------
    Interval
        `mean`, `half` and `count`: mean ± half, half = t(count - 1) s / sqrt(count) with the standard deviation s of
        count - 1 degrees of freedom. `half` is NaN for fewer than two values, `mean` too for none.

    Raises
    ------
    InputError
        If the values are not real numbers, or SciPy, which knows Student's t, is not installed.

    References
    ----------
    Student 1908, "The probable error of a mean", Biometrika 6.

    Examples
    --------
    >>> import drillcore
    >>> mean, half, count = drillcore.t_interval([0.5, 0.6, 0.7])
    >>> round(mean, 2), round(half, 3), count
    (0.6, 0.248, 3)
    """
    values = np.asarray(real_array(values, "values"), np.float64).ravel()
    mean, half = t_intervals(values, level)
    return Interval(float(mean), float(half), int(np.count_nonzero(~np.isnan(values))))


def t_intervals(values: ArrayLike, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray]:
    """The means (...) of `values` (trainings, ...) and the half widths of their intervals, each as of `t_interval`."""
    values = np.asarray(values, np.float64)
    known = ~np.isnan(values)
    count = known.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known, values, 0.0).sum(0) / count
        squares = np.where(known, np.square(values - mean), 0.0).sum(0)
        error = np.sqrt(squares / (count - 1) / count)
    if not (count > 1).any():
        return mean, np.full_like(mean, np.nan)
    require("clusters", "t_interval")
    from scipy.special import stdtrit

    with np.errstate(invalid="ignore"):
        half = stdtrit(np.maximum(count - 1, 1), (1 + level) / 2) * error
    return mean, np.where(count > 1, half, np.nan)
