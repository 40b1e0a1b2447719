"""Defects that are known of other implementations: each is a test that this one passes."""

import numpy as np
import pytest
from scipy import stats

import drillcore
from drillcore import (
    debiased_cka,
    linear_cka,
    minibatch_cka,
    minibatch_matrix,
    procrustes,
    pwcca,
    rsa,
    svcca,
)
from drillcore.similarity.catalogue import MEASURES
from drillcore.similarity.measures.cca import components

EVERY = [*(getattr(drillcore, name) for name in MEASURES), minibatch_cka]


@pytest.fixture
def layers():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((50, 6))
    return X, X @ rng.standard_normal((6, 4)) + rng.standard_normal((50, 4))


def test_a_negative_value_is_not_clamped_away():
    """torch_cka #2, #4, #6, #10: a clamp turns what is below zero into an innocent 0."""
    rng = np.random.default_rng(0)
    pairs = [rng.standard_normal((2, 12, 30)) for _ in range(50)]
    assert min(debiased_cka(*pair) for pair in pairs) < -0.02
    assert min(minibatch_cka(*pair, batch=6) for pair in pairs) < -0.02


@pytest.mark.parametrize("measure", EVERY)
@pytest.mark.parametrize("constant", [0.0, 0.1, 1e6, -3e-7])
def test_a_dead_layer_is_nan_not_zero_nor_one(layers, measure, constant):
    dead = np.full((50, 3), constant)
    assert np.isnan(measure(layers[0], dead))
    assert np.isnan(measure(dead.astype(np.float32), layers[1].astype(np.float32)))
    assert np.isnan(measure(dead, dead))


def test_a_dead_layer_does_not_spoil_the_others(layers):
    matrix = minibatch_matrix([layers[0], np.full((50, 3), 0.1), layers[1]], batch=25)
    assert np.isnan(matrix[1]).all()
    assert np.isnan(matrix[:, 1]).all()
    assert matrix[0, 2] == pytest.approx(minibatch_cka(*layers, batch=25), abs=1e-12)


@pytest.mark.parametrize("measure", EVERY)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_activations_that_are_not_finite_give_nan_and_no_error(layers, measure, bad):
    spoiled = layers[0].copy()
    spoiled[3, 2] = bad
    assert np.isnan(measure(spoiled, layers[1]))


@pytest.mark.parametrize("measure", EVERY)
def test_fewer_than_four_samples_are_nan(layers, measure):
    assert np.isnan(measure(layers[0][:3], layers[1][:3]))
    assert np.isfinite(measure(layers[0][:20], layers[1][:20]))


@pytest.mark.parametrize("factor", [1e-4, 1e4])
def test_svcca_keeps_a_fraction_of_the_variance_whatever_the_scale(layers, factor):
    """ReSi: a cumulative fraction was compared with 0.99 of the total variance, so scaling X changed the result."""
    assert len(components(factor * layers[0]).loadings) == len(components(layers[0]).loadings)
    assert svcca(factor * layers[0], layers[1]) == pytest.approx(svcca(*layers), abs=1e-9)


@pytest.mark.parametrize(("fraction", "kept"), [(0.97, 1), (0.99, 2), (1.0, 2)])
def test_a_spectrum_of_98_and_2_percent_needs_two_components_for_99(fraction, kept):
    """delve counts one."""
    X = np.zeros((8, 2))
    X[:4, 0], X[4:, 0] = 7.0, -7.0
    X[::2, 1], X[1::2, 1] = 1.0, -1.0
    assert len(components(X, fraction).loadings) == kept


