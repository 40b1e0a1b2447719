"""The intrinsic dimension against Pareto's distribution and against known manifolds; dormant units against the definition."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from drillcore import dormant_units, two_nn
from drillcore.geometry.dimension import of_distances


@pytest.mark.parametrize("exponent", [1.0, 2.5, 7.0])
def test_ratios_drawn_from_pareto_give_its_exponent(exponent):
    """Unbiased, with a standard error of exponent / sqrt(count)."""
    random, count, estimates = np.random.default_rng(0), 60, []
    for _ in range(400):
        ratios = (1 - random.random(count)) ** (-1 / exponent)
        distances = np.full((count, count), 1e9)
        distances[:, 0], distances[:, 1] = 1.0, ratios**2
        estimates.append(of_distances(distances))
    assert np.mean(estimates) == pytest.approx(exponent, abs=4 * exponent / np.sqrt(400 * count))


@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_a_plane_in_many_units_has_its_own_dimension(dimension):
    random = np.random.default_rng(0)
    features = random.normal(size=(2000, dimension)) @ random.normal(size=(dimension, 30))
    found = two_nn(1e-18 * features.astype(np.float32) + 1)
    assert np.isnan(found.value) and found.reason  # float32 swallows it all: 1 everywhere
    found = two_nn(1e-18 * features)
    assert found.value == pytest.approx(dimension, rel=0.08)
    assert found.sizes.tolist() == [2000, 1000, 500, 250, 125, 62, 31]
    assert found.curve == pytest.approx(dimension, rel=0.2)


def test_the_curve_is_the_mean_over_disjoint_subsamples():
    features = np.random.default_rng(0).normal(size=(101, 4))
    found = two_nn(features)
    assert found.sizes.tolist() == [101, 50, 25] and found.value == found.curve[0]

    def plain(rows):
        distances, _ = NearestNeighbors(n_neighbors=3).fit(rows).kneighbors()
        return (len(rows) - 1) / np.log(distances[:, 1] / distances[:, 0]).sum()

    parts = [[features], [features[:50], features[50:100]], np.split(features[:100], 4)]
    assert found.curve == pytest.approx([np.mean([plain(part) for part in size]) for size in parts], rel=1e-9)


def test_noise_falls_to_the_manifold_where_fewer_samples_are_taken():
    random = np.random.default_rng(0)
    line = random.random((1500, 1)) * np.eye(20)[0] + 2e-4 * random.normal(size=(1500, 20))
    curve = two_nn(line).curve
    assert curve[0] > 1.3 > 1.15 > curve[-1]


def test_of_duplicates_one_counts_and_the_sign_of_zero_does_not():
    features = np.random.default_rng(0).normal(size=(60, 3)) * [1, 1, 0]
    assert two_nn(np.concatenate([features, features * [1, 1, -1]])).value == two_nn(features).value


def test_neighbours_far_from_the_mean_of_all_are_as_exact_as_near_it():
    """Two groups so far apart that products of float64 would lose the distances within them."""
    near = np.random.default_rng(0).normal(size=(40, 3))
    far = np.concatenate([near, near + 2.0**30])
    assert two_nn(far).value == pytest.approx((79 / 78) * two_nn(near).value, rel=1e-6)


@pytest.mark.parametrize(
    ("features", "reason"),
    [
        (np.random.default_rng(0).normal(size=(19, 2)), "19 distinct samples, fewer than 20"),
        (np.zeros((50, 3)), "1 distinct samples, fewer than 20"),
        (np.eye(30), "all neighbours are equally far"),
        (np.full((30, 2), np.nan), "activations that are not finite"),
    ],
)
def test_what_has_no_dimension_has_a_reason_and_no_number(features, reason):
    found = two_nn(features)
    assert np.isnan(found.value) and found.reason == reason and len(found.curve) == 0


def test_a_layer_of_one_unit_has_dimension_one():
    assert two_nn(np.random.default_rng(0).random((800, 1))).value == pytest.approx(1, abs=0.12)


def test_dormant_is_a_unit_far_below_the_mean_of_its_layer():
    features = np.array([[1.0, -1.0, 0.0, 0.02], [-3.0, 1.0, 0.0, -0.06]])
    scores = np.abs(features).mean(0) / np.abs(features).mean()
    np.testing.assert_array_equal(dormant_units(features), scores <= 0.025)
    np.testing.assert_array_equal(dormant_units(features, 0.06), scores <= 0.06)
    assert dormant_units(features, 0.06).tolist() == [False, False, True, True]
    assert dormant_units(np.zeros((3, 2))).all()
    assert not dormant_units(np.array([[1.0, np.nan]])).any()
