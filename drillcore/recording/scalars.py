"""The step scalars: what the gradient, the weights and the update of a tensor are at a step, in a number each; and spikes."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from drillcore.artifacts.gradients import SCALARS
from drillcore.recording.threshold import fraction

LOG = logging.getLogger("drillcore")

WINDOW, SIGMAS = 128, 6
"""A spike is more than SIGMAS standard deviations above the mean of the last WINDOW values, as to OLMo-core's
StabilityMonitor."""
NAMED = 3
"""How many spikes of a step are named."""


def scalars(sums: np.ndarray) -> np.ndarray:
    """The SCALARS (..., 6) of `sums` (..., 7), as `sum_up` in kernel.py adds them up over the parameters.

    A cosine is NaN where one of the gradients is zero throughout, a curvature where no weight moved; all are NaN or
    infinite where a gradient or a weight is.
    """
    gradient, before, weight, update, product, descent, change = np.moveaxis(sums, -1, 0)
    with np.errstate(invalid="ignore"):
        norms = np.sqrt(gradient) * np.sqrt(before)
    return np.stack(
        [
            np.sqrt(gradient),
            np.sqrt(weight),
            np.sqrt(update),
            fraction(product, norms),
            descent,
            fraction(change, update),
        ],
        -1,
    )


def over_network(values: np.ndarray, step: np.ndarray) -> np.ndarray:
    """The SCALARS (steps, 6) over all tensors from `values` (steps, tensors, 6), at the steps of these numbers.

    The cosine is NaN at a step that does not follow the one before, whose norms it takes.
    """
    gradient, weight, update, cosine, descent, curvature = np.moveaxis(values, -1, 0)
    before = np.full_like(gradient, np.nan)
    before[1:][np.diff(step) == 1] = gradient[:-1][np.diff(step) == 1]
    squares = [np.square(norm).sum(1) for norm in (gradient, before, weight, update)]
    product = np.where(gradient * before == 0, 0, cosine * gradient * before).sum(1)
    change = np.where(update == 0, 0, curvature * update**2).sum(1)
    return scalars(np.stack([*squares, product, descent.sum(1), change], -1))


class Spikes:
    """Finds values that stand out from those of the steps before, and says so in a line a step, whose log record has the
    number of the step as `spike`.

    Attributes
    ----------
    values : float64 array (WINDOW, tensors, SCALARS)
        The last ones, each in the row of its number modulo WINDOW.
    seen : int
        How many steps there were.
    """

    def __init__(self, tensors: Sequence[str]):
        self.tensors, self.seen = list(tensors), 0
        self.values = np.zeros((WINDOW, len(self.tensors), len(SCALARS)))

    def look(self, step: int, values: np.ndarray) -> None:
        """Compare a step's `values` (tensors, SCALARS) with those before, of which they then are."""
        if self.seen >= WINDOW:
            with np.errstate(invalid="ignore"):
                limits = self.values.mean(0) + SIGMAS * self.values.std(0)
            found = np.argwhere(values > limits)
            if len(found):
                LOG.warning(f"step {step}: {self.sentence(found, values, limits)}", extra={"spike": step})
        self.values[self.seen % WINDOW] = values
        self.seen += 1

    def sentence(self, found, values, limits):
        """Which scalars of which tensors, the rows of `found`, are above their limits."""
        named = [
            f"{SCALARS[scalar]} of {self.tensors[tensor]} is {values[tensor, scalar]:.3g}, above {limits[tensor, scalar]:.3g}"
            for tensor, scalar in found[:NAMED]
        ]
        more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
        return f"{'; '.join(named)}{more}: the mean and {SIGMAS} standard deviations of the last {WINDOW}"

    def state(self) -> dict[str, Any]:
        """What the next step is compared with."""
        return {"values": self.values, "seen": self.seen}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        self.values[:], self.seen = state["values"], state["seen"]
