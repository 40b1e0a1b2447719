"""Times and memory of a training, and the peer that keeps lists."""

import resource
import time
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

WARM_UP = 3
"""First steps, in which things are compiled and memory is found: left out."""
THRESHOLD = 1e-7
"""Below which the list-based callback calls a gradient zero."""


class Measured(NamedTuple):
    """Of one training: milliseconds of each step (steps, 2), by the clock and of processor time in all threads; the clock's
    milliseconds of the method's calls in each step, NaN where they are not separate; the peak of memory in bytes; the
    seconds that the end took; the network's parameters and the batch."""

    steps: np.ndarray
    own: np.ndarray
    peak: int
    end: float
    parameters: int
    batch: int


@contextmanager
def timed(times):
    """Append to `times` the milliseconds that the block takes: by the clock, and of processor time in all threads."""
    clock, processor = time.perf_counter(), time.process_time()
    yield
    times.append([(time.perf_counter() - clock) * 1e3, (time.process_time() - processor) * 1e3])


def timing(times, function):
    """`function`, whose every call appends to `times`."""

    def call(*arguments, **named):
        with timed(times):
            return function(*arguments, **named)

    return call


def own_part(times, steps):
    """The milliseconds of the calls of each step after the first ones; NaN where there is not one call a step."""
    times = np.array(times[WARM_UP:])
    return times[:, 0] if len(times) == steps else np.full(1, np.nan)


def peak():
    """The most memory that this process has held, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class ListRecorder:
    """The peer, after the original study's callback: turns every gradient and weight into a Python float at every step,
    and goes through the lists for each statistic. No averages, no other thresholds."""

    def __init__(self):
        self.before = None

    def record(self, gradients, weights):
        """Take in a step's arrays."""
        now = [[value for array in arrays for value in array.flatten().tolist()] for arrays in (gradients, weights)]
        if self.before:
            self.statistics = list_statistics(*self.before, *now, THRESHOLD)
        self.before = now


def list_statistics(g_before, w_before, g_now, w_now, threshold):
    """Zeros, retained, released, flips, minima, maxima, and how far the weights of the retained moved."""
    near_before = [abs(g) <= threshold for g in g_before]
    near_now = [abs(g) <= threshold for g in g_now]
    retained = [before and now for before, now in zip(near_before, near_now, strict=True)]
    released = [before and not now for before, now in zip(near_before, near_now, strict=True)]
    gradient_steps = [now - before for before, now in zip(g_before, g_now, strict=True)]
    weight_steps = [now - before for before, now in zip(w_before, w_now, strict=True)]
    flips = [kept and before * now < 0 for kept, before, now in zip(retained, g_before, g_now, strict=True)]
    slopes = [dw * dg for dw, dg in zip(weight_steps, gradient_steps, strict=True)]
    minima = sum(flip and slope > 0 for flip, slope in zip(flips, slopes, strict=True))
    maxima = sum(flip and slope < 0 for flip, slope in zip(flips, slopes, strict=True))
    moved = sum(dw * dw for dw, kept in zip(weight_steps, retained, strict=True) if kept) ** 0.5
    return sum(near_now), sum(retained), sum(released), sum(flips), minima, maxima, moved
