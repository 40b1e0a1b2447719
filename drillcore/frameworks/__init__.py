"""What the instrument needs of a framework, and which module knows which: the one place that tells frameworks apart."""

import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any, Protocol

import numpy as np

from drillcore.base.errors import InputError
from drillcore.extraction.units import Units
from drillcore.frameworks.layers import Layer

LIBRARIES = {"torch": "torch", "keras": "keras"}
"""By framework, a module here of the same name, the library whose models it knows."""


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


def framework(name: str) -> Framework:
    """The module of the framework `name`, loaded only now; an `InputError` refuses what is none."""
    if name not in list(LIBRARIES):  # a list: what a file holds need not be hashable
        raise InputError(f"the framework is {name!r}, but should be {' or '.join(LIBRARIES)}.")
    return import_module(f"{__name__}.{name}")


def name_of(model: Any) -> str | None:
    """The name of the framework that `model` is of; None if of none. A library that is not loaded has no models."""
    loaded = (name for name, library in LIBRARIES.items() if library in sys.modules)
    return next((name for name in loaded if framework(name).owns(model)), None)


def framework_of(model: Any) -> Framework:
    """The module of the framework that `model` is of; an `InputError` refuses what is of none."""
    name = name_of(model)
    if not name:
        raise InputError(
            f"{type(model).__name__} is no model of {' or '.join(LIBRARIES)}: hand in a torch.nn.Module or a keras.Model."
        )
    return framework(name)
