import numpy as np
import pytest

from drillcore import debiased_cka, minibatch_cka, minibatch_matrix


def hsic_1(X, Y):
    """Song et al.'s unbiased estimator, as it is written there."""
    K, L, n = X @ X.T, Y @ Y.T, len(X)
    np.fill_diagonal(K, 0)
    np.fill_diagonal(L, 0)
    value = np.trace(K @ L) + K.sum() * L.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * K.sum(0) @ L.sum(0)
    return value / (n * (n - 3))


@pytest.fixture
def layers():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((130, 7)) + 4
    return [X, X @ rng.standard_normal((7, 20)), np.maximum(rng.standard_normal((130, 50)), 0)]


def test_batches_are_weighted_by_their_pairs_of_samples(layers):
    batches = [slice(0, 40), slice(40, 80), slice(80, 120), slice(120, 130)]
    weights = [n * (n - 3) for n in (40, 40, 40, 10)]
    expected = np.array(
        [[np.average([hsic_1(x[b], y[b]) for b in batches], weights=weights) for y in layers] for x in layers]
    )
    expected /= np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    np.testing.assert_allclose(minibatch_matrix(layers, 40), expected, atol=1e-12)


@pytest.mark.parametrize("rest", [1, 2, 3])
def test_a_rest_of_less_than_four_samples_counts_for_nothing(layers, rest):
    short = [layer[: 120 + rest] for layer in layers]
    np.testing.assert_array_equal(minibatch_matrix(short, 40), minibatch_matrix([x[:120] for x in layers], 40))


def test_one_batch_is_debiased_cka(layers):
    assert minibatch_cka(*layers[:2], batch=1000) == pytest.approx(debiased_cka(*layers[:2]), abs=1e-12)


@pytest.mark.parametrize("factor", [1e-15, 1.0, 1e12])
def test_single_precision_agrees_to_six_digits_at_any_scale(layers, factor):
    single = [np.asarray(factor * layer, np.float32) for layer in layers]
    double = [layer.astype(np.float64) for layer in single]
    np.testing.assert_allclose(minibatch_matrix(single, 50), minibatch_matrix(double, 50), atol=1e-6)


def test_the_result_does_not_depend_on_the_number_of_threads(layers, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    alone = minibatch_matrix(layers, 20)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    np.testing.assert_array_equal(minibatch_matrix(layers, 20), alone)


def test_batches_too_small_for_hsic_are_refused(layers):
    with pytest.raises(ValueError, match="batch is 3"):
        minibatch_cka(*layers[:2], batch=3)


def test_the_order_of_memory_and_integers_change_nothing(layers):
    expected = minibatch_matrix(layers, 50)
    np.testing.assert_allclose(minibatch_matrix([np.asfortranarray(x) for x in layers], 50), expected, atol=1e-12)
    np.testing.assert_allclose(minibatch_matrix([x[:, ::-1] for x in layers], 50), expected, atol=1e-12)
    rounded = [np.rint(4 * x).astype(np.int32) for x in layers]
    np.testing.assert_allclose(
        minibatch_matrix(rounded, 50), minibatch_matrix([x.astype(np.float64) for x in rounded], 50), atol=1e-12
    )


def test_a_layer_without_units_is_nan(layers):
    values = minibatch_matrix([layers[0], np.empty((130, 0))], 50)
    assert np.isnan(values[1]).all()
    assert values[0, 0] == pytest.approx(1)
