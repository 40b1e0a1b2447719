"""What every function of arrays shares: the checks of what it takes, blocks of rows, an even choice."""

import h5py
import numpy as np

from drillcore.base.errors import InputError


def real_array(values, name="activations"):
    """`values`, a NumPy array, a PyTorch or Keras tensor, or nested lists, as an array of real numbers.

    An HDF5 dataset stays one, which may be larger than memory. An `InputError` says of complex numbers, whose imaginary
    part would be lost, and of what is no number, in one sentence, that `name` should hold others.
    """
    if not isinstance(values, h5py.Dataset):
        values = converted(values, name)
    if values.dtype.kind not in "buif":
        remedy = "take abs, or real and imaginary parts as two" if values.dtype.kind == "c" else "convert them to float"
        raise InputError(f"{name} of type {values.dtype} are not real numbers: {remedy}.")
    return values


def converted(values, name):
    """`values` that are no HDF5 dataset as an array, of a type that NumPy's linear algebra knows where they are real."""
    if hasattr(values, "detach"):  # a PyTorch tensor, on any device and part of any graph
        values = values.detach().cpu()
        values = values.float() if "bfloat16" in str(values.dtype) else values
    try:
        array = np.asarray(values)
    except ValueError:
        raise InputError(f"{name} of rows of different lengths are no array: give each row as many numbers.") from None
    if array.dtype.name == "bfloat16":
        return array.astype(np.float32)
    return array.astype(np.float64) if array.dtype.kind == "f" and array.dtype.itemsize > 8 else array


def samples_by_units(activations):
    """`activations` as a `real_array` that is (samples, units), of at least one sample; an `InputError` refuses others."""
    activations = real_array(activations)
    if len(activations.shape) != 2:
        raise InputError(
            f"activations of shape {activations.shape} are not (samples, units): flatten each sample, or give "
            "get_intermediate_outputs units='flatten' or 'pool'."
        )
    if not activations.shape[0]:
        raise InputError(f"activations of shape {activations.shape} have no samples: give at least one.")
    return activations


def together(layers):
    """Sets of activations as `samples_by_units` takes them, in a list; an `InputError` refuses those of other samples."""
    layers = [samples_by_units(layer) for layer in layers]
    if not layers:
        raise InputError("no layers to compare: give the activations of at least one.")
    for activations in layers:
        if len(activations) != len(layers[0]):
            raise InputError(
                f"layers of {len(layers[0])} and of {len(activations)} samples cannot be compared: a row of each must be "
                "the same sample."
            )
    return layers


def row_blocks(count, row_bytes, budget=64 << 20):
    """Slices that cover `count` rows in blocks of at most `budget` bytes, for reading a dataset larger than memory."""
    step = max(1, budget // max(1, row_bytes))
    return [slice(begin, min(begin + step, count)) for begin in range(0, count, step)]


def evenly(items, most):
    """At most `most` of `items`, evenly spread, the first and the last among them."""
    positions = np.unique(np.linspace(0, len(items) - 1, min(len(items), most)).round().astype(int))
    return [items[position] for position in positions]
