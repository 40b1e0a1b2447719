"""Whether the minima that a recorder says were stepped over are real: against chance, the same batch and the Hessian."""

from math import comb
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drillcore.artifacts.curvature import BATCHES, NOT_TAKEN
from drillcore.artifacts.gradients import CROSSINGS, MAXIMUM, MINIMUM, SAME_BATCH, STAYED
from drillcore.base.arrays import row_blocks
from drillcore.recording.chance import ERRORS, compared
from drillcore.recording.threshold import fraction


class Verdict(NamedTuple):
    """The claimed minima and the truth; NaN where it is not known, 0 of 0 where there is nothing to count.

    Of all recorded steps, whatever the size of the gradients: `minima`, the share of minima among flips, `chance`, what
    chance alone calls so, both (tensors + 1), the whole network last, and `z` (tensors + 1), the excess in standard errors.
    `flipped` (2, tensors + 1) is the share of all weights whose gradient turns round, with that of another batch and with
    that of the same: in the recorded steps if the training took the same batch once more, `trained`, or else in steps at
    checkpoints. Of some weights there: `positive` and `counted` (3), along how many of how many
    the Hessian's diagonal is positive: those that step over a minimum with another batch, with the same, and that do
    not flip with another.
    """

    tensors: list[str]
    minima: NDArray[np.float64]
    chance: NDArray[np.float64]
    z: NDArray[np.float64]
    flipped: NDArray[np.float64]
    trained: bool
    positive: NDArray[np.int64]
    counted: NDArray[np.int64]


def verdict(gradients, curvature):
    """The `Verdict` on the minima of `Gradients` and the `CurvatureFile` of the network; None if no step was recorded."""
    if not len(gradients.step()):
        return None
    flips = recorded_flips(gradients)
    found = compared(with_total(flips), gradients.step(), gradients.decay if gradients.has_null else 0.0)
    trained = SAME_BATCH in gradients.kinds
    counts = recorded_crossings(gradients) if trained else crossings_of(curvature, gradients.tensors)
    every, crossed = with_total(counts.sum(-1, keepdims=True)), counts.sum(-1, keepdims=True) - counts[..., [STAYED]]
    return Verdict(
        gradients.tensors,
        *(found[name] for name in ("minima_share", "minima_share_null", "z")),
        fraction(with_total(crossed), every)[..., 0],
        trained,
        *positive_along(curvature.array("diagonal"), *(curvature.array(name) for name in BATCHES)),
    )


def recorded_flips(gradients):
    """Minima and maxima, and of chance its minima and flips, of all sizes: float64 (steps, tensors, 4)."""
    counts = gradients.counts()
    steps, tensors = counts.shape[:2]
    flips = np.zeros((steps, tensors, 4))
    for rows in row_blocks(steps, counts.dtype.itemsize * int(np.prod(counts.shape[1:]))):
        totals = counts[rows].sum((2, 3), dtype=np.float64)
        flips[rows, :, :2] = totals[..., [MINIMUM, MAXIMUM]]
        if gradients.has_null:
            for column, data in ((2, gradients.null_minima()), (3, gradients.null_flips())):
                flips[rows, :, column] = data[rows].sum((2, 3), dtype=np.float64)
    return flips


def recorded_crossings(gradients):
    """The crossings of all recorded steps, with another batch and with the same: (2, tensors, 4)."""
    totals = []
    for kind in ("raw", SAME_BATCH):
        counts = gradients.counts(kind)
        blocks = row_blocks(len(counts), counts.dtype.itemsize * int(np.prod(counts.shape[1:])))
        parts = [counts[rows].sum((0, 2, 3), dtype=np.int64) for rows in blocks]
        totals.append(np.sum(parts, 0) if parts else np.zeros((len(gradients.tensors), CROSSINGS), np.int64))
    return np.array(totals)


