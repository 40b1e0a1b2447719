"""How well a linear readout of a layer tells the labels of samples that it was not fitted to."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from drillcore.base.arrays import real_array, samples_by_units
from drillcore.base.errors import InputError
from drillcore.geometry.classes import Classes
from drillcore.geometry.coordinates import Coordinates
from drillcore.similarity.representation import Undefined

PENALTIES = 10.0 ** np.arange(-5, 1)
"""Tried, in mean variances of the principal directions."""


class Readout(NamedTuple):
    """A readout's score on the test samples, the same with shuffled targets, and why there is none."""

    score: float
    null: NDArray[np.float64]
    reason: str


def linear_probe(
    train: ArrayLike,
    targets: ArrayLike,
    test: ArrayLike,
    test_targets: ArrayLike,
    shuffles: int = 0,
    seed: int = 0,
) -> Readout:
    """Read the targets of test samples linearly from a layer, fitted to training samples.

    Labels (integers) are read by linear discriminant analysis with a penalty, scored by the accuracy; real targets by ridge
    regression, scored by R2. Both are in closed form, and so is their leave-one-out cross-validation on the training
    samples, which picks the penalty; of several that are as good, the largest. The readout does not change when the units
    are rotated, shifted or all scaled alike.

    With S the within-class scatter and m_k the means of K classes, the readout of x is the class with the largest
    (n - K) (x - m_k / 2)' (S + penalty)^-1 m_k + log(n_k / n). Without penalty this is Fisher's discriminant; the larger the
    penalty, the nearer it is to the nearest class mean. To leave out a sample changes S by a matrix of rank 1, so that
    Sherman and Morrison's formula gives every left-out sample's readout.

    Parameters
    ----------
    train : array_like (samples, units)
        The layer's outputs for the training samples.
    targets : array_like (samples) or (samples, values)
        Of the training samples. Integers are labels, of any values; real numbers are targets of a regression.
    test : array_like (samples, units)
        The layer's outputs for the test samples.
    test_targets : array_like (samples) or (samples, values)
        Of the test samples.
    shuffles : int
        How many times the readout is fitted to the training samples with their targets permuted: what chance alone scores.
    seed : int
        Of the permutations.

    Returns
    -------
    Readout
        `score` is the accuracy from 0 to 1, or R2, at most 1, its mean over the targets that vary; `null` float64
        (shuffles) the same of permuted targets; `reason` says why `score` is NaN: too few samples, a dead layer, one class
        alone, or activations that are not finite; else it is empty.

    Raises
    ------
    InputError
        If activations are not (samples, units) of as many units, or there is not a target for each sample.

    References
    ----------
    G. Alain and Y. Bengio 2016, "Understanding intermediate layers using linear classifier probes", arXiv 1610.01644.
    T. Hastie, A. Buja and R. Tibshirani 1995, "Penalized discriminant analysis", doi 10.1214/aos/1176324456.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> random = np.random.default_rng(0)
    >>> labels = random.integers(0, 2, 400)
    >>> features = random.normal(size=(400, 5)) + 3 * labels[:, None] * [1, 0, 0, 0, 0]
    >>> probe = drillcore.linear_probe(features[:200], labels[:200], features[200:], labels[200:], shuffles=100)
    >>> round(probe.score, 2), round(float(probe.null.mean()), 1)
    (0.94, 0.5)
    """
    readout = regress if is_regression(targets) else discriminate
    return read(readout, train, targets, test, test_targets, permutations(len(targets), shuffles, seed))


