"""What the instrument needs of a framework, and which module knows which: the one place that tells frameworks apart."""

import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any, NamedTuple, Protocol

import numpy as np

from drillcore.base.errors import InputError
from drillcore.extraction.units import Units
from drillcore.extras import MissingExtra, command, missing, require
from drillcore.frameworks.layers import Layer


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


class Framework(Protocol):
    """What a module of a framework offers."""

    def owns(self, model: Any) -> bool:
        """Whether `model` is one of the framework's."""

    def observe(self, model: Any, inputs: Any) -> list[Layer]:
        """The layers of `model` in its order, with what they return for 2 and 3 of `inputs` in evaluation mode."""

    def stream(
        self, model: Any, batches: Iterable[Any], names: list[str], units: Units
    ) -> Iterator[dict[str, np.ndarray]]:
        """For each batch what `units` keep of the outputs of the layers `names`, float32 (batch, ...)."""

    def weight_matrices(self, model: Any) -> dict[str, np.ndarray]:
        """The weights of `model` that map inputs to outputs, float32 (outputs, inputs), by name."""


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
