"""What an instrument is, and what it sees of a training and of a step."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike


class Training(NamedTuple):
    """What an instrument sees of a training before its first step.

    `model` is that of the framework, `surface` its loss in evaluation mode (see `drillcore.frameworks.Surface`). `shapes`
    are those of the trained tensors by name, in order; `edges` cut abs(gradient) into bins. `probe` are some training
    samples, inputs and targets, the same at every step; `batch_size` is the largest of a batch.
    """

    model: Any
    surface: Any
    shapes: dict[str, tuple[int, ...]]
    edges: list[float]
    probe: tuple[Any, Any]
    batch_size: int


class Step(NamedTuple):
    """What an instrument sees of one step.

    `gradients` and `before` are those of its batch and the weights that they were taken at, `after` the weights after the
    update, arrays by tensor in the tensors' shapes. `inputs` and `targets` are the batch. `again()` returns its gradients at
    the weights after the update, with the same dropout masks; call it after the update alone. `preconditioner`
    (parameters) is what Adam divides by, as its last update left it; None of another optimiser and before the first.
    """

    number: int
    epoch: int
    loss: float
    inputs: Any
    targets: Any
    gradients: list[np.ndarray]
    before: list[np.ndarray]
    after: list[np.ndarray]
    again: Callable[[], Sequence[np.ndarray]]
    preconditioner: np.ndarray | None


class Instrument(Protocol):
    """What measures every step of a window; it changes nothing, and random numbers that it draws are put back.

    A class may say in `frameworks`, a tuple of names, which it serves; without, all.
    """

    def begin(self, training: Training) -> None:
        """Before the first step of the window."""

    def before_update(self, step: Step) -> None:
        """The gradients of `step` are known, the model has the weights before its update; `after` is empty."""

    def after_update(self, step: Step) -> None:
        """The model has the weights after the update."""

    def rows(self) -> dict[str, ArrayLike]:
        """What was measured of the step, a number or an array by name; at every step the same names and shapes."""


def joined(arrays):
    """Arrays of tensors as one vector (parameters), float64."""
    return np.concatenate([np.asarray(array, np.float64).ravel() for array in arrays])
