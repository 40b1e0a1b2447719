"""Whether minima are more than chance alone gives: shares of flips, their excess in standard errors, at a threshold.

The standard error comes from blocks of steps. The parameters of one step share its batch, so their flips are not
independent; nearby steps share gradients, through the optimiser's memory of 1 / (1 - decay) steps. A block is as long as
that memory. A share is a ratio of sums over blocks, and its error that of the linear approximation (Cochran 1977, Sampling
Techniques, chapter 6). It includes the error of the null. On noise, with n blocks, the excess divided by the error is
distributed about as Student's t with n - 1 degrees of freedom.
"""

import numpy as np
from numpy.typing import NDArray

from drillcore.artifacts.gradients import MAXIMUM, MINIMUM
from drillcore.recording.threshold import fraction, near_zero

LONGEST = 0.9
"""The decay of the recorder's averages, whose memory counts at least."""
FEWEST = 4
"""Of fewer blocks no error is known."""
ERRORS = 3.18
"""So many standard errors apart, a share of minima is said to differ from that of chance: as far as Student's t of 3
degrees of freedom goes in 5 % of cases, for an epoch may have no more blocks than FEWEST."""


def flips_near_zero(counts, null_minima, null_flips, edges, threshold):
    """The `minima` and `maxima` among the flips retained near zero at `threshold`, and of chance its minima and flips.

    `counts` are (..., bins, bins, 4), `null_minima` and `null_flips` (..., bins, bins); returns float64 (..., 4).
    """
    near = near_zero(edges, threshold)
    kinds = counts[..., MINIMUM], counts[..., MAXIMUM], null_minima, null_flips
    return np.stack([kind[..., near, near].sum((-2, -1), dtype=np.float64) for kind in kinds], -1)


def shares(flips):
    """Arrays (...) of `minima_share` and `minima_share_null` from `flips` (..., 4), as `flips_near_zero` counts them."""
    minima, maxima, null_minima, null_flips = np.moveaxis(flips, -1, 0)
    return {
        "minima_share": fraction(minima, minima + maxima),
        "minima_share_null": fraction(null_minima, null_flips),
    }


def compared(flips: NDArray, step: NDArray, decay: float) -> dict[str, NDArray]:
    """Compare the minima of some steps with those of chance.

    Parameters
    ----------
    flips : float64 array (steps, ..., 4)
        As `flips_near_zero` counts them; steps without a null count in the share alone.
    step : int array (steps)
        Their numbers.
    decay : float
        Of the optimiser.

    Returns
    -------
    dict of float64 arrays (...)
        `minima_share`, `minima_share_null`, and `z`, by how many standard errors the first is above the second; NaN of fewer
        than FEWEST blocks of steps with a null, and where nothing varies.

    Examples
    --------
    >>> import numpy as np
    >>> from drillcore.recording.chance import compared
    >>> flips = np.array([[60.0, 40, 50, 100], [62, 38, 50, 100], [61, 39, 50, 100], [61, 39, 50, 100]])
    >>> found = compared(flips, np.array([1, 101, 201, 301]), decay=0.9)
    >>> round(float(found["z"]), 1)
    26.9
    """
    length = round(1 / (1 - max(decay, LONGEST)))
    found = shares(flips.sum(0))
    with_null = flips[..., 3].reshape(len(flips), -1).any(1)
    flips, step = flips[with_null], step[with_null]
    blocks = np.unique(step // length, return_index=True)[1]
    if len(blocks) < FEWEST:
        return found | {"z": np.full(flips.shape[1:-1], np.nan)}
    minima, maxima, null_minima, null_flips = np.moveaxis(np.add.reduceat(flips, blocks), -1, 0)
    both = [(minima, minima + maxima), (null_minima, null_flips)]
    ratios = [fraction(part.sum(0), whole.sum(0)) for part, whole in both]
    one, other = (
        fraction(part - ratio * whole, whole.sum(0)) for ratio, (part, whole) in zip(ratios, both, strict=True)
    )
    error = np.sqrt(len(blocks) / (len(blocks) - 1) * np.square(one - other).sum(0))
    with np.errstate(divide="ignore"):
        z = fraction(ratios[0] - ratios[1], error)
    return found | {"z": np.where(np.isfinite(z), z, np.nan)}
