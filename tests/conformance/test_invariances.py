"""What each measure must not see, and what it must, on arbitrary layers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import drillcore
from drillcore import cknna, debiased_cka, linear_cka, minibatch_cka, mutual_knn, procrustes, pwcca, rbf_cka, rsa, svcca
from drillcore.similarity.catalogue import MEASURES

CATALOGUED = {name: getattr(drillcore, name) for name in MEASURES}
EVERY = [*CATALOGUED.values(), minibatch_cka]
OF_ROWS = [rsa, mutual_knn, cknna]
"""They compare samples without centring the units: Huh et al. 2024 divide each row by its norm, and no more."""
SYMMETRIC = [measure for measure in EVERY if measure is not pwcca]
arbitrary = settings(max_examples=25, deadline=None, derandomize=True)


@st.composite
def layer_pairs(draw):
    """Two related layers of 30 to 60 samples, each of width 3 to 9, and a generator for what is done to them."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, p, q = draw(st.integers(30, 60)), draw(st.integers(3, 9)), draw(st.integers(3, 9))
    X = rng.standard_normal((n, p)) * rng.uniform(0.2, 5, p) + rng.uniform(-3, 3, p)
    return X, np.tanh(X @ rng.standard_normal((p, q))) + rng.standard_normal((n, q)), rng


def rotation(rng, size):
    return np.linalg.qr(rng.standard_normal((size, size)))[0]


def close(value):
    return pytest.approx(value, rel=1e-8, abs=1e-8)


@arbitrary
@given(layer_pairs(), st.sampled_from([1e-100, 1e-3, 7.0, 1e100]))
def test_scale_of_either_side_changes_nothing(pair, factor):
    X, Y, _ = pair
    for measure in EVERY:
        assert measure(factor * X, Y) == close(measure(X, Y)), measure
        assert measure(X, factor * Y) == close(measure(X, Y)), measure


@arbitrary
@given(layer_pairs())
def test_shifts_change_nothing_but_rsa_and_nearest_neighbours(pair):
    X, Y, rng = pair
    shift = rng.uniform(-100, 100, X.shape[1])
    for measure in EVERY:
        if measure not in OF_ROWS:
            assert measure(X + shift, Y) == close(measure(X, Y)), measure
    for measure in OF_ROWS:
        assert measure(X + shift, X) < 1 - 1e-6, measure


@arbitrary
@given(layer_pairs())
def test_rotations_change_nothing_but_rsa_and_the_weights_of_pwcca(pair):
    X, Y, rng = pair
    turned_x, turned_y = X @ rotation(rng, X.shape[1]), Y @ rotation(rng, Y.shape[1])
    for measure in (linear_cka, debiased_cka, rbf_cka, svcca, procrustes, mutual_knn, cknna, minibatch_cka):
        assert measure(turned_x, turned_y) == close(measure(X, Y)), measure
    assert pwcca(X, turned_y) == close(pwcca(X, Y))


@arbitrary
@given(layer_pairs())
def test_the_order_of_units_and_of_samples_changes_nothing(pair):
    X, Y, rng = pair
    units, samples = rng.permutation(X.shape[1]), rng.permutation(len(X))
    for measure in EVERY:
        assert measure(X[:, units], Y) == close(measure(X, Y)), measure
        assert measure(X[samples], Y[samples]) == close(measure(X, Y)), measure


@arbitrary
@given(layer_pairs())
def test_cca_of_the_whole_variance_is_affine_invariant_and_cka_is_not(pair):
    X, Y, rng = pair
    stretched = X @ (rotation(rng, X.shape[1]) * rng.uniform(1, 20, X.shape[1])) + 1
    assert svcca(stretched, Y, 1.0) == pytest.approx(svcca(X, Y, 1.0), abs=1e-9)
    assert svcca(X, stretched, 1.0) == pytest.approx(1, abs=1e-9)
    assert linear_cka(X, stretched) < 1 - 1e-6


@arbitrary
@given(layer_pairs())
def test_only_pwcca_depends_on_which_side_comes_first(pair):
    X, Y, rng = pair
    for measure in SYMMETRIC:
        assert measure(X, Y) == close(measure(Y, X)), measure
    half_shared = np.hstack([X[:, :1], rng.standard_normal((len(X), 2))])
    assert pwcca(half_shared, X, 1.0) != close(pwcca(X, half_shared, 1.0))


@arbitrary
@given(layer_pairs())
def test_a_layer_is_as_like_itself_as_can_be(pair):
    X, _, rng = pair
    for name, measure in CATALOGUED.items():
        assert measure(X, X) == pytest.approx(MEASURES[name].alike, abs=1e-10), name
    assert minibatch_cka(X, X) == pytest.approx(1, abs=1e-10)
    same_shape = 3 * X @ rotation(rng, X.shape[1]) - 2
    assert procrustes(X, same_shape) == pytest.approx(0, abs=1e-12)


@arbitrary
@given(layer_pairs())
def test_ranges_are_kept_without_a_clamp(pair):
    X, Y, _ = pair
    rounding = 1e-12
    for measure in (linear_cka, rbf_cka, svcca, pwcca):
        assert -rounding <= measure(X, Y) <= 1 + rounding, measure
    for measure in (debiased_cka, rsa):
        assert -1 - rounding <= measure(X, Y) <= 1 + rounding, measure
    assert 0 <= procrustes(X, Y) <= np.pi / 2


@arbitrary
@given(layer_pairs(), st.integers(1, 12))
def test_procrustes_obeys_the_triangle_inequality(pair, width):
    X, Y, rng = pair
    Z = rng.standard_normal((len(X), width)) + 0.5 * X[:, :1]
    assert procrustes(X, Y) <= procrustes(X, Z) + procrustes(Z, Y) + 1e-12
    assert procrustes(X, Z) <= procrustes(X, Y) + procrustes(Y, Z) + 1e-12


@arbitrary
@given(layer_pairs())
def test_single_precision_is_enough_for_six_digits(pair):
    X, Y, _ = pair
    X, Y = X.astype(np.float32), Y.astype(np.float32)
    for measure in EVERY:
        assert measure(X, Y) == pytest.approx(measure(X.astype(np.float64), Y.astype(np.float64)), abs=1e-6), measure


@arbitrary
@given(layer_pairs())
def test_rsa_ignores_what_a_sample_adds_to_all_its_units(pair):
    X, Y, rng = pair
    X = np.hstack([X, Y])
    assert rsa(X + rng.uniform(-5, 5, (len(X), 1)), Y) == pytest.approx(rsa(X, Y), abs=1e-6)
