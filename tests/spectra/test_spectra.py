from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drillcore.spectra import (
    components_explaining,
    effective_rank,
    effective_rank_of_variances,
    feature_singular_values,
    numerical_rank,
    participation_ratio,
    product_singular_values,
    stable_rank,
    weight_singular_values,
)

SPECTRUM = np.sqrt([4.0, 2.0, 1.0, 1.0])


def test_ranks_in_closed_form():
    assert participation_ratio(SPECTRUM) == pytest.approx(64 / 22)
    of_variances = np.exp(0.5 * np.log(2) + 0.25 * np.log(4) + 0.25 * np.log(8))
    assert effective_rank_of_variances(SPECTRUM) == pytest.approx(of_variances)
    assert effective_rank_of_variances(SPECTRUM) == pytest.approx(3.36359, abs=5e-6)
    assert stable_rank(SPECTRUM) == pytest.approx(2)
    assert numerical_rank([3.0, 1e-3, 1e-9], 1e-6) == 2


def test_roy_and_vetterli_s_effective_rank_in_closed_form():
    """exp(H(s / S)) = S / prod s^(s/S); of s = 2, sqrt 2, 1, 1 with S = 4 + sqrt 2 the product is 2^(1/2)."""
    assert effective_rank(SPECTRUM) == pytest.approx((4 + np.sqrt(2)) / np.sqrt(2), rel=1e-14)
    assert effective_rank(SPECTRUM) == pytest.approx(1 + 2 * np.sqrt(2), rel=1e-14)


@given(st.integers(1, 50), st.floats(1e-6, 1e6))
def test_equal_directions_count_fully(count, scale):
    for rank in (participation_ratio, effective_rank, effective_rank_of_variances, stable_rank):
        assert rank(np.full(count, scale)) == pytest.approx(count)


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=30), st.floats(1e-3, 1e3))
def test_ranks_are_ordered_and_free_of_scale(values, scale):
    values = np.array(values)
    ascending = (stable_rank, participation_ratio, effective_rank_of_variances, effective_rank)
    ranks = [1, *(rank(values) for rank in ascending), len(values)]
    for smaller, larger in pairwise(ranks):
        assert smaller <= larger * (1 + 1e-9)
    for rank, value in zip(ascending, ranks[1:-1], strict=True):
        assert rank(values * scale) == pytest.approx(value)


def test_a_dead_spectrum_has_no_rank_but_numerical_zero():
    for rank in (participation_ratio, effective_rank, effective_rank_of_variances, stable_rank):
        assert np.isnan(rank(np.zeros(3)))
        assert np.isnan(rank(np.full(3, np.nan)))
    assert numerical_rank(np.zeros(3), 0.0) == 0
    assert np.isnan(numerical_rank(np.full(3, np.nan), np.nan))
    assert components_explaining(np.zeros(3), 0.99) == 0
    assert np.isnan(numerical_rank([1.0, np.nan], 0.5))
    assert np.isnan(components_explaining([1.0, np.nan], 0.99))


def test_a_share_short_of_the_fraction_needs_one_more_component():
    assert components_explaining(np.sqrt([0.98, 0.02]), 0.99) == 2
    assert components_explaining(np.sqrt([0.99, 0.01]), 0.99) == 1
    assert components_explaining([1.0, 1.0, 1.0, 1.0], 0.75) == 3
    assert components_explaining([1.0, 0.0], 1.0) == 1
    assert components_explaining(1e-4 * np.sqrt([0.98, 0.02]), 0.99) == 2


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.integers(1, 40))
def test_features_agree_with_an_svd_of_the_centred_matrix(seed, samples, units):
    features = np.random.default_rng(seed).normal(3, 1, (samples, units)).astype(np.float32)
    expected = np.linalg.svd(features.astype(np.float64) - features.astype(np.float64).mean(0), compute_uv=False)
    values = feature_singular_values(features)
    assert values.shape == expected.shape
    np.testing.assert_allclose(values, expected, atol=1e-6 * expected[0])


