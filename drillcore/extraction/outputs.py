"""The outputs of a model's layers, whichever of the two frameworks it is from."""

import logging
from collections.abc import Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from drillcore.base.errors import InputError
from drillcore.extraction.inputs import count, each
from drillcore.extraction.units import Units
from drillcore.frameworks import framework_of
from drillcore.frameworks.layers import enumerated, pick

LOG = logging.getLogger("drillcore")


def get_intermediate_outputs(
    model: Any,
    images: ArrayLike,
    layers: str | Sequence[str] = "blocks",
    batch_size: int = 256,
    units: str | Mapping[str, str | int] | None = None,
    max_units: int | None = None,
    seed: int = 0,
) -> dict[str, NDArray[np.float32]]:
    """Return the output of every chosen layer of a model for some images, in evaluation mode.

    Parameters
    ----------
    model : torch.nn.Module or keras.Model
        What torch.compile has compiled gives the outputs, and has the layers' names, that it had before. The layers of a
        subclassed Keras model are its attributes and those in lists of its.
    images : array_like (n, ...), or a dict or tuple of them
        As the model takes them: images, features or tokens, NumPy or the framework's own. A dict gives several inputs by
        the names of a PyTorch model's arguments or of a Keras model's inputs, a tuple by their order.
    layers : "blocks", "all", or a sequence of names and patterns (`layer?.*`)
        "blocks" are the top layers of a PyTorch model and the layers with weights of a Keras one; "all" are the PyTorch
        modules that hold no others and every layer of a Keras one; either leaves out what the model never calls. A PyTorch
        container that is never called, one that holds the whole network, the trunk of a transformer, which holds its list
        of blocks, and a Keras model within the model are replaced by the layers in them; in Keras they are named as
        `backbone/conv1`. Of a layer that returns a tuple or a dict the first tensor with a row for each sample has the
        layer's name; the others are picked as `attn[1]` (as a rule the attention weights) or `bert[pooler_output]`.
    batch_size : int
        Images that the model gets at a time.
    units : None, "flatten", "pool", "tokens" or {"token": k}
        None gives outputs in their own shape, "flatten" (n, units) with each value a unit, "pool" (n, channels): the
        means over space of (n, channels, height, width) in PyTorch and (n, height, width, channels) in Keras, and over
        tokens of (n, tokens, channels) in both, accumulated in float64. {"token": k} takes of (n, tokens, channels) the
        token of that number, "first" or "last", and of other shapes each value. "tokens" makes every token a sample,
        (n * tokens, channels), one sequence after the other, and refuses layers of another shape.
    max_units : int, optional
        Keep at most so many units of each layer, a random subset drawn from `seed` and the layer's name, the same
        that `activations` stores. Only what is kept is copied from the model's device. Needs `units`.
    seed : int
        Of the choice of units.

    Returns
    -------
    dict of str to float32 array (n, ...), (n, units) or (n * tokens, units)
        In the model's own order. Each is a copy: what a later layer does in place does not reach it. A layer that the
        model calls more than once gives its last output.

    Raises
    ------
    InputError
        If a name or pattern matches no layer, or one that is never called or has no output of real numbers whose rows
        follow the number of images, as 2 and 3 of them show ("blocks" and "all" leave such a layer out, and a line in the
        log of `drillcore` says why); if none is picked; for no images, other words than those above, `max_units` without
        `units`, and a model in TorchScript or from torch.export.

    Examples
    --------
    >>> import torch
    >>> import drillcore
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    >>> outputs = drillcore.get_intermediate_outputs(model, torch.ones(5, 4))
    >>> {layer: array.shape for layer, array in outputs.items()}
    {'0': (5, 3), '1': (5, 3), '2': (5, 2)}
    """
    samples = count(images)
    if not samples:
        raise InputError("images holds none: give at least one.")
    parts_of_all = (slice(begin, begin + batch_size) for begin in range(0, samples, batch_size))
    batches = (each(images, itemgetter(rows)) for rows in parts_of_all)
    parts = list(stream_outputs(model, batches, layers, Units(units, max_units, seed)))
    return {layer: np.concatenate([part[layer] for part in parts]) for layer in parts[0]}


def stream_outputs(model, batches, layers, units):
    """Iterate over what `get_intermediate_outputs` returns for all, of each batch of images, one in memory at a time.

    `units` are the `Units` to keep.
    """
    framework = framework_of(model)
    batches = iter(batches)
    first = next(batches)
    observed = framework.observe(model, first)
    sources = {name: observed.sources[name] for name in choose(observed.layers, layers)}
    return framework.stream(model, chain([first], batches), sources, units)


def choose(observed, layers):
    """Names of those of the `observed` layers, as `Layer`, that `layers` picks.

    An `InputError` refuses names and patterns of layers without an output; "blocks" and "all" leave these out.
    """
    if not observed:
        raise InputError("The network has no layers within it: wrap it in one that has, as in Sequential.")
    kinds, shapes = {layer.name: layer.kind for layer in observed}, {layer.name: layer.shape for layer in observed}
    words = isinstance(layers, str)
    for wanted in [] if words else layers:
        if not pick(kinds, [wanted]):
            raise InputError(f"No layer matches {wanted!r}; the network has {enumerated(kinds, wanted)}.")
    names = pick(kinds, layers)
    without = [name for name in names if isinstance(shapes[name], str)]
    if without and (len(without) == len(names) or not words):
        raise InputError(f"The layer {without[0]!r} {shapes[without[0]]}: choose others.")
    if without:
        LOG.warning("left out: %s", enumerated(f"{name}, which {shapes[name]}" for name in without))
    if not names:
        raise InputError(f"layers is {layers!r}, which picks none; the network has {enumerated(kinds)}.")
    return [name for name in names if name not in without]
