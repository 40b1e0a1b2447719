"""How alike measures rank layers, against SciPy and all orders."""

from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from drillcore import rank_agreement


@pytest.fixture
def changes():
    return {"rsa": [0.1, 0.5, 0.5, 0.2, 0.9], "cknna": [0.9, 0.3, 0.2, 0.1, 0.4], "svcca": [0.1, np.nan, 0.2, 0.3, 0.1]}


COSTS = [0.4, 0.0, 0.1, 0.2, 0.05]


def test_rank_correlations_are_those_of_scipy(changes):
    found = rank_agreement(COSTS, changes).correlations
    for name in ("rsa", "cknna"):
        assert found[name] == pytest.approx(stats.spearmanr(COSTS, changes[name]).statistic)
    assert np.isnan(found["svcca"])


def test_chance_is_that_of_all_orders_of_the_layers_and_of_the_best_measure(changes):
    agreement = rank_agreement(COSTS, changes)
    by_order = [
        [abs(stats.spearmanr(order, changes[name]).statistic) for name in ("rsa", "cknna")]
        for order in permutations(COSTS)
    ]
    best = max(abs(agreement.correlations[name]) for name in ("rsa", "cknna"))
    assert agreement.p_value == pytest.approx(np.mean([max(row) >= best - 1e-9 for row in by_order]))
    first = np.array(by_order)[:, 0]
    assert np.mean(first > agreement.chance + 1e-9) <= 0.05 <= np.mean(first >= agreement.chance - 1e-9)


@pytest.mark.parametrize("costs", [[0.1, 0.2], [0.3, 0.3, 0.3], [0.1, np.nan, 0.2]])
def test_too_few_or_equal_layers_have_no_rank_correlation(costs):
    agreement = rank_agreement(costs, {"rsa": np.arange(len(costs))})
    assert np.isnan([agreement.correlations["rsa"], agreement.chance, agreement.p_value]).all()


def test_random_orders_stand_for_those_of_many_layers():
    rng = np.random.default_rng(0)
    agreement = rank_agreement(rng.random(12), {"rsa": rng.random(12)})
    assert agreement.chance == pytest.approx(0.587, abs=0.03)  # of 12, two-sided at 5 %: Zar 1972
