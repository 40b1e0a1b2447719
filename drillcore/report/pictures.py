"""Signals and spectrograms as small pictures."""

import math

import numpy as np

from drillcore.base.arrays import row_blocks
from drillcore.colours import HUES
from drillcore.signals import has_lines, maps

HEIGHT, WIDTH = 32, 96
"""Of a picture in pixels, at most."""
WHITE = 255
COPIES = 10
"""About how often the numbers of a sample are in memory while it is drawn."""


def pictures(inputs, like=None):
    """Features (n, times) or (n, ..., channels) as pictures uint8 (n, height, width, 1 or 3).

    Of few channels each is a line, from left to right; else numbers are brighter the higher they are, in a map. Lines and
    brightness go from the lowest to the highest number of `like` (n, ...), by default the inputs themselves.
    """
    low, high = limits(np.asarray(inputs if like is None else like))
    sample_bytes = COPIES * np.dtype(np.float64).itemsize * inputs[0].size  # a long signal takes many times its size
    return np.concatenate([drawn(inputs[rows], low, high) for rows in row_blocks(len(inputs), sample_bytes)])


def drawn(inputs, low, high):
    """The pictures of some inputs, whose numbers are from `low` to `high`."""
    scaled = np.nan_to_num(((np.asarray(inputs, np.float64) - low) / (high - low)).clip(0, 1))
    if has_lines(scaled.shape[1:]):
        return lines(scaled.reshape(*scaled.shape[:2], -1))
    small = shrunk(shrunk(maps(scaled), 1, HEIGHT), 2, WIDTH)
    return np.rint(WHITE * small).astype(np.uint8)[..., None]


def limits(numbers):
    """The lowest and the highest of the `numbers` that are finite, apart from each other."""
    known = numbers[np.isfinite(numbers)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    return low, high if high > low else low + max(1.0, abs(low))


def shrunk(values, axis, most):
    """The means of `values` over even parts of an `axis`, so that `most` are left."""
    size = values.shape[axis]
    begins = np.arange(min(size, most)) * size // min(size, most)
    counts = np.diff(np.append(begins, size)).reshape([-1 if i == axis else 1 for i in range(values.ndim)])
    return np.add.reduceat(values, begins, axis) / counts


def lines(scaled):
    """The channels of signals (n, times, channels) from 0 to 1 as lines, the first on top."""
    count, times, channels = scaled.shape
    finer = 2 * math.ceil(times / WIDTH)  # between two columns, which show from where to where a line goes
    moments = np.linspace(0, times - 1, WIDTH * finer + 1)
    before = moments.astype(int)
    after = (before + 1).clip(max=times - 1)
    image = np.full((count, HEIGHT, WIDTH, 3), WHITE, np.uint8)
    rows = np.arange(HEIGHT)[:, None]
    for channel in reversed(range(channels)):
        signal = scaled[..., channel]
        fine = signal[:, before] + (moments - before) * (signal[:, after] - signal[:, before])
        heights = np.rint((HEIGHT - 1) * (1 - fine))
        both = np.stack([part.reshape(count, 1, WIDTH, finer) for part in (heights[:, :-1], heights[:, 1:])])
        crossed = (rows >= both.min((0, -1))) & (rows <= both.max((0, -1)))
        image[crossed] = list(bytes.fromhex(HUES[channel][1:]))
    return image
