import numpy as np
import pytest

from stages.tsne import embed, neighbor_recall, principal_components


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


def test_neighbour_recall_is_one_for_a_copy_and_small_for_noise():
    generator = np.random.default_rng(0)
    points = generator.normal(size=(200, 2))
    assert neighbor_recall(3 * points, points, 10) == 1
    assert neighbor_recall(generator.normal(size=(200, 2)), points, 10) == pytest.approx(10 / 199, abs=0.03)
