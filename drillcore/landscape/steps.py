"""What a step of an optimiser passes over along every coordinate: nothing, a minimum or a maximum of the loss."""

import numpy as np

from drillcore.artifacts.gradients import MAXIMUM, MINIMUM, STAYED, SUMS, UNMOVED

EPSILON = 1e-8
"""What Adam adds to the root of its second moment."""


def plain_step(gradient, optimizer, length):
    """A step (parameters) of that `length`, the norm, in the direction in which `optimizer` goes without any memory.

    That is -g for "sgd" and "momentum", and -g / (abs(g) + 1e-8), the first step of all, for "adam" and "adamw", whose decay
    of the weights is left out.

    >>> import numpy as np
    >>> plain_step(np.array([0.5, -2.0, 0.0, 0.5]), "adam", np.sqrt(3.0)).round(6).tolist()
    [-1.0, 1.0, -0.0, -1.0]
    """
    gradient = gradient.astype(np.float64)
    way = gradient / (np.abs(gradient) + EPSILON) if optimizer.startswith("adam") else gradient
    norm = np.linalg.norm(way)
    with np.errstate(invalid="ignore"):  # of what is not finite
        return -way * (length / norm if norm else 0.0)


def crossings(before, now, moved):
    """Along every coordinate which of the crossings of gradients.h5 a step made, uint8 (parameters), as `transitions` has it.

    `before` and `now` are the gradients before and after weights `moved`. A gradient that is exactly zero or NaN, and a step
    that is not finite, count as a sign that stayed.

    >>> import numpy as np
    >>> crossings(np.array([-1.0, 1.0, 1.0, 1.0]), np.array([1.0, -1.0, 2.0, -1.0]), np.array([0.5, 0.5, 0.5, 0.0])).tolist()
    [1, 2, 0, 3]
    """
    rose, fell, up, down = now > 0, now < 0, moved > 0, moved < 0
    flipped = ((before < 0) & rose | (before > 0) & fell) & np.isfinite(moved)
    minimum, maximum = rose & up | fell & down, rose & down | fell & up
    codes = np.full(len(now), UNMOVED, np.uint8)
    for code, found in ((MINIMUM, minimum), (MAXIMUM, maximum), (STAYED, ~flipped)):
        codes[found] = code
    return codes


def step_crossings(surface, first, second, optimizer, length):
    """What a `plain_step` crosses with the next gradient of another batch, and of the same: two arrays of `crossings`.

    `first` and `second` are batches, each (inputs, targets); the step follows the gradient of the first, and leaves the
    weights of the `Surface` where it leads.
    """
    start, (_, before) = surface.position(), surface.gradient(*first)
    surface.move(plain_step(before, optimizer, length))
    with np.errstate(invalid="ignore"):
        moved = surface.position() - start
    return [crossings(before, surface.gradient(*batch)[1], moved) for batch in (second, first)]


def recorded_lengths(file, epochs):
    """How long the last recorded step of each of `epochs` was in `Gradients`, the norm of the change of all weights; of the
    epoch before training the first one's, and NaN where none was recorded.
    """
    of_step, lengths = file.epoch(), []
    for epoch in epochs:
        steps = np.flatnonzero(of_step == epoch)[-1:] if epoch else np.arange(len(of_step))[:1]
        squares = [file.weight_change()[step][..., SUMS.index("squared")].sum() for step in steps]
        lengths.append(np.sqrt(squares[0]) if squares else np.nan)
    return lengths
