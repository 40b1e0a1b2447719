"""What the instrument needs of a framework, and which module knows which: the one place that tells frameworks apart."""

import sys
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import Any, NamedTuple, Protocol

import numpy as np

from drillcore.base.errors import InputError
from drillcore.extraction.units import Units
from drillcore.extras import MissingExtra, command, missing, require
from drillcore.frameworks.layers import Observed, Source


class About(NamedTuple):
    """What a framework's `model` is called, and the `libraries` whose versions decide its numbers."""

    model: str
    libraries: tuple[str, ...]


FRAMEWORKS = {
    "torch": About("torch.nn.Module", ("torch",)),
    "keras": About("keras.Model", ("tensorflow", "keras")),
}
"""By the name of a framework, also that of its library, of the module here that knows it, and of its extra."""
MODEL = " or a ".join(about.model for about in FRAMEWORKS.values())
"""What is a model, as text."""


class NotTwiceDifferentiable(InputError):
    """A layer has no second derivative; made of what its framework says of it."""

    def __init__(self, error: BaseException) -> None:
        reason = " ".join(str(error).split()).partition(". ")[0][:200]
        super().__init__(f"The loss cannot be differentiated twice ({reason}): its Hessian is not known.")


GRAPH_BYTES = 160 << 20
"""What the graph of a second derivative may keep in memory: of more samples than fit, parts are taken one after the other."""


def parts_of(inputs: Any, targets: Any, most: int) -> list[tuple[Any, Any, float]]:
    """Parts of some samples, about as large as each other, of at most `most`: inputs, targets, and the share of all.

    >>> [(inputs, share) for inputs, _, share in parts_of([1, 2, 3], [0, 0, 0], 2)]
    [([1, 2], 0.6666666666666666), ([3], 0.3333333333333333)]
    """
    size = -(-len(inputs) // -(-len(inputs) // most))
    begins = range(0, len(inputs), size)
    parts = [(inputs[begin : begin + size], targets[begin : begin + size]) for begin in begins]
    return [(*part, len(part[0]) / len(inputs)) for part in parts]


class LossOfModel:
    """A loss of the model itself and a batch, in place of one of outputs and targets: for what is no answer to a target.

    `function(model, (inputs, targets))` returns a scalar with its graph. Where `answers` is true the model's outputs are
    answers to the targets all the same, and can be scored.
    """

    def __init__(self, function: Callable[[Any, tuple[Any, Any]], Any], answers: bool = True) -> None:
        self.function, self.answers = function, answers

    def __call__(self, model: Any, inputs: Any, targets: Any) -> Any:
        """The loss of a batch."""
        return self.function(model, (inputs, targets))


class Hessian(Protocol):
    """The second derivatives of a mean loss by all trainable weights, at the weights as they were when it was made.

    Samples that do not fit in memory together are taken in parts: the loss is then the mean of theirs, by samples.
    """

    def product(self, vector: np.ndarray) -> np.ndarray:
        """The Hessian times a vector (parameters)."""

    def diagonal(self, entries: list[np.ndarray]) -> list[np.ndarray]:
        """The second derivatives by single weights, float64 (entries) of each tensor; `entries` are flat positions."""


class Surface(Protocol):
    """The loss of a model as a function of its trainable weights, in evaluation mode: batch norm takes its running
    statistics, dropout drops nothing. Vectors are (parameters), float32 or float64, tensor after tensor."""

    shapes: dict[str, tuple[int, ...]]
    """The shapes of the trainable tensors by name, in the order of the vectors."""

    def position(self) -> np.ndarray:
        """The weights."""

    def gradient(self, inputs: Any, targets: Any) -> tuple[float, np.ndarray]:
        """The mean loss of some samples, and its gradient."""

    def squared_norms(self, inputs: Any, targets: Any) -> np.ndarray:
        """The squared norm of the gradient of each sample's loss, float64 (samples)."""

    def evaluate(self, inputs: Any, targets: Any) -> tuple[float, np.ndarray]:
        """The mean loss of some samples, and the model's outputs for them; none where a `LossOfModel` says they are no
        answers."""

    def hessian(self, inputs: Any, targets: Any) -> Hessian:
        """The Hessian of the mean loss; its products are `NotTwiceDifferentiable` where a layer has no second derivative."""

    def move(self, step: np.ndarray) -> None:
        """Add a vector to the weights."""


class Framework(Protocol):
    """What a module of a framework offers."""

    def owns(self, model: Any) -> bool:
        """Whether `model` is one of the framework's."""

    def observe(self, model: Any, inputs: Any) -> Observed:
        """The layers of `model` in its order, with what they return for 2 and 3 of `inputs` in evaluation mode."""

    def stream(
        self, model: Any, batches: Iterable[Any], sources: dict[str, Source], units: Units
    ) -> Iterator[dict[str, np.ndarray]]:
        """For each batch what `units` keep of the outputs of the layers that have `sources`, float32 (batch, ...)."""

    def predict(self, model: Any, batches: Iterable[Any]) -> Iterator[np.ndarray]:
        """For each batch what `model` returns, float32 (batch, ...), in evaluation mode."""

    def weight_matrices(self, model: Any) -> dict[str, np.ndarray]:
        """The weights of `model` that map inputs to outputs, float32 (outputs, inputs), by name."""

    def state_of(self, model: Any, layer: str) -> Any:
        """Copies of all that `layer` has learnt and counted, running statistics included; empty where there is nothing."""

    def restore_state(self, model: Any, layer: str, state: Any) -> None:
        """Give `layer` what `state_of` returned for it."""

    def surface(self, model: Any, loss: Any) -> Surface:
        """The surface of `loss`, a function as the framework has them, over the weights of `model`."""


def known(name: Any) -> str:
    """`name`, if it is that of a framework; an `InputError` refuses any other value."""
    if name not in list(FRAMEWORKS):  # a list: what a file holds need not be hashable
        raise InputError(f"the framework is {name!r}, but should be {' or '.join(FRAMEWORKS)}.")
    return name


def framework(name: str) -> Framework:
    """The module of the framework `name`, loaded only now; an `InputError` refuses what is none."""
    known(name)
    require(name, f"A model of {name}")
    return import_module(f"{__name__}.{name}")


def name_of(model: Any) -> str | None:
    """The name of the framework that `model` is of; None if of none. A library that is not loaded has no models."""
    loaded = (name for name in FRAMEWORKS if name in sys.modules)
    return next((name for name in loaded if framework(name).owns(model)), None)


def framework_of(model: Any) -> Framework:
    """The module of the framework that `model` is of; an `InputError` refuses what is of none."""
    if name := name_of(model):
        return framework(name)
    no_model = f"{type(model).__name__} is no model of {' or '.join(FRAMEWORKS)}"
    if all(map(missing, FRAMEWORKS)):
        raise MissingExtra(f"{no_model}, of which none is installed: run {' or '.join(map(command, FRAMEWORKS))}.")
    raise InputError(f"{no_model}: hand in a {MODEL}.")
