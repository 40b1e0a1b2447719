"""The null of every measure against permutations one by one, and scores relative to it."""

import numpy as np
import pytest

import drillcore
from drillcore import calibrated, null_quantiles
from drillcore.similarity.calibration import PAIRWISE, Permutations
from drillcore.similarity.catalogue import MEASURES
from drillcore.similarity.measures import choose_measures

SAMPLES = 45


@pytest.fixture(scope="module")
def layers():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((SAMPLES, 6)) + 1
    return {
        "a": X,
        "b": X[:, :2] + 0.3 * rng.standard_normal((SAMPLES, 2)),
        "dead": np.ones((SAMPLES, 3)),
        "c": np.tanh(X @ rng.standard_normal((6, 9))),
    }


def one_by_one(layers, others, measure, shifts, order):
    """Scores (permutations, layers, others) with the samples of each other moved, a permutation at a time."""
    compare = getattr(drillcore, measure)
    scores = np.full((len(shifts), len(layers), len(others)), np.nan)
    for number, shift in enumerate(shifts):
        for i, X in enumerate(layers):
            for j, Y in enumerate(others):
                if others is not layers or i != j:
                    scores[number, i, j] = compare(X[order], np.roll(Y[order], -shift, axis=0))
    return scores


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("two_networks", [False, True])
def test_quantiles_are_those_of_permuted_samples(layers, measure, two_networks):
    arrays = list(layers.values())
    chance, method = Permutations(SAMPLES, 39, 3), choose_measures([measure], SAMPLES)[measure]
    shifts = chance.shifts if method.square else chance.both_ways
    assert len(shifts) == chance.count(method) == (39 if method.square else PAIRWISE)
    others = arrays[::-1] if two_networks else arrays
    scores = one_by_one(arrays, others, measure, shifts, chance.order)
    if MEASURES[measure].is_distance:
        scores = -scores
    expected = np.sort(scores, axis=0)[-2 if method.square else -1]
    found = null_quantiles(layers, measure, dict(enumerate(others)) if two_networks else None, permutations=39, seed=3)
    sign = -1 if MEASURES[measure].is_distance else 1
    np.testing.assert_allclose(sign * found.pairs, expected, atol=1e-6)
    filled = np.where(np.isnan(scores), -np.inf, scores)
    for axis, best in ((2, found.best), (1, found.best_other)):
        expected = np.sort(filled.max(axis), axis=0)[-2 if method.square else -1]
        np.testing.assert_allclose(sign * best, np.where(np.isinf(expected), np.nan, expected), atol=1e-6)


@pytest.mark.parametrize("measure", ["linear_cka", "svcca"])
def test_too_few_permutations_have_no_quantile(layers, measure):
    few = {name: layer[:16] for name, layer in layers.items()}
    assert np.isnan(null_quantiles(few, measure).pairs).all()


def test_independent_layers_exceed_their_quantile_as_often_as_it_says():
    rng = np.random.default_rng(1)
    noise = {number: rng.standard_normal((40, 5)) for number in range(40)}
    above = np.triu_indices(40, 1)
    for measure in ("mutual_knn", "debiased_cka"):
        scores = np.asarray(drillcore.similarity_matrix(noise, measure))
        exceed = scores > null_quantiles(noise, measure, permutations=39).pairs
        assert 0.02 < exceed[above].mean() < 0.07


def test_calibrated_scores_are_0_at_the_quantile_and_1_for_the_same():
    np.testing.assert_allclose(calibrated([0.2, 0.6, 1.0, 0.0], 0.2, "rsa"), [0, 0.5, 1, -0.25])
    np.testing.assert_allclose(calibrated([1.2, 0.6, 0.0, 1.5], 1.2, "procrustes"), [0, 0.5, 1, -0.25])


def test_more_samples_than_grams_are_kept_of_have_the_same_quantiles(layers, monkeypatch):
    wanted = {name: null_quantiles(layers, name, permutations=39) for name in ("linear_cka", "debiased_cka")}
    monkeypatch.setattr("drillcore.similarity.measures.MOST_GRAM_SAMPLES", SAMPLES - 1)
    for name, expected in wanted.items():
        np.testing.assert_allclose(null_quantiles(layers, name, permutations=39).pairs, expected.pairs, atol=1e-12)
