"""A layer's activations along their principal directions: the work that all readouts of it share."""

import numpy as np

from drillcore.base.arrays import samples_by_units
from drillcore.similarity.representation import Undefined

LEAST_SAMPLES = 4


class Coordinates:
    """The activations `train` (samples, units), centred, along the principal directions in which they vary.

    Attributes
    ----------
    rows : float64 array (samples, directions)
        The samples, in units of a power of two that keeps their squares from overflowing.
    variances : float64 array (directions)
        The sum of the squares of `rows` along each direction, descending.

    Raises
    ------
    Undefined
        If there are too few samples, no unit varies, or an activation is not finite.
    """

    def __init__(self, train):
        train = np.asarray(samples_by_units(train)[:], np.float64)
        if len(train) < LEAST_SAMPLES:
            raise Undefined(f"{len(train)} samples, fewer than {LEAST_SAMPLES}")
        if not np.isfinite(train).all():
            raise Undefined("activations that are not finite")
        self.exponent = np.frexp(np.abs(train).max(initial=0.0))[1]
        train = np.ldexp(train, -self.exponent)
        # Less the first sample a constant unit is exactly zero, whatever the rounding of its mean.
        self.origin = train[0] + (train - train[0]).mean(0)
        centred = train - self.origin
        if not np.ptp(train, 0).any():
            raise Undefined("a dead layer: no unit varies")
        self.variances, self.directions = principal(centred)
        self.rows = centred @ self.directions

    def of(self, features):
        """Other `features` (samples, units) in the units of the rows, centred as they are."""
        return np.ldexp(np.asarray(samples_by_units(features)[:], np.float64), -self.exponent) - self.origin


def principal(centred):
    """The variances (directions), descending, and the directions (units, directions) of `centred` (samples, units).

    From the smaller Gram matrix, in which a variance below so many eps of the largest is rounding.
    """
    samples, units = centred.shape
    tall = units <= samples
    variances, vectors = np.linalg.eigh(centred.T @ centred if tall else centred @ centred.T)
    kept = variances > max(samples, units) * np.finfo(np.float64).eps * variances[-1]
    variances, vectors = variances[kept][::-1], vectors[:, kept][:, ::-1]
    return variances, vectors if tall else centred.T @ vectors / np.sqrt(variances)
