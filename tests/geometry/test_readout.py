"""Readouts against Bayes' accuracy, against what leaving out each sample gives, and without a value where there is none."""

import math

import numpy as np
import pytest

from drillcore import InputError, linear_probe, nearest_class_mean
from drillcore.geometry import readout
from drillcore.geometry.classes import Classes
from drillcore.geometry.coordinates import Coordinates


def gaussians(distance, count, units, seed):
    """Samples of two spherical Gaussians so far apart, and their labels."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    features = random.normal(size=(count, units))
    features[:, 1] += distance * labels
    return features, labels


@pytest.mark.parametrize("distance", [0.5, 1.5, 3.0])
@pytest.mark.parametrize("read", [linear_probe, nearest_class_mean])
def test_two_gaussians_are_told_apart_as_well_as_bayes_does(read, distance):
    """Phi(distance / 2), within three standard errors of 20,000 test samples and what 4,000 training samples cost."""
    found = read(*gaussians(distance, 4000, 5, 0), *gaussians(distance, 20000, 5, 1), shuffles=2)
    best = 0.5 * (1 + math.erf(distance / 2 / math.sqrt(2)))
    assert found.score == pytest.approx(best, abs=0.0125)
    assert found.null.shape == (2,) and found.reason == ""


def test_shuffled_labels_are_read_at_chance():
    features, labels = gaussians(4.0, 400, 5, 0)
    found = linear_probe(features, labels, *gaussians(4.0, 4000, 5, 1), shuffles=40)
    assert found.score > 0.95
    assert found.null.mean() == pytest.approx(0.5, abs=0.15)


def three_classes(count=30, units=5):
    random = np.random.default_rng(3)
    labels = random.integers(0, 3, count)
    return random.normal(size=(count, units)) + 1.2 * np.eye(units)[labels], labels


@pytest.mark.parametrize("penalty", readout.PENALTIES)
@pytest.mark.parametrize("single", [False, True])
def test_leaving_out_in_closed_form_is_fitting_without_each_sample(penalty, single):
    features, labels = three_classes()
    if single:
        labels[-1] = 3
    coordinates, classes = Coordinates(features), Classes(labels)
    rows, penalty = coordinates.rows, penalty * coordinates.variances.mean()
    inverse = 1 / (coordinates.variances + penalty)
    scaled = np.sqrt(classes.sizes)[:, None] * classes.means(rows)
    closed = readout.Discriminant(rows, classes, scaled, inverse, np.square(rows) @ inverse)
    right = sum(left_out(rows, labels, sample, penalty) == labels[sample] for sample in range(len(rows)))
    assert closed.right() == right
    weights, offsets = closed.readout()
    scores = np.array([discriminants(rows, labels, row, penalty, len(np.unique(labels))) for row in rows])
    np.testing.assert_allclose(np.diff(rows @ weights + offsets), np.diff(scores), atol=1e-8 * np.abs(scores).max())


def left_out(rows, labels, sample, penalty):
    """The class that the discriminant of all other samples gives to `sample`."""
    others = np.arange(len(rows)) != sample
    scores = discriminants(rows[others], labels[others], rows[sample], penalty, len(np.unique(labels)))
    return np.unique(labels[others])[np.argmax(scores)]


def discriminants(rows, labels, row, penalty, classes):
    """The score of every class by its definition; the covariance has the freedom of all the `classes`."""
    names = np.unique(labels)
    means = np.array([rows[labels == name].mean(0) for name in names])
    deviations = rows - means[np.searchsorted(names, labels)]
    scatter = deviations.T @ deviations + penalty * np.eye(rows.shape[1])
    away = row - means
    squares = np.einsum("ki,ij,kj->k", away, np.linalg.inv(scatter), away)
    shares = np.array([np.mean(labels == name) for name in names])
    return np.log(shares) - (len(rows) - classes) * squares / 2


def test_a_readout_does_not_change_with_rotation_shift_and_scale():
    random = np.random.default_rng(0)
    train, test = three_classes(60), three_classes(50)
    turn = np.linalg.qr(random.normal(size=(5, 5)))[0]
    for read in (linear_probe, nearest_class_mean):
        plain = read(*train, *test).score
        assert read(1e-20 * train[0] @ turn + 3e-20, train[1], 1e-20 * test[0] @ turn + 3e-20, test[1]).score == plain


def test_more_units_than_samples_are_read_too():
    features, labels = gaussians(6.0, 300, 400, 0)
    assert linear_probe(features[:60], labels[:60], features[60:], labels[60:]).score > 0.9


def test_one_unit_tells_ten_classes_in_a_row_apart():
    """A regression to indicators would hide the inner classes behind the outer ones."""
    labels = np.repeat(np.arange(10), 20)
    features = labels[:, None] + 0.1 * np.random.default_rng(0).normal(size=(200, 1))
    assert linear_probe(features[::2], labels[::2], features[1::2], labels[1::2]).score == 1.0


def test_regression_is_ridge_whose_penalty_leaves_out_best():
    random = np.random.default_rng(0)
    features, weights = random.normal(size=(200, 6)), random.normal(size=(6, 2))
    targets = features @ weights + 0.5 * random.normal(size=(200, 2)) + 7
    found = linear_probe(features[:80], targets[:80], features[80:], targets[80:], shuffles=3)
    train, test, y = features[:80], features[80:], targets[:80]
    spread = np.linalg.eigvalsh(np.cov(train.T, bias=True) * 80).mean()

    def ridge(rows, values, penalty):
        centred = rows - rows.mean(0)
        slope = np.linalg.solve(centred.T @ centred + penalty * np.eye(6), centred.T @ (values - values.mean(0)))
        return lambda other: (other - rows.mean(0)) @ slope + values.mean(0)

    def left_out_error(penalty):
        others = [np.arange(80) != sample for sample in range(80)]
        return sum(np.sum((ridge(train[kept], y[kept], penalty)(train[~kept]) - y[~kept]) ** 2) for kept in others)

    penalty = min(readout.PENALTIES * spread, key=left_out_error)
    residuals = targets[80:] - ridge(train, y, penalty)(test)
    explained = 1 - (residuals**2).sum(0) / ((targets[80:] - targets[80:].mean(0)) ** 2).sum(0)
    assert found.score == pytest.approx(explained.mean(), abs=1e-9)
    assert found.score > 0.8 > 0.3 > found.null.max()


@pytest.mark.parametrize(
    ("features", "labels", "reason"),
    [
        (np.ones((3, 2)), [0, 1, 0], "3 samples, fewer than 4"),
        (np.full((8, 2), 0.1), [0, 1] * 4, "a dead layer: no unit varies"),
        (np.arange(8.0)[:, None], [1] * 8, "one class alone"),
        (np.array([[1.0], [np.nan]] * 4), [0, 1] * 4, "activations that are not finite"),
    ],
)
def test_what_cannot_be_read_has_a_reason_and_no_number(features, labels, reason):
    for read in (linear_probe, nearest_class_mean):
        found = read(features, labels, features, labels, shuffles=2)
        assert np.isnan(found.score) and np.isnan(found.null).all() and found.reason == reason


def test_a_constant_target_of_a_regression_has_no_r2():
    features = np.random.default_rng(0).normal(size=(9, 2))
    found = linear_probe(features, np.arange(9.0), features, np.ones(9))
    assert np.isnan(found.score) and found.reason == "no target varies"


def test_what_does_not_fit_together_is_refused():
    with pytest.raises(InputError, match="training samples of 2 units and test samples of 3 are not of one layer"):
        linear_probe(np.ones((4, 2)), [0, 1, 0, 1], np.ones((4, 3)), [0, 1, 0, 1])
    with pytest.raises(InputError, match="3 targets for 4 samples: give one for each sample"):
        nearest_class_mean(np.ones((4, 2)), [0, 1, 0], np.ones((4, 2)), [0, 1, 0, 1])
