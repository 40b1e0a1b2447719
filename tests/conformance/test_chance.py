"""The permutation null: uniform p-values where layers are independent, small ones where they are not."""

import numpy as np
import pytest
from scipy import stats

from drillcore import benjamini_hochberg, debiased_cka, permutation_null


def noise_pairs(repeats, samples, widths, seed):
    rng = np.random.default_rng(seed)
    for _ in range(repeats):
        yield [rng.standard_normal((samples, width)) for width in widths]


@pytest.mark.parametrize("samples", [60, 61])
def test_p_values_of_independent_layers_are_uniform(samples):
    p_values = [
        permutation_null(pair, permutations=59, seed=number)[0, 1]
        for number, pair in enumerate(noise_pairs(400, samples, (3, 90), seed=1))
    ]
    assert stats.kstest(p_values, "uniform").pvalue > 0.01
    assert np.mean(np.array(p_values) <= 0.1) == pytest.approx(0.1, abs=4 * np.sqrt(0.09 / 400))


def test_p_values_are_uniform_for_skewed_layers_whose_samples_are_sorted():
    rng = np.random.default_rng(2)
    p_values = []
    for number in range(400):
        X, Y = np.exp(2 * rng.standard_normal((2, 40, 2)))
        p_values.append(permutation_null([X[np.argsort(X[:, 0])], Y], 39, seed=number)[0, 1])
    assert stats.kstest(p_values, "uniform").pvalue > 0.01


def test_p_values_agree_with_those_of_unrestricted_permutations():
    rng = np.random.default_rng(3)
    for _ in range(5):
        X = rng.standard_normal((80, 4))
        Y = rng.standard_normal((80, 6)) + 0.25 * X[:, :1]
        observed = debiased_cka(X, Y)
        shuffled = np.array([debiased_cka(X, rng.permutation(Y)) for _ in range(400)])
        plain = (1 + np.sum(shuffled >= observed)) / 401
        cyclic = np.mean([permutation_null([X, Y], 79, seed)[0, 1] for seed in range(5)])
        assert cyclic == pytest.approx(plain, abs=5 * np.sqrt(plain * (1 - plain) / 400) + 1 / 80)


def test_related_layers_are_told_from_noise():
    rng = np.random.default_rng(4)
    X = rng.standard_normal((100, 5))
    p_values = permutation_null([X, X @ rng.standard_normal((5, 8)), rng.standard_normal((100, 5))], 99)
    assert p_values[0, 1] == pytest.approx(0.01)
    assert p_values[0, 2] > 0.01
    np.testing.assert_array_equal(p_values, p_values.T)


def test_the_false_discovery_rate_is_kept():
    rng = np.random.default_rng(5)
    false = []
    for _ in range(300):
        p_values = np.concatenate([rng.uniform(size=80), rng.uniform(0, 1e-4, size=20)])
        found = benjamini_hochberg(p_values) <= 0.1
        false.append(found[:80].sum() / max(1, found.sum()))
    assert np.mean(false) == pytest.approx(0.1 * 0.8, abs=0.015)
