"""Neural collapse against a simplex and against the definitions, written out."""

import numpy as np
import pytest

from drillcore import InputError, neural_collapse
from drillcore.geometry.catalogue import COLLAPSE


def simplex(classes, units, seed=0):
    """The corners of a simplex in a random position, (classes, units)."""
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(units, units)))[0][:classes]
    return (np.eye(classes) - 1 / classes) @ turn


@pytest.mark.parametrize(("classes", "units"), [(3, 3), (4, 20), (10, 12)])
def test_a_simplex_is_collapsed(classes, units):
    means, labels = simplex(classes, units), np.repeat(np.arange(classes), 6)
    found = neural_collapse(5 * means[labels] + 3, labels, 2 * means, labels)
    np.testing.assert_allclose(found[:5], 0, atol=1e-12)
    assert found.reasons == {}


def test_each_property_is_its_definition():
    random = np.random.default_rng(1)
    labels = np.repeat([2, 5, 7, 9], [4, 6, 5, 7])
    features = random.normal(size=(22, 6)) + 2 * random.normal(size=(10, 6))[labels]
    weight, decisions = random.normal(size=(4, 6)), random.permutation(labels)
    found = neural_collapse(features, labels, weight, decisions)
    means = np.array([features[labels == name].mean(0) for name in np.unique(labels)])
    centred = means - means.mean(0)
    deviations = features - means[np.searchsorted(np.unique(labels), labels)]
    within, between = deviations.T @ deviations / 22, centred.T @ centred / 4
    inverse = np.linalg.pinv(between, rcond=1e-10)
    assert np.linalg.matrix_rank(between) == 3
    assert found.nc1 == pytest.approx(np.trace(within @ inverse) / 4, rel=1e-10)
    norms = np.linalg.norm(centred, axis=1)
    assert found.nc2_norms == pytest.approx(norms.std() / norms.mean(), rel=1e-10)
    cosines = [centred[i] @ centred[j] / norms[i] / norms[j] for i in range(4) for j in range(4) if i != j]
    assert found.nc2_angles == pytest.approx(np.mean(np.abs(np.array(cosines) + 1 / 3)), rel=1e-10)
    apart = weight / np.linalg.norm(weight) - centred / np.linalg.norm(centred)
    assert found.nc3 == pytest.approx(np.linalg.norm(apart), rel=1e-10)
    nearest = np.unique(labels)[np.linalg.norm(features[:, None] - means, axis=2).argmin(1)]
    assert found.nc4 == np.mean(nearest != decisions) and 0 < found.nc4 < 1


def test_independent_directions_are_as_far_apart_as_chance_says():
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(10), 20)
    features = random.normal(size=(200, 400)) + random.normal(size=(10, 400))[labels]
    assert neural_collapse(features, labels, random.normal(size=(10, 400))).nc3 == pytest.approx(np.sqrt(2), abs=0.05)


@pytest.mark.parametrize(
    ("features", "labels", "reason"),
    [
        (np.ones((3, 2)), [0, 1, 0], "3 samples, fewer than 4"),
        (np.full((8, 2), 0.1), [0, 1] * 4, "a dead layer: no unit varies"),
        (np.arange(8.0)[:, None], [1] * 8, "one class alone"),
        (np.array([[1.0], [np.inf]] * 4), [0, 1] * 4, "activations that are not finite"),
    ],
)
def test_what_has_no_collapse_has_a_reason_and_no_number(features, labels, reason):
    found = neural_collapse(features, labels, decisions=labels)
    assert np.isnan(found[:5]).all() and found.reasons == dict.fromkeys(COLLAPSE, reason)


def test_what_is_not_known_is_said_of_each_property():
    features = np.random.default_rng(0).normal(size=(12, 1))
    found = neural_collapse(features, [0, 1, 2] * 4)
    assert found.reasons == {
        "nc2_angles": "fewer units than a simplex of the classes has dimensions",
        "nc3": "no weight maps this layer to the classes",
        "nc4": "the network's decisions are not known",
    }
    assert np.isfinite([found.nc1, found.nc2_norms]).all()
    alone = neural_collapse(features[:4], [0, 1, 2, 3], decisions=[0, 1, 2, 3])
    assert alone.reasons["nc1"] == "fewer than two classes of more than one sample" and alone.nc4 == 0
    equal = neural_collapse(np.array([[1.0], [-1.0]] * 4), [0, 0, 1, 1] * 2)
    assert equal.reasons["nc1"] == "the class means do not differ" and np.isnan(equal.nc1)


def test_a_weight_of_another_shape_is_refused():
    with pytest.raises(InputError, match=r"weight of shape \(2, 3\) should be \(2, 2\), a row for each class"):
        neural_collapse(np.ones((4, 2)), [0, 1, 0, 1], np.ones((2, 3)))


def test_of_two_classes_a_simplex_says_nothing():
    found = neural_collapse(np.random.default_rng(0).normal(size=(20, 3)), [0] * 12 + [1] * 8)
    assert np.isfinite(found.nc1) and np.isnan([found.nc2_norms, found.nc2_angles]).all()
    assert found.reasons["nc2_angles"] == "the centred means of two classes are always opposite, and equally long"
