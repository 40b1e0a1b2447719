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
        self.variances, vectors = principal(centred)
        self.directions = vectors if tall(centred) else centred.T @ vectors / np.sqrt(self.variances)
        self.rows = centred @ self.directions

    def of(self, features):
        """Other `features` (samples, units) in the units of the rows, centred as they are."""
        return np.ldexp(np.asarray(samples_by_units(features)[:], np.float64), -self.exponent) - self.origin


def principal(centred):
    """The variances (directions), descending, and the eigenvectors (side, directions) of the smaller Gram matrix of `centred`
    (samples, units), in which a variance below so many eps of the largest is rounding."""
    variances, vectors = np.linalg.eigh(centred.T @ centred if tall(centred) else centred @ centred.T)
    kept = variances > max(centred.shape) * np.finfo(np.float64).eps * variances[-1]
    return variances[kept][::-1], vectors[:, kept][:, ::-1]


def tall(centred):
    """Whether there are at least as many samples as units, so that the Gram matrix of the units is the smaller one."""
    return centred.shape[0] >= centred.shape[1]


def principal_rows(features):
    """Finite `features` (samples, units) that vary, centred, along their principal directions, float64 (samples,
    directions), all scaled alike."""
    rows = np.asarray(features, np.float64)
    rows = np.ldexp(rows, -np.frexp(np.abs(rows).max())[1])
    centred = rows - rows.mean(0)
    variances, vectors = principal(centred)
    return centred @ vectors if tall(centred) else vectors * np.sqrt(variances)
