"""The measures of many samples, which multiply in single precision, against `debiased_cka`, which never does."""

import numpy as np
import pytest

from drillcore import debiased_cka, linear_cka, minibatch_cka, minibatch_matrix, stream_cka


def in_one_batch(X, Y):
    return minibatch_cka(X, Y, batch=len(X))


def streamed(X, Y):
    return stream_cka([X, Y], chunk_bytes=10_000).debiased_cka[0, 1]


EVERY = [in_one_batch, streamed]


@pytest.fixture(scope="module")
def layers():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 20))
    return X.astype(np.float32), (X @ rng.standard_normal((20, 30)) + 2 * rng.standard_normal((300, 30))).astype(
        np.float32
    )


def one_image(seed):
    """Layers of 1,000 images, each active for one of them alone."""
    rng = np.random.default_rng(seed)
    made = [np.zeros((1000, units), np.float32) for units in rng.integers(1, 1024, 2)]
    for layer in made:
        layer[rng.integers(1000)] = rng.uniform(0.1, 10, layer.shape[1])
    return made


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(10))
def test_layers_active_for_one_image_alone_are_equidistant_and_so_nan(seed, dtype):
    made = [layer.astype(dtype) for layer in one_image(seed)]
    assert np.isnan(debiased_cka(*made))
    assert np.isnan(stream_cka(made).debiased_cka).all()
    for batch in (100, 500, 1000):
        assert np.isnan(minibatch_matrix(made, batch)).all()


def test_a_layer_of_one_image_leaves_the_others_alone(layers):
    lone = np.zeros((300, 5), np.float32)
    lone[7] = 1
    values = minibatch_matrix([layers[0], lone, layers[1]], 300)
    assert np.isnan(values[1]).all()
    assert np.isnan(values[:, 1]).all()
    assert values[0, 2] == pytest.approx(debiased_cka(*layers), abs=1e-6)


@pytest.mark.parametrize("measure", EVERY)
@pytest.mark.parametrize("exponent", [-145, -130, -110, -85, -65, -45, -20, 20, 35, 39, 41, 50, 62, 64, 80, 100, 120])
def test_the_scale_of_either_layer_changes_nothing(layers, measure, exponent):
    """A power of two is exact until float32 itself has no digits left, and there the layers as stored are the oracle."""
    X, Y = layers
    scaled_x, scaled_y = np.ldexp(X, exponent), np.ldexp(Y, exponent)
    assert measure(scaled_x, Y) == pytest.approx(debiased_cka(scaled_x, Y), abs=1e-6)
    assert measure(X, scaled_y) == pytest.approx(debiased_cka(X, scaled_y), abs=1e-6)
    if exponent > -100:
        assert debiased_cka(scaled_x, Y) == debiased_cka(X, Y)


@pytest.mark.parametrize("measure", EVERY)
@pytest.mark.parametrize("factor", [1e-300, 1e-100, 1e100, 1e300])
def test_nor_does_it_in_double_precision(layers, measure, factor):
    X, Y = (layer.astype(np.float64) for layer in layers)
    assert measure(factor * X, Y) == pytest.approx(debiased_cka(X, Y), abs=1e-12)


@pytest.mark.parametrize("measure", EVERY)
@pytest.mark.parametrize("factor", 10.0 ** np.arange(1, 7))
def test_one_huge_sample_costs_no_digits(layers, measure, factor):
    X, Y = layers[0].copy(), layers[1]
    X[7] *= factor
    assert measure(X, Y) == pytest.approx(debiased_cka(X, Y), abs=1e-6)


@pytest.mark.parametrize("measure", EVERY)
@pytest.mark.parametrize("factor", [1e-30, 1e-10, 1.0, 1e10, 1e30])
def test_a_layer_active_for_few_samples_keeps_its_value(layers, measure, factor):
    """None of the samples from which a batch's scale is taken may be among them."""
    X = np.zeros_like(layers[0])
    X[101:107] = layers[0][101:107] * np.float32(factor)
    assert measure(X, layers[1]) == pytest.approx(debiased_cka(X, layers[1]), abs=1e-6)


def test_streamed_linear_cka_is_that_of_memory_at_any_scale(layers):
    for factor in (1e-30, 1e-15, 1e15, 1e30):
        X = layers[0] * np.float32(factor)
        assert stream_cka([X, layers[1]]).linear_cka[0, 1] == pytest.approx(linear_cka(X, layers[1]), abs=1e-6)


def test_a_first_chunk_far_from_all_others_costs_no_digits(layers):
    X = layers[0].copy()
    X[:50] += 5000
    streams = stream_cka([X, layers[1]], chunk_bytes=50 * 4 * 50)
    assert streams.debiased_cka[0, 1] == pytest.approx(debiased_cka(X, layers[1]), abs=1e-6)
    assert streams.linear_cka[0, 1] == pytest.approx(linear_cka(X, layers[1]), abs=1e-6)
