"""Which images layers are compared on."""

import numpy as np


def choose_probe(count, samples, seed):
    """Indices of a random sample of at most `samples` of `count` images, the same for the same seed.

    In random order, so that the first of them are a random sample too: images often come sorted by class.
    """
    return np.random.default_rng(seed).choice(count, min(samples, count), replace=False)
