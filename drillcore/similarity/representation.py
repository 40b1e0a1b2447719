"""A layer's activations, checked, scaled and centred: where every measure begins."""

import numpy as np

from drillcore.base.arrays import together

LEAST_SAMPLES = 4


class Undefined(ValueError):
    """A measure has no value for a layer; the message says why."""


def varying(X):
    """Return X (samples, units) as float64, less its first sample and divided by a power of two so that abs(X) <= 1.

    A constant unit becomes exactly zero, whatever its value; the fourth powers that the measures take neither overflow
    nor underflow, and the division is exact. Raises `Undefined` where nothing can be measured.
    """
    X = np.asarray(X, np.float64)
    if len(X) < LEAST_SAMPLES:
        raise Undefined(f"{len(X)} samples, fewer than {LEAST_SAMPLES}")
    if not np.isfinite(X).all():
        raise Undefined("activations that are not finite")
    shifted = X - X[0]
    largest = np.abs(shifted).max(initial=0.0)
    if largest == 0:
        raise Undefined("a dead layer: no unit varies")
    return scaled(shifted, largest)


def scaled(X, largest):
    """X divided by the power of two that brings `largest` into [0.5, 1)."""
    return np.ldexp(X, -np.frexp(largest)[1])


def centred(X):
    """Return X (samples, units) as `varying` does, every unit's mean taken off."""
    shifted = varying(X)
    return shifted - shifted.mean(0)


def prepare(work, X):
    """What `work` makes of the activations X, or the `Undefined` that says why there is nothing."""
    try:
        return work(X)
    except Undefined as reason:
        return reason


def value(work, compare, X, Y):
    """One measure of two layers as a float: `compare` of what `work` makes of each; NaN where it is undefined."""
    X, Y = together([X, Y])
    return float(matrix(compare, [prepare(work, X)], [prepare(work, Y)])[0, 0])


def matrix(compare, a, b=None):
    """`compare` of all layers of `a` with all of `b` (of `a` itself by default), both as `prepare` returned them.

    Returns float64 (len(a), len(b)), NaN in the rows and columns of undefined layers.
    """
    rows = [index for index, layer in enumerate(a) if not isinstance(layer, Undefined)]
    columns = rows if b is None else [index for index, layer in enumerate(b) if not isinstance(layer, Undefined)]
    values = np.full((len(a), len(a if b is None else b)), np.nan)
    if rows and columns:
        left = [a[index] for index in rows]
        values[np.ix_(rows, columns)] = compare(left, left if b is None else [b[index] for index in columns])
    return values


def each_pair(measure, a, b):
    """`measure` of every layer of `a` with every one of `b`; a symmetric measure, so half of it where `b` is `a`."""
    values = np.empty((len(a), len(b)))
    for row, left in enumerate(a):
        for column, right in enumerate(b):
            mirrored = a is b and column < row
            values[row, column] = values[column, row] if mirrored else measure(left, right)
    return values
