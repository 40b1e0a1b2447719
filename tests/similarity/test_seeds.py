"""A layer against itself in trainings with other seeds."""

from itertools import combinations

import numpy as np
import pytest

from drillcore import InputError, across_seeds, debiased_cka, permutation_null


@pytest.fixture
def trainings():
    random = np.random.default_rng(0)
    shared = random.standard_normal((60, 4))
    return [
        shared @ random.standard_normal((4, width)) + 0.3 * random.standard_normal((60, width)) for width in (5, 7, 5)
    ]


def test_each_pair_scores_as_debiased_cka_does(trainings):
    found = across_seeds(trainings)
    expected = [debiased_cka(*pair) for pair in combinations(trainings, 2)]
    np.testing.assert_allclose(found.pairs, expected, rtol=1e-9)


def test_chance_is_what_permutations_of_the_samples_give(trainings):
    random, (a, b, _) = np.random.default_rng(3), trainings
    scores = [debiased_cka(a, b[random.permutation(60)]) for _ in range(400)]
    found = across_seeds(trainings)
    assert found.chance[0] == pytest.approx(np.quantile(scores, 0.95), abs=0.03)
    assert (found.pairs > found.chance).all() and (permutation_null(trainings)[0, 1:] < 0.05).all()
    noise = across_seeds([random.standard_normal((200, 5)) for _ in range(2)])
    assert abs(noise.pairs[0]) < 0.1 and 0 < noise.chance[0] < 0.1


def test_a_constant_layer_is_undefined_and_a_single_training_refused(trainings):
    found = across_seeds([trainings[0], np.ones((60, 3)), trainings[1]])
    assert np.isnan(found.pairs).tolist() == np.isnan(found.chance).tolist() == [True, False, True]
    with pytest.raises(InputError, match="1 training to compare"):
        across_seeds(trainings[:1])
    with pytest.raises(InputError, match="60 and of 59 samples"):
        across_seeds([trainings[0], trainings[1][1:]])
