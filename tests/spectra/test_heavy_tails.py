"""The power law of a spectrum against exact Pareto distributions, its edge against random matrices."""

import numpy as np
import pytest

from drillcore import InputError, power_law
from drillcore.heavy_tails import marchenko_pastur_edge, tail


def pareto(alpha, count, smallest=1.0):
    """The singular values whose variances are the quantiles of a Pareto distribution: their density falls as l^-alpha."""
    return np.sqrt(smallest * (1 - (np.arange(count) + 0.5) / count) ** (-1 / (alpha - 1)))


@pytest.mark.parametrize("alpha", [1.7, 2.5, 4.0])
def test_an_exact_pareto_gives_its_exponent(alpha):
    fit = power_law(pareto(alpha, 2000), smallest=1.0)
    assert fit.alpha == pytest.approx(alpha, rel=0.002)
    assert (fit.tail, fit.smallest) == (2000, 1.0)
    assert fit.distance == pytest.approx(0.5 / 2000, abs=2e-4)


def test_draws_of_a_pareto_give_its_exponent_and_the_distance_of_so_many_draws():
    random, fits = np.random.default_rng(0), []
    for _ in range(50):
        fits.append(power_law(np.sqrt((1 - random.random(400)) ** (-1 / 2)), smallest=1.0))
    assert np.mean([fit.alpha for fit in fits]) == pytest.approx(3.0, abs=4 * 2 / np.sqrt(400 * 50))
    # The limit that 5 % of fits exceed would be 1.36 / sqrt(n) for a known exponent; one that was fitted is nearer.
    assert np.mean([fit.distance * 20 < 1.36 for fit in fits]) > 0.95


def test_the_tail_begins_where_the_bulk_ends():
    bulk = np.sqrt(np.random.default_rng(0).uniform(0.05, 1, 600))
    fit = power_law(np.concatenate([bulk, pareto(2.5, 400)]))
    assert fit.alpha == pytest.approx(2.5, abs=0.15)
    assert fit.smallest == pytest.approx(1.0, abs=0.25) and 330 <= fit.tail <= 450


def test_the_fit_is_the_maximum_and_the_distance_that_of_kolmogorov_and_smirnov():
    values = np.random.default_rng(1).uniform(0.5, 3, 30)
    fit = power_law(values)
    variances = np.sort(values**2)
    kept = variances[variances >= fit.smallest * (1 - 1e-12)]
    assert len(kept) == fit.tail and fit.alpha == pytest.approx(1 + len(kept) / np.log(kept / kept[0]).sum())
    fitted = 1 - (kept / kept[0]) ** (1 - fit.alpha)
    steps = np.arange(len(kept) + 1) / len(kept)
    apart = max(np.abs(fitted - steps[:-1]).max(), np.abs(fitted - steps[1:]).max())
    assert fit.distance == pytest.approx(apart)
    others = [power_law(values, smallest).distance for smallest in variances[:-9]]
    assert fit.distance == pytest.approx(min(others))


def test_scaling_a_spectrum_changes_neither_exponent_nor_distance():
    values = np.random.default_rng(1).uniform(0.5, 3, 30)
    plain, scaled = power_law(values), power_law(1e-150 * values)
    assert scaled.alpha == pytest.approx(plain.alpha) and scaled.distance == pytest.approx(plain.distance)
    assert scaled.smallest == pytest.approx(1e-300 * plain.smallest)


@pytest.mark.parametrize(
    "values", [np.ones(9), np.ones(30), np.zeros(30), [*np.ones(29), np.inf], [1.0, 2.0, *np.zeros(20)]]
)
def test_too_few_or_equal_values_have_no_exponent(values):
    fit = power_law(values)
    assert np.isnan([fit.alpha, fit.smallest, fit.distance]).all() and fit.tail == 0


def test_other_arrays_are_refused():
    with pytest.raises(InputError, match="should be one axis of numbers that are not negative"):
        power_law([[1.0, 2.0]])


@pytest.mark.parametrize("shape", [(200, 200), (100, 900)])
def test_noise_ends_at_the_edge_and_a_signal_is_above_it(shape):
    random = np.random.default_rng(0)
    noise = 0.3 * random.normal(size=shape)
    values = np.linalg.svd(noise, compute_uv=False)
    edge = 0.3 * (np.sqrt(shape[0]) + np.sqrt(shape[1]))
    assert marchenko_pastur_edge(values, shape) == pytest.approx(edge, rel=0.01)
    assert values[0] == pytest.approx(edge, rel=0.03)
    signal = noise + 12 * np.outer(random.normal(size=shape[0]), random.normal(size=shape[1])) / np.sqrt(
        shape[0] * shape[1]
    )
    assert tail(np.linalg.svd(signal, compute_uv=False), shape)["above_noise_edge"] == 1


def test_a_product_has_no_edge():
    found = tail(pareto(3.0, 40))
    assert np.isnan(found["noise_edge"]) and np.isnan(found["above_noise_edge"]) and found["power_law_alpha"] > 2
