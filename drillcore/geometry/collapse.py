"""Neural collapse: whether the samples of a class become one point, and the classes a simplex."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from drillcore.base.arrays import samples_by_units
from drillcore.base.errors import InputError
from drillcore.geometry.classes import Classes
from drillcore.geometry.coordinates import Coordinates
from drillcore.geometry.readout import check, closest
from drillcore.similarity.representation import Undefined

NO_DECISIONS, NO_WEIGHT = "the network's decisions are not known", "no weight maps this layer to the classes"


class Collapse(NamedTuple):
    """How far a layer is from neural collapse, 0 in all five where it is complete; NaN with a reason in `reasons`."""

    nc1: float
    nc2_norms: float
    nc2_angles: float
    nc3: float
    nc4: float
    reasons: dict[str, str]


MEASURES = Collapse._fields[:5]


def neural_collapse(
    features: ArrayLike, labels: ArrayLike, weight: ArrayLike | None = None, decisions: ArrayLike | None = None
) -> Collapse:
    """Measure the four properties of neural collapse on training samples.

    Parameters
    ----------
    features : array_like (samples, units)
        The layer's outputs, of training samples.
    labels : array_like (samples) of int
        Their K classes. A class of a single sample counts in `nc4` alone, for nothing varies within it.
    weight : array_like (K, units), optional
        Of the linear map from this layer to the classes' scores, a row for each class in the order of the labels.
    decisions : array_like (samples) of int, optional
        The classes that the network puts the samples into.

    Returns
    -------
    Collapse
        `nc1`, the variation within classes, tr(Sw Sb^+) / K, with Sb^+ the pseudo-inverse of the classes' covariance, of rank
        K - 1 at most; `nc2_norms`, how far the centred class means are from being equally long, the standard deviation of
        their norms over its mean; `nc2_angles`, how far from a simplex, the mean of abs(cos + 1 / (K - 1)) over pairs;
        `nc3`, the distance of the classifier from the class means, norm(W / norm(W) - M / norm(M)), sqrt(2) where they are
        orthogonal; `nc4`, the fraction of samples that the network and the nearest class mean put into other classes.
        `reasons` says of each that is NaN why it is.

    Raises
    ------
    InputError
        If the features are not (samples, units), or there is not a label and a decision for each, or `weight` is not (K,
        units).

    References
    ----------
    V. Papyan, X. Y. Han and D. L. Donoho 2020, "Prevalence of neural collapse during the terminal phase of deep learning
    training", arXiv 2008.08186.

    Examples
    --------
    A simplex of three classes is collapsed.

    >>> import numpy as np
    >>> import drillcore
    >>> means = np.eye(3) - 1 / 3
    >>> labels = np.repeat([0, 1, 2], 4)
    >>> collapse = drillcore.neural_collapse(means[labels], labels, means, labels)
    >>> [round(float(abs(value)), 6) for value in collapse[:5]]
    [0.0, 0.0, 0.0, 0.0, 0.0]
    """
    features = samples_by_units(features)
    check(features, labels, features, labels if decisions is None else decisions)
    if weight is not None and np.shape(weight) != (len(np.unique(labels)), features.shape[1]):
        raise InputError(
            f"weight of shape {np.shape(weight)} should be ({len(np.unique(labels))}, {features.shape[1]}), a row for each "
            "class and a column for each unit."
        )
    try:
        return collapse(Coordinates(features), np.asarray(labels), weight, decisions)
    except Undefined as reason:
        return undefined(reason)


def undefined(reason):
    """A `Collapse` of which nothing is known for one `reason`."""
    return Collapse(*[np.nan] * len(MEASURES), dict.fromkeys(MEASURES, str(reason)))


def collapse(coordinates, labels, weight=None, decisions=None):
    """`neural_collapse` of a layer's `Coordinates`."""
    known = Classes(labels)
    means = known.means(coordinates.rows)
    values = dict.fromkeys(MEASURES, np.nan)
    reasons = {}
    try:
        values |= geometry_of(coordinates, labels)
    except Undefined as reason:
        reasons |= dict.fromkeys(MEASURES[:3], str(reason))
    if np.sum(np.bincount(known.number) > 1) == 2:
        values |= dict.fromkeys(MEASURES[1:3], np.nan)
        reasons = (
            dict.fromkeys(MEASURES[1:3], "the centred means of two classes are always opposite, and equally long")
            | reasons
        )
    if len(known.names) > coordinates.directions.shape[0] + 1:
        values["nc2_angles"] = np.nan
        reasons["nc2_angles"] = "fewer units than a simplex of the classes has dimensions"
    if weight is None:
        reasons["nc3"] = NO_WEIGHT
    else:
        values["nc3"] = duality(means @ coordinates.directions.T, np.asarray(weight, np.float64))
        if not np.isfinite(values["nc3"]):
            reasons["nc3"] = "a weight that is not finite or all zero"
    if decisions is None:
        reasons["nc4"] = NO_DECISIONS
    else:
        chosen = known.names[closest(coordinates.rows, means)]
        values["nc4"] = float(np.mean(chosen != np.asarray(decisions)))
    return Collapse(**values, reasons=reasons)


def geometry_of(coordinates, labels):
    """`nc1`, `nc2_norms` and `nc2_angles` of the classes that have more than one sample, in a dict."""
    _, number, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    repeated = sizes[number] > 1
    if np.sum(sizes > 1) < 2:
        raise Undefined("fewer than two classes of more than one sample")
    classes, rows = Classes(labels[repeated]), coordinates.rows[repeated]
    means = classes.means(rows)
    centred = means - means.mean(0)
    count = len(centred)
    # The centred means have rank count - 1 at most: what is left in the last direction is rounding.
    _, lengths, directions = np.linalg.svd(centred, full_matrices=False)
    kept = lengths[: count - 1] > count * np.finfo(np.float64).eps * max(lengths[0], np.abs(means).max())
    if not kept.any():
        raise Undefined("the class means do not differ")
    deviations = (rows - means[classes.number]) @ directions[: count - 1][kept].T
    within = np.square(deviations).mean(0) / (np.square(lengths[: count - 1][kept]) / count)
    norms = np.linalg.norm(centred, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosines = (centred / norms[:, None]) @ (centred / norms[:, None]).T
    pairs = ~np.eye(count, dtype=bool)
    return {
        "nc1": float(within.sum() / count),
        "nc2_norms": float(norms.std() / norms.mean()),
        "nc2_angles": float(np.abs(cosines[pairs] + 1 / (count - 1)).mean()),
    }


def duality(means, weight):
    """The distance between the directions of the centred class `means` and of the `weight`, both (classes, units)."""
    centred = means - means.mean(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(np.linalg.norm(weight / np.linalg.norm(weight) - centred / np.linalg.norm(centred)))
