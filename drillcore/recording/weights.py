"""The trainable weights that a recorder is handed, PyTorch's or Keras', and their values; it imports neither framework."""

import math
import sys
from collections.abc import Mapping

import numpy as np

from drillcore.base.errors import InputError
from drillcore.frameworks.layers import uncompiled


def trainable(weights):
    """The list of those of `weights` that are trained, and a dict of their names and sizes.

    `weights` are named PyTorch parameters, as pairs or as a mapping, or Keras variables, which know their names.
    """
    try:
        named = weights.items() if isinstance(weights, Mapping) else weights
        pairs = [(name, weight) for name, weight in map(named_weight, named) if is_trained(weight)]
    except (AttributeError, TypeError, ValueError):
        of = f" of {type(weights[0]).__name__}" if isinstance(weights, list | tuple) and weights else ""
        raise InputError(
            "A recorder takes a model's named_parameters(), Keras variables or a mapping of names to sizes, not "
            f"{type(weights).__name__}{of}."
        ) from None
    sizes = {name: math.prod(weight.shape) for name, weight in pairs}
    if len(sizes) < len(pairs):
        raise InputError(f"{len(pairs)} parameters have only {len(sizes)} names: give each a name of its own.")
    return [weight for _, weight in pairs], sizes


def named_weight(item):
    """The name and the weight of a pair of both, or of a Keras variable."""
    name, weight = (item.path.replace("/", "."), item) if hasattr(item, "path") else item
    if not isinstance(name, str):
        raise TypeError
    return uncompiled(name), weight


def is_trained(weight):
    """Whether a PyTorch parameter requires a gradient, or a Keras variable is trainable."""
    return weight.trainable if hasattr(weight, "trainable") else weight.requires_grad


def to_array(values):
    """The values of a tensor as a dense float32 array: of PyTorch's in the tensor's memory where it is float32 on the
    processor, of Keras' tensors and variables in a copy."""
    if isinstance(values, np.ndarray):
        return values.astype(np.float32, copy=False)
    if hasattr(values, "detach"):
        return values.detach().cpu().to_dense().float().numpy()
    values = values.value if hasattr(values, "path") else values
    return sys.modules["keras"].ops.convert_to_numpy(values).astype(np.float32, copy=False)