def crossings_of(curvature, tensors):
    """The crossings of all steps at checkpoints, of those `tensors`: (2, tensors, 4), 0 of those that are not trained."""
    totals = curvature.array("crossings").sum(0, dtype=np.int64)
    known = {name: totals[:, position] for position, name in enumerate(curvature.tensors)}
    return np.stack([known.get(name, np.zeros_like(totals[:, 0])) for name in tensors], axis=1)


def with_total(values):
    """Values (..., tensors, n) with their sum over the tensors behind them."""
    return np.concatenate([values, values.sum(-2, keepdims=True)], axis=-2)


def positive_along(diagonal, another, same):
    """Along how many weights the `diagonal` (epochs, entries) is positive, and of how many it is known, as `Verdict` says."""
    known = np.isfinite(diagonal) & (another != NOT_TAKEN)
    groups = [known & chosen for chosen in (another == MINIMUM, same == MINIMUM, another == STAYED)]
    return np.array([(diagonal[group] > 0).sum() for group in groups]), np.array([group.sum() for group in groups])


def sentences(found):
    """What a `Verdict` says of the whole network, a plain answer first, in words made of its numbers."""
    return " ".join(filter(None, [answer(found), beside_chance(found), beside_noise(found), beside_control(found)]))


def answer(found):
    """Whether there are more minima than by chance, and how many of the sign changes are noise of batches."""
    (another, same), z = found.flipped[:, -1], found.z[-1]
    text = "Whether there are more than by chance is not known"
    if np.isfinite(z):
        how = (
            "More than chance"
            if z > ERRORS
            else "Less than chance"
            if z < -ERRORS
            else "No difference from chance is seen"
        )
        points = f"{100 * (found.minima[-1] - found.chance[-1]):+.1f}".replace("-", "−")
        text = f"{how} ({points} points)"
    if 0 <= same <= another > 0:
        text += f"; {100 * (1 - same / another):.0f} % of the sign changes are noise of batches"
    return f"{text}."


def beside_chance(found):
    """The share of minima, and that of chance alone."""
    minima, chance, z = found.minima[-1], found.chance[-1], found.z[-1]
    if not np.isfinite([minima, chance]).all():
        return ""
    errors = f": {abs(z):.1f} standard errors apart, a difference needs {ERRORS:.1f}" if np.isfinite(z) else ""
    text = "Of the sign changes of all gradients, whatever their size, over the whole training, "
    return f"{text}{100 * minima:.1f} % count as minima, {100 * chance:.1f} % by chance alone{errors}."


def beside_noise(found):
    """How many gradients change sign with another batch, and how many with the same."""
    if not np.isfinite(found.flipped[:, -1]).all():
        return ""
    another, same = found.flipped[:, -1]
    steps = "In steps of the training" if found.trained else "In steps at checkpoints"
    return f"{steps} {100 * another:.1f} % of the gradients change sign with another batch, {100 * same:.1f} % with the same."


def beside_control(found):
    """Along how many weights the Hessian's diagonal is positive, and whether that tells minima from other weights."""
    if not found.counted.sum():
        return ""
    minima, crossed, stayed = (f"{a} of {b}" for a, b in zip(found.positive, found.counted, strict=True))
    decides = "no difference is seen, so the diagonal decides nothing"
    if more_often(found.positive[[0, 2]], found.counted[[0, 2]]):
        decides = "more often along minima than along the others"
    return (
        f"The Hessian's diagonal is positive along {minima} weights that step over a minimum, {crossed} that do so "
        f"with the same batch, and {stayed} that keep their sign: {decides}."
    )


def more_often(positive, counted):
    """Whether the first of two groups is more often positive than the second: Fisher's exact test, one-sided, at 5 %.

    Entries of one tensor at several checkpoints count as independent, which they are not quite.
    """
    (least, _), every, (drawn, others) = map(int, positive), int(sum(positive)), map(int, counted)
    ways = sum(comb(every, k) * comb(drawn + others - every, drawn - k) for k in range(least, min(every, drawn) + 1))
    return ways / comb(drawn + others, drawn) < 0.05
