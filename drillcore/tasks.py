"""What a network is asked for: by task, which losses it may minimise, and which scores say how well it does.

A history has a column for each: the loss and the task's score in training and in the test, its other scores in the test.
"""

from collections.abc import Iterable
from typing import NamedTuple

SCORES = {
    "accuracy": "accuracy",
    "f1": "macro F1",
    "perplexity": "perplexity",
    "r2": "R²",
    "mae": "mean absolute error",
}
"""By the name of a score that of readers."""

FRACTIONS = "accuracy", "f1"
"""The scores from 0 to 1 that share an axis."""


class Task(NamedTuple):
    """The `losses` that can be minimised, the first by default; the `score` of training and test, None where there is none;
    and the test's `others`."""

    losses: tuple[str, ...]
    score: str | None
    others: tuple[str, ...]

    @property
    def scores(self) -> list[str]:
        """All scores of the test, the first one first."""
        return [name for name in (self.score, *self.others) if name]

    def columns(self) -> list[str]:
        """The columns of a history."""
        trained, tested = ["loss", *self.scores[:1]], ["loss", *self.scores]
        return ["epoch", *(f"train_{name}" for name in trained), *(f"val_{name}" for name in tested)]


TASKS = {
    "classification": Task(("cross_entropy", "mse"), "accuracy", ("f1",)),
    "regression": Task(("mse",), "r2", ("mae",)),
    "next_token": Task(("cross_entropy",), "accuracy", ("perplexity",)),
    "reconstruction": Task(("mse",), "r2", ()),
    "loss": Task((), None, ()),
}
"""Classes, numbers, the token after each one, or the inputs themselves; and of a network whose outputs are none of these, a
loss that its user wrote."""


NOUNS = {"images": "image", "features": "sample", "tokens": "text"}
"""By the kind of inputs what readers call one of them."""


def task_of(columns: Iterable[str]) -> str | None:
    """The name of the task whose history has these `columns`, in any order; None where no task's has."""
    columns = set(columns)
    return next((name for name, task in TASKS.items() if set(task.columns()) == columns), None)