def test_small_singular_values_survive_the_gram_matrix():
    generator = np.random.default_rng(0)
    left, right = (np.linalg.qr(generator.normal(size=(n, 6)))[0] for n in (200, 20))
    left -= left.mean(0)
    left = np.linalg.qr(left)[0]
    wanted = 10.0 ** -np.arange(6)
    np.testing.assert_allclose(feature_singular_values(left * wanted @ right.T)[:6], wanted, rtol=1e-4)


@pytest.mark.parametrize("width", [1, 2, 8])
def test_features_behind_a_linear_squeeze_have_at_most_its_rank(width):
    generator = np.random.default_rng(0)
    squeezed = (generator.normal(size=(300, 64)) @ generator.normal(size=(64, width))).astype(np.float32)
    expanded = squeezed @ generator.normal(size=(width, 128)).astype(np.float32) + 1
    values = feature_singular_values(expanded)
    assert numerical_rank(values, 300 * np.finfo(np.float32).eps * values[0]) == width


@pytest.mark.parametrize("shape", [(50, 4), (4, 50)])
@pytest.mark.parametrize("constant", [0.0, 0.1, -3e5])
def test_a_dead_layer_has_a_spectrum_of_zeros(shape, constant):
    assert not feature_singular_values(np.full(shape, constant, np.float32)).any()


def test_what_is_not_finite_has_no_spectrum():
    features = np.ones((5, 3))
    features[2, 1] = np.nan
    assert np.isnan(feature_singular_values(features)).all()
    assert np.isnan(weight_singular_values(features)).all()
    assert np.isnan(product_singular_values(features, np.ones((3, 4)))).all()


def test_weights_are_not_centred():
    assert weight_singular_values(np.ones((3, 4), np.float32))[0] == pytest.approx(np.sqrt(12))
    assert weight_singular_values(np.diag([3.0, 1.0, 2.0])).tolist() == pytest.approx([3, 2, 1])


def test_an_untrained_weight_ends_at_the_marchenko_pastur_edge():
    weight = np.random.default_rng(0).normal(0, 0.5, (300, 500))
    edge = 0.5 * (np.sqrt(300) + np.sqrt(500))
    assert weight_singular_values(weight)[0] == pytest.approx(edge, rel=0.03)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_a_product_s_spectrum_needs_no_product(seed, width):
    generator = np.random.default_rng(seed)
    expand, squeeze = generator.normal(size=(30, width)), generator.normal(size=(width, 20))
    expected = np.linalg.svd(expand @ squeeze, compute_uv=False)[:width]
    np.testing.assert_allclose(product_singular_values(expand, squeeze), expected, atol=1e-10 * expected[0])


@pytest.mark.parametrize("shape", [(40, 7), (7, 40)])
@pytest.mark.parametrize("factor", [1e-300, 1e-160, 1e-30, 1e19, 1e30, 1e160, 1e300])
def test_scale_multiplies_a_spectrum_and_changes_no_rank(shape, factor):
    features = np.random.default_rng(0).normal(1, 1, shape)
    values, scaled = feature_singular_values(features), feature_singular_values(factor * features)
    np.testing.assert_allclose(scaled / factor, values, rtol=1e-12, atol=1e-6)
    for rank in (participation_ratio, effective_rank, effective_rank_of_variances, stable_rank):
        assert rank(factor * values) == pytest.approx(rank(values))
    assert components_explaining(factor * values, 0.9) == components_explaining(values, 0.9)


def test_layers_without_units_or_with_one_huge_sample_have_a_spectrum():
    assert feature_singular_values(np.empty((5, 0))).shape == (0,)
    features = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    features[3] = 1e30
    assert feature_singular_values(features)[0] == pytest.approx(1e30 * np.sqrt(4 * 29 / 30), rel=1e-6)