def nearest_class_mean(
    train: ArrayLike,
    labels: ArrayLike,
    test: ArrayLike,
    test_labels: ArrayLike,
    shuffles: int = 0,
    seed: int = 0,
) -> Readout:
    """Read the labels of test samples as those of the nearest mean of the training samples of a class.

    Parameters
    ----------
    train : array_like (samples, units)
        The layer's outputs for the training samples.
    labels : array_like (samples) of int
        Of the training samples, of any values.
    test : array_like (samples, units)
        The layer's outputs for the test samples.
    test_labels : array_like (samples) of int
        Of the test samples.
    shuffles : int
        How many times the means are those of permuted labels: what chance alone scores.
    seed : int
        Of the permutations.

    Returns
    -------
    Readout
        `score` is the accuracy, from 0 to 1; `null` float64 (shuffles) the same of permuted labels; `reason` says why `score`
        is NaN, else it is empty.

    Raises
    ------
    InputError
        If activations are not (samples, units) of as many units, or there is not a label for each sample.

    References
    ----------
    T. Mensink et al. 2013, "Distance-based image classification: generalizing to new classes at near-zero cost",
    doi 10.1109/TPAMI.2013.83.

    Examples
    --------
    >>> import drillcore
    >>> drillcore.nearest_class_mean([[0.0], [1.0], [4.0], [5.0]], [0, 0, 1, 1], [[1.5], [3.5]], [0, 1]).score
    1.0
    """
    return read(nearest, train, labels, test, test_labels, permutations(len(labels), shuffles, seed))


def permutations(count, shuffles, seed):
    """So many random orders of `count` samples, each an array (count)."""
    random = np.random.default_rng(seed)
    return [random.permutation(count) for _ in range(shuffles)]


def is_regression(targets):
    """Whether `targets` are real numbers, not labels."""
    return real_array(targets, "targets").dtype.kind == "f"


def read(readout, train, targets, test, test_targets, orders):
    """The `Readout` of `readout`, a function as `discriminate`, for targets as they are and in each of the `orders`."""
    train, test = samples_by_units(train), samples_by_units(test)
    check(train, targets, test, test_targets)
    try:
        coordinates = Coordinates(train)
        return score(readout, coordinates, targets, coordinates.of(test), test_targets, orders)
    except Undefined as reason:
        return Readout(np.nan, np.full(len(orders), np.nan), str(reason))


def score(readout, coordinates, targets, test, test_targets, orders):
    """As `read`, of a layer's `Coordinates` and of `test` samples in them."""
    targets, test_targets = (real_array(side, "targets")[:] for side in (targets, test_targets))
    if not np.isfinite(test).all():
        raise Undefined("activations that are not finite")
    found = [readout(coordinates, targets[order], test, test_targets) for order in (np.arange(len(targets)), *orders)]
    return Readout(found[0], np.array(found[1:]), "")


def check(train, targets, test, test_targets):
    """Refuse activations and targets that do not fit each other."""
    if train.shape[1] != test.shape[1]:
        raise InputError(
            f"training samples of {train.shape[1]} units and test samples of {test.shape[1]} are not of one layer: give both "
            "the same units."
        )
    for rows, values in ((train, targets), (test, test_targets)):
        if len(real_array(values, "targets")) != len(rows):
            raise InputError(f"{len(values)} targets for {len(rows)} samples: give one for each sample.")


def discriminate(coordinates, labels, test, test_labels):
    """The accuracy on `test` of the linear discriminant whose penalty leave-one-out picks."""
    classes = Classes(labels)
    rows, means = coordinates.rows, classes.means(coordinates.rows)
    scaled = np.sqrt(classes.sizes)[:, None] * means
    penalties = PENALTIES * coordinates.variances.mean()
    inverses = 1 / (coordinates.variances[:, None] + penalties)  # (directions, penalties)
    squares = np.square(rows) @ inverses
    best = max(
        (Discriminant(rows, classes, scaled, *of_penalty) for of_penalty in zip(inverses.T, squares.T, strict=True)),
        key=lambda one: (one.right(), -one.inverse.max()),
    )
    weights, offsets = best.readout()
    chosen = classes.names[np.argmax(test @ (coordinates.directions @ weights) + offsets, axis=1)]
    return float(np.mean(chosen == test_labels))


