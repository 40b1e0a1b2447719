"""Whether a replay was the training that it says it was: against what was recorded, and against the checkpoints."""

from typing import NamedTuple

import numpy as np

from drillcore.artifacts.gradients import KINDS, Gradients
from drillcore.base.arrays import row_blocks


class Proof(NamedTuple):
    """What was compared, and what differs.

    `steps` recorded steps of the replay are in the training's gradients.h5 too, of `kinds`; `differing_counts` parameters
    are counted otherwise, first at `first_step`, and `differing_losses` losses of `losses` differ. `differences` are by epoch
    the largest of a weight at its end from the checkpoint, 0 where all bits are equal.
    """

    steps: int
    kinds: tuple[str, ...]
    differing_counts: int
    first_step: int | None
    losses: int
    differing_losses: int
    differences: dict[int, float]

    @property
    def same(self) -> bool:
        """Whether all that was compared is equal, bit for bit."""
        return not (self.differing_counts or self.differing_losses or any(self.differences.values()))

    @property
    def largest_difference(self) -> float:
        """The largest difference of a weight at the end of an epoch, NaN where none ended."""
        return max(self.differences.values(), default=np.nan)

    def sentence(self) -> str:
        """What was compared and what differs, in words."""
        ends = f"the weights after epoch{'s'[: len(self.differences) > 1]} {', '.join(map(str, self.differences))}"
        compared = [
            f"the counts of {self.steps} recorded steps",
            f"{self.losses} losses",
            *[ends] * bool(self.differences),
        ]
        if self.same:
            return f"the same training: {', '.join(compared)} equal what was stored, bit for bit"
        found = []
        if self.differing_counts:
            found.append(f"{self.differing_counts} parameters are counted otherwise, first at step {self.first_step}")
        if self.differing_losses:
            found.append(f"{self.differing_losses} of {self.losses} losses differ")
        for epoch, difference in self.differences.items():
            if difference:
                found.append(f"weights after epoch {epoch} differ by up to {difference:.3g}")
        return (
            f"not the same training to the last bit: {', '.join(found)}; another processor, number of threads or version of "
            "a library rounds otherwise"
        )


def prove(recorded: Gradients, replayed: Gradients, steps_before: int, differences: dict[int, float]) -> Proof:
    """Compare the `Gradients` that a replay recorded anew with those of the training.

    After `steps_before` > 0 steps the averages of gradients are not those of the training, for a state holds none: only
    the counts of the gradients themselves are compared, and those of the same batch.
    """
    kinds = tuple(kind for kind in recorded.kinds if kind == "raw" or kind not in KINDS or not steps_before)
    found = [differing(recorded, replayed, kind) for kind in kinds]
    losses = replayed.loss
    stored = recorded.loss[steps_before : steps_before + len(losses)]
    firsts = [step for _, step in found if step is not None]
    return Proof(
        steps=len(np.intersect1d(recorded.step(), replayed.step())),
        kinds=kinds,
        differing_counts=sum(count for count, _ in found),
        first_step=min(firsts, default=None),
        losses=len(losses),
        differing_losses=int((losses.view(np.uint64) != stored.view(np.uint64)).sum()),
        differences=differences,
    )


def differing(recorded, replayed, kind):
    """How many parameters two files count in different cells at the steps that both have, and the first such step."""
    steps, ours, theirs = np.intersect1d(replayed.step(kind), recorded.step(kind), return_indices=True)
    count, first = 0, None
    for rows in row_blocks(len(steps), 8 * int(np.prod(recorded.counts(kind).shape[1:]))) if len(steps) else []:
        pair = [
            np.asarray(file.counts(kind)[picked[rows]], np.int64)
            for file, picked in ((replayed, ours), (recorded, theirs))
        ]
        moved = np.abs(pair[0] - pair[1]).reshape(len(pair[0]), -1).sum(1) // 2
        if first is None and moved.any():
            first = int(steps[rows][np.flatnonzero(moved)[0]])
        count += int(moved.sum())
    return count, first


def largest_difference(arrays, others):
    """The largest difference of the numbers of two dicts of arrays; 0 only where all bits are equal."""
    largest = 0.0
    for name, array in arrays.items():
        one, other = np.asarray(array), np.asarray(others[name])
        if one.tobytes() != other.tobytes():
            with np.errstate(invalid="ignore"):
                difference = np.abs(one.astype(np.float64) - other.astype(np.float64)).max()
            largest = max(largest, float(difference) if difference > 0 else np.inf)
    return largest
