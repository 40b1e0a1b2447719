"""How a sample of features that is no row of a table is drawn: as lines, or as a map."""

import numpy as np

MOST_CHANNELS = 6
"""So many channels are drawn as lines; a signal of more is a map."""


def has_lines(shape: tuple[int, ...]) -> bool:
    """Whether features of a `shape`, (times) or (times, channels), are drawn as a line for each channel."""
    return len(shape) == 1 or (len(shape) == 2 and shape[1] <= MOST_CHANNELS)


def maps(samples: np.ndarray) -> np.ndarray:
    """Features (n, ..., height, width) as maps (n, height, width): of two axes the longer from left to right, of more the
    planes of the last two beside each other.

    Examples
    --------
    >>> import numpy as np
    >>> from drillcore.signals import maps
    >>> maps(np.zeros((5, 30, 8))).shape, maps(np.zeros((5, 3, 8, 10))).shape
    ((5, 8, 30), (5, 8, 30))
    """
    if samples.ndim == 3:
        return samples.swapaxes(1, 2) if samples.shape[1] > samples.shape[2] else samples
    planes = samples.reshape(len(samples), -1, *samples.shape[-2:]).swapaxes(1, 2)
    return planes.reshape(len(samples), samples.shape[-2], -1)