class Discriminant:
    """Linear discriminant analysis at one penalty, in the rows' coordinates.

    The within-class scatter is the total one, which is diagonal here, less `scaled`' `scaled`, of the class means (classes,
    directions) times the square roots of the classes' sizes: Woodbury's formula inverts it with a matrix (classes, classes).
    `inverse` is that of the diagonal with the penalty, `squares` the rows' squared norms in it.
    """

    def __init__(self, rows, classes, scaled, inverse, squares):
        self.classes, self.inverse = classes, inverse
        self.factor = (scaled * inverse).T  # (directions, classes)
        between = scaled @ self.factor
        self.solved = np.linalg.inv(np.eye(len(scaled)) - between)
        self.roots = np.sqrt(classes.sizes)
        projected = rows @ self.factor
        to_means = projected @ self.solved
        self.norms = squares + np.vecdot(to_means, projected)  # of x in the inverse of the scatter
        self.to_means = to_means / self.roots  # of x with every mean
        self.of_means = between @ self.solved / np.outer(self.roots, self.roots)
        self.freedom = max(1, len(rows) - len(scaled))

    def readout(self):
        """The weights (directions, classes) and offsets (classes) of the readout."""
        weights = self.factor @ self.solved / self.roots
        return self.freedom * weights, np.log(self.classes.shares) - self.freedom * np.diag(self.of_means) / 2

    def right(self):
        """How many of the samples the readout that is fitted to all others puts into their class."""
        number, sizes = self.classes.number, self.classes.sizes
        distances = self.norms[:, None] - 2 * self.to_means + np.diag(self.of_means)
        own = distances[self.classes.samples, number]
        cross = self.norms[:, None] - self.to_means - self.to_means[self.classes.samples, number][:, None]
        cross += self.of_means[number]
        single = sizes[number] == 1  # whose class has no mean without it
        growth = np.where(single, 0.0, sizes[number] / np.maximum(sizes[number] - 1, 1))
        left = growth / (1 - growth * own)
        distances = distances + left[:, None] * np.square(cross)
        distances[self.classes.samples, number] = np.where(single, np.inf, growth * left * own)
        shares = np.broadcast_to(np.log(sizes), distances.shape).copy()
        shares[self.classes.samples, number] = np.log(np.maximum(sizes[number] - 1, 1))
        freedom = max(1, self.freedom - 1)
        return int(np.sum(np.argmax(shares - freedom * distances / 2, axis=1) == number))


def nearest(coordinates, labels, test, test_labels):
    """The accuracy on `test` of the nearest class mean."""
    classes = Classes(labels)
    means = classes.means(coordinates.rows) @ coordinates.directions.T
    return float(np.mean(classes.names[closest(test, means)] == test_labels))


def closest(samples, means):
    """The number of the nearest of the `means` (classes, units) to each of the `samples` (samples, units)."""
    return np.argmax(samples @ means.T - np.vecdot(means, means) / 2, axis=1)


def regress(coordinates, targets, test, test_targets):
    """R2 on `test` of the ridge regression whose penalty leave-one-out picks."""
    targets, test_targets = (values.reshape(len(values), -1) for values in (targets, test_targets))
    varying = np.ptp(test_targets, 0) > 0
    if not varying.any():
        raise Undefined("no target varies")
    rows, mean = coordinates.rows, targets.mean(0)
    along = rows.T @ (targets - mean)
    best = None
    for penalty in PENALTIES[::-1] * coordinates.variances.mean():
        inverse = 1 / (coordinates.variances + penalty)
        weights = inverse[:, None] * along
        leverages = 1 / len(rows) + np.square(rows) @ inverse
        errors = (targets - mean - rows @ weights) / (1 - leverages)[:, None]
        error = np.sum(np.square(errors))
        if best is None or error < best[0]:
            best = error, weights
    residuals = test_targets - mean - test @ (coordinates.directions @ best[1])
    total = np.square(test_targets - test_targets.mean(0)).sum(0)
    return float(np.mean(1 - np.square(residuals).sum(0)[varying] / total[varying]))
