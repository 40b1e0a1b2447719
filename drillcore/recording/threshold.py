"""What the counts of the gradients' transitions say at a threshold of "near zero".

Counts have the axes (..., bin of abs(g) before, bin now, crossing), weight changes (..., bin before, bin now, 2) with
the sums of abs(dw) and dw^2 over the same parameters; `drillcore.artifacts.gradients` says what the bins are.
"""

from collections.abc import Sequence

import numpy as np

from drillcore.artifacts.gradients import MAXIMUM, MINIMUM
from drillcore.base.errors import InputError

DECADES = [float(f"1e{k}") for k in range(-10, 1)]


STUDIED = 1e-5
"""The threshold of the study's maps."""
NEAR, FAR = "|g| ≤ {}", "|g| > {}"
"""What a gradient g is that is near zero at a threshold, and that is not, as figures and page say it."""


def near_zero(edges: Sequence[float], threshold: float) -> slice:
    """The bins of gradients that are near zero at `threshold`: abs(g) <= threshold, what is exactly zero included.

    Nothing else decides what near zero means: statistics, figures and page take these bins from here, and say of them
    what NEAR and FAR say. Bins are taken whole: which side of an edge belongs to which bin, `make_binning` in kernel.py
    decides while a network trains.

    Raises
    ------
    InputError
        If `threshold` lies on none of `edges`, for the counts cannot tell there.
    """
    below = [float(edge) for edge in edges if edge < threshold]
    above = [float(edge) for edge in edges if edge > threshold]
    if len(below) + len(above) == len(edges):
        nearest = " and ".join(f"{edge:g}" for edge in below[-1:] + above[:1])
        raise InputError(
            f"the threshold {threshold:g} is none of the edges at which gradients were counted: "
            f"take {nearest}, or add it to recorder.edges of the network and train again."
        )
    return slice(0, len(below) + 2)


def studied_edge(edges: Sequence[float]) -> float:
    """The one of `edges` to look at first: STUDIED or, without it, the largest below, or else the smallest."""
    return max([edge for edge in edges if edge <= STUDIED], default=edges[0])


def statistics(counts, weight_change, edges, threshold):
    """The study's statistics at `threshold`, over whatever leading axes the counts have.

    Parameters
    ----------
    counts : array (..., bins, bins, 4)
        Number of parameters by bin before, bin now and crossing: 0 the sign stayed, 1 a minimum was stepped over, 2 a
        maximum, 3 the sign changed though the weight or the gradient did not move.
    weight_change : array (..., bins, bins, 2)
        Sums of abs(dw) and dw^2.
    edges : sequence of float
    threshold : float
        One of `edges`; `near_zero` says what it means.

    Returns
    -------
    dict of arrays (...)
        `counted`: parameters with a transition; of them `exact_zeros` and `zeros`: exactly zero, near zero now;
        `retained`: near zero before and now; `released`: before, but not now; `fraction_released`: of those near zero
        before. Of the retained: `flips` of the sign, `minima` and `maxima` stepped over, `fraction_flipped`,
        `weight_change` sqrt(sum dw^2) and `mean_abs_change` mean abs(dw). A fraction or mean of none is NaN.

    Raises
    ------
    InputError
        If `threshold` is none of `edges`.
    """
    near = near_zero(edges, threshold)
    retained = counts[..., near, near, :].sum((-3, -2), dtype=np.int64)
    moved = weight_change[..., near, near, :].sum((-3, -2), dtype=np.float64)
    kept, flips = retained.sum(-1), retained[..., 1:].sum(-1)
    released = total(counts[..., near, :, :]) - kept
    return {
        "counted": total(counts),
        "exact_zeros": total(counts[..., :, :1, :]),
        "zeros": total(counts[..., :, near, :]),
        "retained": kept,
        "released": released,
        "fraction_released": fraction(released, kept + released),
        "flips": flips,
        "fraction_flipped": fraction(flips, kept),
        "minima": retained[..., MINIMUM],
        "maxima": retained[..., MAXIMUM],
        "weight_change": np.sqrt(moved[..., 1]),
        "mean_abs_change": fraction(moved[..., 0], kept),
    }


def total(counts):
    """The sum over bins and crossings: (..., bins, bins, 4) to (...)."""
    return counts.sum((-3, -2, -1), dtype=np.int64)


def fraction(part, whole):
    """`part` / `whole` in float64, NaN where both are 0."""
    with np.errstate(invalid="ignore"):
        return np.true_divide(part, whole)
