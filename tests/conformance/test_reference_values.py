"""Published constants, and what noise must score in closed form."""

import numpy as np
import pytest

from drillcore import debiased_cka, linear_cka, noise_floor, permuted_linear_cka, rbf_cka
from drillcore.similarity.measures.cca import Components, overlap


def canonical_correlations(X, Y):
    bases = [np.linalg.qr(side)[0] for side in (X, Y)]
    return np.linalg.svd(overlap(*(Components(basis, None, None) for basis in bases)), compute_uv=False)


@pytest.fixture(scope="module")
def kornblith():
    state = np.random.RandomState(1337)
    X = state.randn(100, 10)
    return X, state.randn(100, 10) + X


@pytest.mark.parametrize(
    ("measure", "expected"),
    [(linear_cka, 0.55761), (rbf_cka, 0.65483), (debiased_cka, 0.51346)],
    ids=["linear_cka", "rbf_cka", "debiased_cka"],
)
def test_constants_of_the_reference_implementation(kornblith, measure, expected):
    assert measure(*kornblith) == pytest.approx(expected, abs=5e-6)


def test_mean_squared_canonical_correlation_of_the_reference_implementation(kornblith):
    assert np.mean(canonical_correlations(*kornblith) ** 2) == pytest.approx(0.54312, abs=5e-6)


def test_biased_cka_of_pure_noise_is_high_and_known():
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((2, 300, 4096))
    assert noise_floor(300, 4096, 4096) == pytest.approx(0.932, abs=5e-4)
    assert linear_cka(X, Y) == pytest.approx(0.931, abs=2e-3)
    assert permuted_linear_cka([X, Y])[0, 1] == pytest.approx(0.931, abs=2e-3)
    assert abs(debiased_cka(X, Y)) < 0.02


@pytest.mark.parametrize(("p", "q"), [(3, 7), (12, 12), (1, 20)])
def test_mean_squared_canonical_correlation_of_noise(p, q):
    rng, n = np.random.default_rng(0), 60
    means = []
    for _ in range(300):
        sides = [rng.standard_normal((n, k)) for k in (p, q)]
        means.append(np.mean(canonical_correlations(*(side - side.mean(0) for side in sides)) ** 2))
    error = np.std(means) / np.sqrt(len(means))
    assert np.mean(means) == pytest.approx(max(p, q) / (n - 1), abs=4 * error)


def test_debiased_cka_of_noise_is_zero_on_average_and_goes_below():
    rng = np.random.default_rng(0)
    values = [debiased_cka(*rng.standard_normal((2, 20, 50))) for _ in range(300)]
    assert np.mean(values) == pytest.approx(0, abs=4 * np.std(values) / np.sqrt(len(values)))
    assert min(values) < 0