def test_pwcca_weights_by_its_first_argument(layers):
    """google/svcca weights by whichever side is narrower."""
    rng = np.random.default_rng(1)
    shared, own = rng.standard_normal((2, 200, 1))
    narrow = np.hstack([shared, rng.standard_normal((200, 1))])
    wide = np.hstack([10 * shared, own, rng.standard_normal((200, 1))])
    assert pwcca(wide, narrow, 1.0) > 0.85
    assert pwcca(narrow, wide, 1.0) < 0.75
    assert pwcca(wide, narrow, 1.0) == pytest.approx(textbook_pwcca(wide, narrow), abs=1e-9)
    assert pwcca(narrow, wide, 1.0) == pytest.approx(textbook_pwcca(narrow, wide), abs=1e-9)


def textbook_pwcca(X, Y):
    """Morcos et al.'s definition by the generalised eigenvalue problem: no SVD, nothing shared with the module."""
    X, Y = X - X.mean(0), Y - Y.mean(0)
    regression = X @ np.linalg.solve(X.T @ X, X.T @ Y) @ np.linalg.solve(Y.T @ Y, Y.T @ X)
    squares, directions = np.linalg.eig(np.linalg.solve(X.T @ X, X.T @ regression))
    best = np.argsort(-squares.real)[: min(X.shape[1], Y.shape[1])]
    projections = X @ directions.real[:, best]
    projections /= np.linalg.norm(projections, axis=0)
    weights = np.abs(projections.T @ X).sum(1)
    return weights @ np.sqrt(squares.real[best]) / weights.sum()


def test_minibatches_count_all_batches_and_average_before_dividing(layers):
    """ckatorch reports the last batch alone; others average CKA, which is biased, in place of HSIC_1."""
    rng = np.random.default_rng(2)
    X = np.vstack([layers[0], rng.standard_normal((50, 6))])
    Y = np.vstack([layers[1], rng.standard_normal((50, 4))])
    last, mean = debiased_cka(X[50:], Y[50:]), (debiased_cka(X[:50], Y[:50]) + debiased_cka(X[50:], Y[50:])) / 2
    value = minibatch_cka(X, Y, batch=50)
    assert abs(value - last) > 0.05
    assert abs(value - mean) > 1e-3
    averages = [np.mean([hsic_1(a[rows], b[rows]) for rows in (slice(50), slice(50, 100))]) for a, b in (
        (X, Y), (X, X), (Y, Y))]  # fmt: skip
    assert value == pytest.approx(averages[0] / np.sqrt(averages[1] * averages[2]), abs=1e-10)


def hsic_1(X, Y):
    """Song et al.'s unbiased estimator, as it is written there."""
    K, L, n = X @ X.T, Y @ Y.T, len(X)
    np.fill_diagonal(K, 0)
    np.fill_diagonal(L, 0)
    value = np.trace(K @ L) + K.sum() * L.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * K.sum(0) @ L.sum(0)
    return value / (n * (n - 3))


def test_more_components_than_samples_are_not_called_alike():
    """With n <= p every correlation is 1 whatever the data; other implementations report it."""
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((2, 20, 40))
    assert np.isnan(svcca(X, Y))
    assert np.isnan(pwcca(X, Y))
    assert svcca(X[:, :5], Y[:, :5]) < 0.8


def test_width_one_is_handled_where_the_measure_is_defined():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 40, 1))
    y += x
    r = stats.pearsonr(x[:, 0], y[:, 0]).statistic
    assert svcca(x, y) == pytest.approx(abs(r))
    assert pwcca(x, y) == pytest.approx(abs(r))
    assert linear_cka(x, y) == pytest.approx(r**2)
    assert procrustes(x, y) == pytest.approx(np.arccos(abs(r)))
    assert np.isnan(rsa(x, y))


def test_a_large_mean_costs_no_precision(layers):
    """float32 Gram matrices of uncentred activations lose what a mean of 1e4 standard deviations leaves."""
    shifted = [np.asarray(layer + 3000, np.float32) for layer in layers]
    exact = [layer.astype(np.float64) for layer in shifted]
    for measure in (linear_cka, debiased_cka, minibatch_cka):
        assert measure(*shifted) == pytest.approx(measure(*(layer - 3000 for layer in exact)), abs=1e-6)
