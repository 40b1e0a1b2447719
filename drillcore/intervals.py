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
    values = np.asarray(real_array(values, "values"), np.float64)
    values = values[~np.isnan(values)]
    count = len(values)
    if count < 2:
        return Interval(float(values[0]) if count else np.nan, np.nan, count)
    require("clusters", "t_interval")
    from scipy.special import stdtrit

    half = stdtrit(count - 1, (1 + level) / 2) * values.std(ddof=1) / np.sqrt(count)
    return Interval(float(values.mean()), float(half), count)
