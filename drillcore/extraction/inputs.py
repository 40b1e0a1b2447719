"""What a model takes: an array with a row for each sample or, of several inputs, a dict or a tuple of such arrays."""

from collections.abc import Callable, Mapping
from typing import Any


def each(inputs: Any, function: Callable) -> Any:
    """What `function` makes of every array of `inputs`, in the same dict or tuple."""
    if isinstance(inputs, Mapping):
        return {name: function(array) for name, array in inputs.items()}
    if isinstance(inputs, tuple):
        return tuple(map(function, inputs))
    return function(inputs)


def arrays(inputs: Any) -> list:
    """The arrays of `inputs`."""
    return list(inputs.values() if isinstance(inputs, Mapping) else inputs if isinstance(inputs, tuple) else [inputs])


def count(inputs: Any) -> int:
    """The number of samples, which is the number of rows of the first array."""
    held = arrays(inputs)
    return len(held[0]) if held else 0


def cycled(inputs: Any, rows: int) -> list[int]:
    """The numbers of so many `rows` of `inputs`, from the first again where it has fewer."""
    return [number % count(inputs) for number in range(rows)]
