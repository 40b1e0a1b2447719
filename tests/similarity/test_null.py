from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from drillcore import (
    benjamini_hochberg,
    debiased_cka,
    linear_cka,
    noise_floor,
    permutation_null,
    permuted_linear_cka,
)
from drillcore.similarity.measures.cka import u_gram
from drillcore.similarity.null import by_chance, floor_of, shifted_products
from drillcore.similarity.representation import prepare


@pytest.mark.parametrize("samples", [4, 5, 12, 13])
def test_shifted_products_are_debiased_cka_of_rolled_samples(samples):
    rng = np.random.default_rng(samples)
    layers = [rng.standard_normal((samples, p)) for p in (2, 5, 30)]
    products = shifted_products([u_gram(layer) for layer in layers])
    assert products.shape == (samples, 3, 3)
    for shift in range(samples):
        expected = [[debiased_cka(x, np.roll(y, -shift, axis=0)) for y in layers] for x in layers]
        np.testing.assert_allclose(products[shift], expected, atol=1e-12)


def test_p_values_count_shifts_of_the_shuffled_samples():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20, 3))
    Y = rng.standard_normal((20, 2)) + 0.4 * X[:, :1]
    order = np.random.default_rng(7).permutation(20)
    scores = [debiased_cka(X[order], np.roll(Y[order], -shift, axis=0)) for shift in range(20)]
    expected = np.mean(np.array(scores) >= scores[0])
    assert permutation_null([X, Y], permutations=19, seed=7)[0, 1] == pytest.approx(expected)
    assert permutation_null([X, Y], permutations=10**6, seed=7)[0, 1] == pytest.approx(expected)


def test_ties_count_as_exceedances():
    """A permutation that changes nothing but the rounding is as extreme as what was observed."""
    X = np.array([[0.1, 0.2], [0.1, 0.3], [0.7, 0.2], [0.7, 0.3]])
    for seed in range(10):  # a rectangle turned by two of its four corners is the same rectangle
        assert permutation_null([X, X / 3], permutations=3, seed=seed)[0, 1] >= 2 / 4


def test_the_same_seed_gives_the_same_p_values_and_dead_layers_none():
    rng = np.random.default_rng(1)
    layers = [rng.standard_normal((30, 4)), np.zeros((30, 2)), rng.standard_normal((30, 4))]
    first = permutation_null(layers, 15, seed=3)
    np.testing.assert_array_equal(first, permutation_null(layers, 15, seed=3))
    np.testing.assert_array_equal(np.isnan(first), [[False, True, False], [True, True, True], [False, True, False]])
    assert any((first[0, 2] != permutation_null(layers, 15, seed=seed)[0, 2]) for seed in range(4, 9))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.integers(0, 5))
def test_q_values_are_those_of_scipy_and_leave_nan_alone(p_values, untested):
    values = np.array([*p_values, *[np.nan] * untested])[::-1]
    expected = stats.false_discovery_control(p_values[::-1])
    np.testing.assert_allclose(benjamini_hochberg(values)[untested:], expected, atol=1e-12)
    assert np.isnan(benjamini_hochberg(values)[:untested]).all()


def test_q_values_keep_the_shape():
    assert benjamini_hochberg(np.full((2, 3), 0.5)).shape == (2, 3)


def test_the_permuted_floor_is_the_mean_over_all_permutations():
    rng = np.random.default_rng(2)
    X, Y = rng.standard_normal((6, 2)), rng.exponential(size=(6, 3))
    mean = np.mean([linear_cka(X, Y[list(order)]) for order in permutations(range(6))])
    assert permuted_linear_cka([X, Y])[0, 1] == pytest.approx(mean, abs=1e-12)


def test_the_floor_is_the_same_from_the_gram_matrix_that_the_null_is_of():
    rng = np.random.default_rng(4)
    layers = [rng.standard_normal((9, 3)) + 5, np.ones((9, 2)), rng.exponential(size=(9, 20))]
    found = floor_of([prepare(by_chance, layer) for layer in layers])
    np.testing.assert_allclose(found, permuted_linear_cka(layers), rtol=1e-12)


@pytest.mark.parametrize(("n", "p", "q"), [(200, 50, 400), (1000, 30, 30), (50, 500, 100)])
def test_the_noise_floor_is_what_noise_scores(n, p, q):
    rng = np.random.default_rng(3)
    scores = [linear_cka(rng.standard_normal((n, p)), rng.standard_normal((n, q))) for _ in range(20)]
    assert noise_floor(n, p, q) == pytest.approx(np.mean(scores), rel=0.02)
