import numpy as np
import pytest
from sklearn.manifold import trustworthiness

from drillcore.embedding import embed, faithfulness, neighbor_recall, principal_components


def clusters(samples=120, units=20, count=3):
    generator = np.random.default_rng(0)
    labels = np.arange(samples) % count
    return 20 * generator.normal(size=(count, units))[labels] + generator.normal(size=(samples, units)), labels


def test_separate_clusters_stay_separate_and_are_trusted():
    features, labels = clusters()
    embedding = embed(features, perplexity=15, iterations=250)
    assert embedding.status == "t-SNE"
    assert embedding.points.shape == (120, 2)
    centres = np.stack([embedding.points[labels == label].mean(0) for label in range(3)])
    nearest = np.linalg.norm(embedding.points[:, None] - centres, axis=2).argmin(1)
    assert (nearest == labels).all()
    assert embedding.trustworthiness > 0.9
    assert 0 < embedding.kl_divergence < 2


def test_the_same_seed_gives_the_same_map():
    features, _ = clusters()
    first, second = (embed(features, perplexity=15, iterations=50).points for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("width", [1, 2])
def test_a_narrow_layer_shows_its_own_coordinates(width):
    features = np.random.default_rng(0).normal(size=(100, width))
    embedding = embed(features)
    np.testing.assert_array_equal(embedding.points[:, :width], features)
    assert not embedding.points[:, width:].any()
    assert f"width {width}" in embedding.status
    assert np.isnan([embedding.kl_divergence, embedding.trustworthiness, embedding.neighbor_recall]).all()


@pytest.mark.parametrize("distinct", [1, 2])
def test_a_collapsed_layer_has_no_map(distinct):
    features = np.repeat(np.arange(distinct), 100 // distinct)[:, None] * np.ones(5)
    embedding = embed(features)
    assert f"{distinct} distinct rows" in embedding.status
    assert np.isnan(embedding.trustworthiness)


def test_outputs_that_are_not_finite_have_no_map():
    features, _ = clusters()
    features[3, 4] = np.inf
    embedding = embed(features)
    assert np.isnan(embedding.points).all()
    assert "not finite" in embedding.status


def test_too_few_samples_for_the_perplexity_fall_back_to_components():
    features, _ = clusters(samples=30)
    embedding = embed(features, perplexity=30)
    assert "perplexity 30 needs 91 samples" in embedding.status
    np.testing.assert_array_equal(embedding.points, principal_components(features))


def test_components_are_uncorrelated_and_ordered():
    features, _ = clusters()
    points = principal_components(features)
    covariance = np.cov(points, rowvar=False)
    expected = np.linalg.svd(features - features.mean(0), compute_uv=False)[:2] ** 2 / (len(features) - 1)
    np.testing.assert_allclose(covariance, np.diag(expected), atol=1e-9 * expected[0])


def test_components_of_more_units_than_samples_are_those_of_a_decomposition():
    features = np.random.default_rng(1).normal(size=(12, 40)) * np.arange(40)
    left, values, directions = np.linalg.svd(features - features.mean(0), full_matrices=False)
    signs = [np.sign(max(direction, key=abs)) for direction in directions[:2]]
    np.testing.assert_allclose(principal_components(features), left[:, :2] * values[:2] * signs, atol=1e-11)


def test_faithfulness_is_that_of_scikit_learn():
    generator = np.random.default_rng(2)
    features, points = generator.normal(size=(60, 5)), generator.normal(size=(60, 2))
    points[:30] = features[:30, :2]
    expected = trustworthiness(features, points, n_neighbors=7), neighbor_recall(features, points, 7)
    assert faithfulness(features, points, 7) == pytest.approx(expected, abs=1e-12)


def test_neighbour_recall_is_one_for_a_copy_and_small_for_noise():
    generator = np.random.default_rng(0)
    points = generator.normal(size=(200, 2))
    assert neighbor_recall(3 * points, points, 10) == 1
    assert neighbor_recall(generator.normal(size=(200, 2)), points, 10) == pytest.approx(10 / 199, abs=0.03)


@pytest.mark.parametrize("factor", [1e-200, 1e-30, 1e19, 1e30, 1e200])
def test_any_scale_has_a_map_as_faithful_as_any_other(factor):
    features, _ = clusters()
    embedding = embed(factor * features, perplexity=15, iterations=50)
    assert embedding.status == "t-SNE"
    assert embedding.trustworthiness == pytest.approx(embed(features, 15, 50).trustworthiness, abs=0.03)
    np.testing.assert_allclose(
        principal_components(factor * features) / factor, principal_components(features), atol=1e-9
    )


def test_an_offset_far_larger_than_the_differences_costs_no_neighbours():
    features, _ = clusters()
    assert embed(features + 1e10, 15, 50).neighbor_recall == pytest.approx(
        embed(features, 15, 50).neighbor_recall, abs=0.1
    )


def test_one_huge_sample_leaves_the_others_their_map_and_beyond_there_is_none():
    features, _ = clusters()
    features[7] = 1e19
    embedding = embed(features, perplexity=15, iterations=50)
    assert embedding.trustworthiness > 0.9
    features[7] = 1e30
    embedding = embed(features, perplexity=15, iterations=50)
    assert "none: some outputs lie too far" in embedding.status
    assert np.isnan(embedding.points).all()


@pytest.mark.parametrize("width", [0, 1, 2, 20])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nothing_is_made_of_what_is_not_finite(width, bad):
    features = np.ones((100, width))
    features[3, -1:] = bad
    points, components = embed(features).points, principal_components(features)
    assert np.isnan(points).all() == np.isnan(components).all() == (width > 0)
    if width:
        assert "not finite" in embed(features).status


def test_a_map_that_the_library_fails_to_make_is_none(monkeypatch):
    features, _ = clusters()
    monkeypatch.setattr("drillcore.embedding.tsne", lambda *_: (np.full((120, 2), np.inf), 0.0))
    embedding = embed(features, perplexity=15)
    assert "none: t-SNE did not stay finite" in embedding.status
    assert np.isnan([embedding.kl_divergence, embedding.trustworthiness]).all()
