"""Eigenvalues, traces and noise scales of matrices and gradients whose true values are known."""

import numpy as np
import pytest

from drillcore import InputError, hutchinson, lanczos, noise_scale


def symmetric(values, seed=0):
    """A symmetric matrix with these eigenvalues."""
    basis = np.linalg.qr(np.random.default_rng(seed).standard_normal((len(values), len(values))))[0]
    return (basis * values) @ basis.T


def of(matrix, iterations, dtype=np.float64):
    start = np.random.default_rng(1).standard_normal(len(matrix)).astype(dtype)
    return lanczos(lambda vector: (matrix @ vector).astype(dtype), start, iterations)


def test_all_eigenvalues_of_a_small_matrix():
    values = np.linspace(-3, 5, 20)
    found, residuals = of(symmetric(values), 20).ritz()
    np.testing.assert_allclose(found, values, atol=1e-12)
    assert residuals.max() < 1e-10


def test_the_largest_eigenvalue_is_the_largest_signed_not_in_size():
    values = np.concatenate([[-100.0, -40.0], np.linspace(-1, 1, 200), [3.0, 7.0]])
    found, _ = of(symmetric(values), 40).ritz()
    np.testing.assert_allclose(found[[-1, -2, 0]], [7.0, 3.0, -100.0], rtol=1e-9)


def test_an_eigenvalue_that_has_converged_does_not_come_back():
    values = np.concatenate([np.linspace(0, 1, 300), [1000.0]])
    found, _ = of(symmetric(values), 60, np.float32).ritz()
    assert (found > 500).sum() == 1
    basis = of(symmetric(values), 60, np.float32).basis.astype(np.float64)
    np.testing.assert_allclose(basis @ basis.T, np.eye(len(basis)), atol=1e-4)


def test_a_residual_bounds_the_error():
    values = np.sort(np.random.default_rng(2).standard_normal(100))
    found, residuals = of(symmetric(values), 12).ritz()
    nearest = np.abs(values[:, None] - found).min(0)
    assert (nearest <= residuals + 1e-12).all()
    assert residuals.max() > 1e-3  # else the bound says nothing


def test_iteration_ends_where_nothing_is_left():
    assert len(of(symmetric(np.repeat([2.0, 5.0], 10)), 15).alpha) == 2
    krylov = of(np.zeros((6, 6)), 5)
    assert krylov.ritz()[0].tolist() == [0.0]


@pytest.mark.parametrize("start, iterations", [(np.zeros(3), 2), (np.array([np.nan, 1.0]), 2), (np.ones(3), 0)])
def test_a_start_that_is_no_direction_is_refused(start, iterations):
    with pytest.raises(InputError, match="should be positive and finite"):
        lanczos(lambda vector: vector, start, iterations)


@pytest.mark.parametrize("known", [False, True])
def test_the_trace_is_unbiased_and_its_error_honest(known):
    matrix = symmetric(np.concatenate([np.linspace(-1, 1, 58), [30.0, 50.0]]))
    krylov = of(matrix, 12) if known else None
    estimates = [hutchinson(lambda v: matrix @ v, 60, 8, seed, krylov) for seed in range(200)]
    values, errors = np.array(estimates).T
    assert abs(values.mean() - 80) < 4 * values.std() / np.sqrt(200)
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(values.std(), rel=0.15)


def test_what_lanczos_knows_takes_the_variance_of_large_eigenvalues_away():
    matrix = symmetric(np.concatenate([np.linspace(-1, 1, 58), [30.0, 50.0]]))
    plain, deflated = (hutchinson(lambda v: matrix @ v, 60, 8, 0, known) for known in (None, of(matrix, 12)))
    assert deflated.standard_error < plain.standard_error / 5


def test_a_single_probe_tells_no_error():
    assert np.isnan(hutchinson(lambda v: v, 4, 1).standard_error)


def test_the_noise_scale_of_planted_gaussian_gradients():
    random, size, sigma, norm = np.random.default_rng(3), 200, 0.5, 1.0
    mean = np.full(size, norm / np.sqrt(size))
    found = []
    for _ in range(400):
        gradients = mean + sigma * random.standard_normal((32, size))
        found.append(noise_scale(np.square(gradients).sum(1), np.linalg.norm(gradients.mean(0))))
    variance, signal, _ = np.array(found).T
    assert variance.mean() == pytest.approx(size * sigma**2, rel=0.01)
    assert abs(signal.mean() - norm**2) < 4 * signal.std() / np.sqrt(len(found))
    assert variance.mean() / signal.mean() == pytest.approx(50, rel=0.1)


def test_a_signal_that_noise_hides_has_no_scale():
    noise = noise_scale([1.0, 1.0], 0.0)
    assert noise.signal < 0
    assert np.isnan(noise.scale)
