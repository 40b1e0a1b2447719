"""Which units of a layer are kept, chosen before anything is copied from the device."""

import numpy as np

from drillcore.base.arrays import row_blocks
from drillcore.base.errors import InputError
from drillcore.base.names import encoded

POOLED_BYTES = 4 << 20


class Units:
    """What is kept of the outputs (batch, ...) of layers, and of which units.

    `how` is "flatten", each value a unit; "pool", each channel a unit, its mean over space or over tokens; or None, for
    outputs in their own shape. At most `limit` units of a layer are kept (None: all), a seeded subset of a larger one.
    `chosen` maps each layer seen so far to the indices of its units, or to None where all are kept. `activity`, if there is
    one, counts over all units, kept or not.
    """

    activity = None

    def __init__(self, how=None, limit=None, seed=0):
        if how not in (None, "flatten", "pool"):
            raise InputError(f"units is {how!r}, but should be 'flatten', 'pool' or None.")
        if limit is not None and how is None:
            raise InputError(
                f"max_units is {limit}, but units is None: make it 'flatten' or 'pool', or give no max_units."
            )
        self.how, self.limit, self.seed, self.chosen = how, limit, seed, {}

    def choose(self, layer, units):
        """Indices (ascending) of those of `layer`'s `units` units that are kept, or None for all; at each call the same."""
        if layer not in self.chosen:
            self.chosen[layer] = choose_units(layer, units, units if self.limit is None else self.limit, self.seed)
        return self.chosen[layer]


def choose_units(layer, units, limit, seed):
    """Indices (ascending) of the at most `limit` of `units` units that are stored of `layer`, or None for all.

    They depend on the seed and the layer's name alone, so they are the same units at every epoch.
    """
    if units <= limit:
        return None
    generator = np.random.default_rng([seed, *encoded(layer)])
    return np.sort(generator.choice(units, limit, replace=False)).astype(np.int32)


def pooled_blocks(count, values):
    """Slices of about `count` rows of so many `values` each, in which a layer is pooled; the last takes all that are left.

    Either framework makes a float64 copy of what it sums in float64: a small one stays in the processor's cache.
    """
    blocks = row_blocks(count, 8 * values, POOLED_BYTES)
    return [*blocks[:-1], slice(blocks[-1].start, None)]


def check_rows(outputs, count):
    """Return `outputs`, a dict of layer to array, or refuse those whose first axis is not that of `count` images."""
    for layer, array in outputs.items():
        if array.shape[:1] != (count,):
            raise InputError(
                f"The layer {layer!r} returns an array {array.shape} of {count} images, not a row for each: choose others."
            )
    return outputs
