"""All that is measured of one layer at one epoch, with what chance alone gives."""

from typing import NamedTuple

import numpy as np

from drillcore.geometry import collapse as collapses
from drillcore.geometry import readout
from drillcore.geometry.catalogue import COLLAPSE
from drillcore.geometry.classes import Classes
from drillcore.geometry.coordinates import Coordinates, principal_rows
from drillcore.geometry.dimension import Dimension, of_distances, squared_distances, two_nn
from drillcore.similarity.representation import Undefined

NO_CLASSES, NO_TARGETS = "targets that are no classes", "no target for each sample"


class Samples(NamedTuple):
    """What is known of the samples: the targets of the training and of the test samples, or None, the random `orders` of the
    training samples and the `seed` that chance is drawn by, None where it is not drawn, and the classes that the network puts
    these into, or None."""

    targets: np.ndarray | None
    test_targets: np.ndarray | None
    orders: list
    seed: int | None
    decisions: np.ndarray | None = None


class Measured(NamedTuple):
    """By measure its value, what chance gives (draws) and, where it is NaN, the reason; and the intrinsic dimension."""

    scores: dict[str, float]
    nulls: dict[str, np.ndarray]
    reasons: dict[str, str]
    dimension: Dimension


def measure(train, test, all_units, samples, weight=None):
    """Measure a layer's outputs `train` and `test` (samples, units) of the `Samples`.

    `all_units` (samples, dimensions) has the distances of the test samples over all units, of which the others may be a
    subset. `weight` is that of the classifier, (classes, units), where it is this layer that it reads.
    """
    found = Measured({}, {}, {}, two_nn(all_units))
    measure_dimension(found, all_units, samples.seed)
    try:
        coordinates = Coordinates(train)
    except Undefined as reason:
        for name in ("probe", "nearest_mean", *COLLAPSE):
            keep(found, name, np.nan, [], str(reason))
        return found
    if samples.targets is None:
        for name in ("probe", "nearest_mean", *COLLAPSE):
            keep(found, name, np.nan, [], NO_TARGETS)
        return found
    measure_readouts(found, coordinates, coordinates.of(test), samples)
    measure_collapse(found, coordinates, samples, weight)
    return found


def keep(found, name, value, null, reason):
    """Note the `value` of a measure, its `null` and the `reason` why it is NaN."""
    found.scores[name], found.nulls[name] = value, np.asarray(null, np.float64)
    if reason:
        found.reasons[name] = reason


def measure_dimension(found, rows, seed):
    """Note the intrinsic dimension of the `rows` (samples, dimensions), and that of the same spectrum without a shape."""
    drawn = seed is not None and not found.dimension.reason
    null = shuffled_dimension(principal_rows(rows), seed) if drawn else np.nan
    keep(found, "dimension", found.dimension.value, [null], found.dimension.reason)


def measure_readouts(found, coordinates, test, samples):
    """Note the linear probe and, of classes, the nearest class mean."""
    regression = readout.is_regression(samples.targets)
    readouts = {"probe": readout.regress if regression else readout.discriminate, "nearest_mean": readout.nearest}
    for name, read in readouts.items():
        if regression and name == "nearest_mean":
            keep(found, name, np.nan, [], NO_CLASSES)
            continue
        try:
            keep(
                found,
                name,
                *readout.score(read, coordinates, samples.targets, test, samples.test_targets, samples.orders),
            )
        except Undefined as reason:
            keep(found, name, np.nan, [], str(reason))


def measure_collapse(found, coordinates, samples, weight):
    """Note the measures of neural collapse, and those of shuffled labels."""
    try:
        if readout.is_regression(samples.targets):
            raise Undefined(NO_CLASSES)
        whole = collapses.collapse(coordinates, samples.targets, weight, samples.decisions)
        nulls = [collapses.collapse(coordinates, samples.targets[order]) for order in samples.orders]
    except Undefined as reason:
        whole, nulls = collapses.undefined(reason), []
    for name in COLLAPSE:
        value = getattr(whole, name)
        keep(found, name, value, [getattr(null, name) for null in nulls], whole.reasons.get(name, ""))
    found.nulls["nc3"] = np.full(len(nulls), np.sqrt(2))
    if samples.decisions is not None and nulls:
        found.nulls["nc4"] = np.full(len(nulls), unrelated(coordinates, samples))


def unrelated(coordinates, samples):
    """How many samples would go into different classes if the network's decisions had nothing to do with the nearest mean."""
    classes = Classes(samples.targets)
    nearest = collapses.closest(coordinates.rows, classes.means(coordinates.rows))
    shares = np.bincount(nearest, minlength=len(classes.names)) / len(nearest)
    return 1 - shares @ [np.mean(samples.decisions == name) for name in classes.names]


def shuffled_dimension(rows, seed):
    """The intrinsic dimension of samples that have the same spectrum, but no shape: each component is shuffled on its own."""
    return of_distances(squared_distances(np.random.default_rng(seed).permuted(rows, axis=0)))
