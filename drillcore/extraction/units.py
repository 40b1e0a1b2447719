"""Which units of a layer are kept, chosen before anything is copied from the device."""

from collections.abc import Mapping
from copy import copy

import numpy as np

from drillcore.base.arrays import row_blocks
from drillcore.base.errors import InputError
from drillcore.base.names import encoded

POOLED_BYTES = 4 << 20

WAYS = "flatten", "pool", "tokens"
"""Of making units of a layer's outputs, but for those of one token."""

TOKENS = {"first": 0, "last": -1}
"""The numbers of tokens with a name."""


class Units:
    """What is kept of the outputs (batch, ...) of layers, and of which units.

    `how` is "flatten", each value a unit; "pool", each channel a unit, its mean over space or over tokens; {"token": k},
    each channel at the token of that number, "first" or "last", where outputs are (batch, tokens, channels), and each value
    elsewhere; "tokens", each token a sample and each channel a unit, (batch * tokens, units); or None, for outputs in their
    own shape. At most `limit` units of a layer are kept (None: all), a seeded subset of a larger one. `chosen` maps each
    layer seen so far to the indices of its units, or to None where all are kept, `sizes` to how many it has in all.
    `activity`, if there is one, counts over all units, kept or not.
    """

    activity = None

    def __init__(self, how=None, limit=None, seed=0):
        self.token = token_of(how) if isinstance(how, Mapping) else None
        if self.token is None and how not in (None, *WAYS):
            raise InputError(f"units is {how!r}, but should be {', '.join(map(repr, WAYS))}, {{'token': k}} or None.")
        if limit is not None and how is None:
            raise InputError(
                f"max_units is {limit}, but units is None: make it 'flatten' or 'pool', or give no max_units."
            )
        self.how = how if self.token is None else "token"
        self.limit, self.seed, self.chosen, self.sizes = limit, seed, {}, {}

    def unlimited(self):
        """The same without a limit."""
        every = copy(self)
        every.limit, every.chosen, every.sizes = None, {}, {}
        return every

    def at_token(self, output, layer):
        """Of the `output` (batch, tokens, channels) of `layer`, an array of either framework, that of the one token."""
        if not self.has_token(output.shape[1]):
            raise InputError(
                f"units is {{'token': {self.token}}}, but the layer {layer!r} has {output.shape[1]} tokens: choose one."
            )
        return output[:, self.token]

    def has_token(self, tokens):
        """Whether the one token is among so many `tokens`."""
        return -tokens <= self.token < tokens

    def check_tokens(self, shape, layer):
        """Refuse the output of `layer`, of that `shape`, if it is not (batch, tokens, channels)."""
        if len(shape) != 3:
            raise InputError(
                f"The layer {layer!r} returns {list(shape[1:])} for a sample, not a row for each token: choose others."
            )

    def add_totals(self, totals, outputs):
        """Have the activity, if there is one, count the `totals` of a batch whose `outputs` are a dict of arrays."""
        if self.activity:
            self.activity.add(totals, len(next(iter(outputs.values()))))

    def choose(self, layer, units):
        """Indices (ascending) of those of `layer`'s `units` units that are kept, or None for all; at each call the same."""
        self.sizes[layer] = units
        if layer not in self.chosen:
            self.chosen[layer] = choose_units(layer, units, units if self.limit is None else self.limit, self.seed)
        return self.chosen[layer]


def token_of(how):
    """The number of the token that a mapping such as {"token": "last"} names; -1 is the last, -2 the one before it."""
    token = TOKENS.get(how.get("token"), how.get("token"))
    if list(how) != ["token"] or not isinstance(token, int) or isinstance(token, bool):
        raise InputError(f"units is {dict(how)!r}, but should be {{'token': k}} with k 'first', 'last' or a number.")
    return token


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


def check_rows(outputs, count, units):
    """Return `outputs`, a dict of layer to array, or refuse those whose first axis is not that of `count` samples; where
    `units` are those of tokens, that of as many tokens in every layer."""
    rows = count if units.how != "tokens" else max(map(len, outputs.values()))
    for layer, array in outputs.items():
        if array.shape[:1] != (rows,):
            raise InputError(
                f"The layer {layer!r} returns an array {array.shape} of {count} samples, not a row for each"
                f"{' of the tokens that other layers have' if units.how == 'tokens' else ''}: choose others."
            )
    return outputs
