"""Each measure against its definition, computed by other means."""

import doctest
import importlib
import pkgutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg, stats
from scipy.spatial.distance import pdist
from sklearn.metrics.pairwise import rbf_kernel

import drillcore.similarity
from drillcore import (
    debiased_cka,
    linear_cka,
    minibatch_matrix,
    permutation_null,
    procrustes,
    rbf_cka,
    rsa,
    stream_cka,
    svcca,
)
from drillcore.similarity.catalogue import MEASURES
from drillcore.similarity.measures import MOST_GRAM_SAMPLES, choose_measures, families
from drillcore.similarity.measures.cka import cross_products, feature_products, gram_products
from drillcore.similarity.ranking import average_ranks
from drillcore.similarity.representation import Undefined, matrix, prepare

PUBLIC = {name: getattr(drillcore, name) for name in MEASURES}


@pytest.fixture(params=[(40, 6, 9), (12, 30, 4), (25, 60, 70)], ids=str)
def two_layers(request):
    n, p, q = request.param
    rng = np.random.default_rng(n)
    X = rng.standard_normal((n, p)) + 2
    return X, X[:, :1] + rng.standard_normal((n, q)) * rng.uniform(0.5, 2, q)


def centring(n):
    return np.eye(n) - 1 / n


def hsic_cka(K, L):
    H = centring(len(K))
    K, L = H @ K @ H, H @ L @ H
    return np.trace(K @ L) / np.sqrt(np.trace(K @ K) * np.trace(L @ L))


def test_linear_cka_by_kernel_alignment(two_layers):
    X, Y = two_layers
    assert linear_cka(X, Y) == pytest.approx(hsic_cka(X @ X.T, Y @ Y.T), abs=1e-12)


def test_rbf_cka_by_kernel_alignment(two_layers):
    kernels = []
    for side in two_layers:
        squared = np.square(side[:, None] - side).sum(2)
        kernels.append(rbf_kernel(side, gamma=1 / (2 * 0.7**2 * np.median(squared))))
    assert rbf_cka(*two_layers, bandwidth=0.7) == pytest.approx(hsic_cka(*kernels), abs=1e-12)


def test_debiased_cka_by_u_statistics_over_quadruples():
    """HSIC_1's kernel averaged over all ordered quadruples of distinct samples: the definition of an unbiased one."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((7, 3))
    Y = X[:, :2] + rng.standard_normal((7, 2))

    def hsic(K, L):
        total = count = 0
        for i in range(7):
            for j in set(range(7)) - {i}:
                for q in set(range(7)) - {i, j}:
                    for r in set(range(7)) - {i, j, q}:
                        total += K[i, j] * (L[i, j] + L[q, r] - 2 * L[i, q])
                        count += 1
        return total / count

    K, L = X @ X.T, Y @ Y.T
    assert debiased_cka(X, Y) == pytest.approx(hsic(K, L) / np.sqrt(hsic(K, K) * hsic(L, L)), abs=1e-12)


def test_svcca_by_the_generalised_eigenvalue_problem():
    rng = np.random.default_rng(1)
    X = rng.standard_normal((60, 5))
    Y = X @ rng.standard_normal((5, 3)) + 2 * rng.standard_normal((60, 3))
    joint = np.cov(X.T, Y.T)
    left = np.block([[np.zeros((5, 5)), joint[:5, 5:]], [joint[5:, :5], np.zeros((3, 3))]])
    right = linalg.block_diag(joint[:5, :5], joint[5:, 5:])
    correlations = linalg.eigh(left, right, eigvals_only=True)[::-1][:3]
    assert svcca(X, Y, 1.0) == pytest.approx(correlations.mean(), abs=1e-10)


def test_svcca_is_cca_of_the_leading_components():
    rng = np.random.default_rng(2)
    X = rng.standard_normal((80, 4)) @ np.diag([10, 9, 0.3, 0.2])
    Y = X + rng.standard_normal((80, 4))
    X_kept = (X - X.mean(0)) @ np.linalg.svd(X - X.mean(0))[2][:2].T
    assert svcca(X, Y, 0.99) == pytest.approx(svcca(X_kept, Y, 0.99), abs=1e-10)
    assert svcca(X, Y, 0.99) != pytest.approx(svcca(X, Y, 1.0), abs=1e-3)


def test_procrustes_by_scipy(two_layers):
    X, Y = (side - side.mean(0) for side in two_layers)
    width = max(X.shape[1], Y.shape[1])
    X, Y = (np.pad(side / np.linalg.norm(side), ((0, 0), (0, width - side.shape[1]))) for side in (X, Y))
    _, cosine = linalg.orthogonal_procrustes(X, Y)
    assert procrustes(*two_layers) == pytest.approx(np.arccos(cosine), abs=1e-9)


@pytest.mark.parametrize("angle", [1e-9, 1e-5, 0.01, 0.04, 0.05, 0.3])
def test_small_procrustes_angles_keep_their_digits(angle):
    rng = np.random.default_rng(3)
    basis = np.linalg.qr(rng.standard_normal((30, 4)) - 0)[0]
    basis -= basis.mean(0)
    basis = np.linalg.qr(basis)[0]
    X, turned = basis[:, :2], np.cos(angle) * basis[:, :2] + np.sin(angle) * basis[:, 2:]
    assert procrustes(X, turned) == pytest.approx(angle, rel=1e-6)


def test_rsa_by_scipy(two_layers):
    distances = [pdist(side, "correlation") for side in two_layers]
    assert rsa(*two_layers) == pytest.approx(stats.spearmanr(*distances).statistic, abs=1e-9)


def test_rsa_ties_copies_of_a_sample_instead_of_ranking_their_rounding():
    rng = np.random.default_rng(4)
    base = rng.standard_normal((6, 5))
    X, Y = np.repeat(base, 5, axis=0), np.repeat(2 * base, 5, axis=0)
    assert rsa(X * rng.uniform(1, 9, (30, 1)), Y * rng.uniform(1, 9, (30, 1))) == pytest.approx(1, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(-3, 3), min_size=1, max_size=30))
def test_ranks_are_those_of_scipy(values):
    np.testing.assert_array_equal(average_ranks(np.array(values, float)) + 1, stats.rankdata(values))


def test_both_forms_of_the_cross_products_agree(monkeypatch):
    rng = np.random.default_rng(5)
    layers = [rng.standard_normal((50, p)) for p in (3, 40, 90)]
    exact = np.array([[np.linalg.norm(x.T @ y) ** 2 for y in layers] for x in layers])
    monkeypatch.setattr(
        "drillcore.similarity.measures.cka.row_blocks", lambda count, size: [slice(0, 17), slice(17, count)]
    )
    for form in (cross_products, gram_products, feature_products):
        np.testing.assert_allclose(form(layers), exact, rtol=1e-12)
        np.testing.assert_allclose(form(layers[:1], layers[1:]), exact[:1, 1:], rtol=1e-12)


@pytest.mark.parametrize("samples", [40, MOST_GRAM_SAMPLES + 1])
def test_all_pairs_at_once_are_the_pairs_one_by_one(samples):
    rng = np.random.default_rng(6)
    layers = [rng.standard_normal((40, p)) @ rng.standard_normal((p, p)) for p in (3, 11, 5)]
    layers.insert(1, np.full((40, 2), 0.3))
    measures = choose_measures(list(PUBLIC), samples)
    for (work, _), group in families(measures).items():
        prepared = [prepare(work, layer) for layer in layers]
        for name, measure in group.items():
            one_by_one = np.array([[PUBLIC[name](x, y) for y in layers] for x in layers])
            np.testing.assert_allclose(matrix(measure.compare, prepared), one_by_one, atol=1e-10, err_msg=name)
            np.testing.assert_allclose(
                matrix(measure.compare, prepared[:2], prepared[2:]), one_by_one[:2, 2:], atol=1e-10, err_msg=name
            )
            assert np.isnan(one_by_one[1]).all()


@pytest.mark.parametrize(
    ("measure", "layer", "reason"),
    [
        ("linear_cka", np.ones((9, 3)), "dead layer"),
        ("linear_cka", np.eye(3), "3 samples, fewer than 4"),
        ("linear_cka", np.full((9, 3), np.nan), "not finite"),
        ("linear_cka", np.empty((9, 0)), "dead layer"),
        *(("debiased_cka", 3 * np.eye(n) + 1, "equally far apart") for n in (6, 7, 8, 9, 10, 15)),
        ("rbf_cka", np.eye(9, 1), "samples coincide"),
        ("rsa", np.arange(9.0)[:, None], "width 1"),
        ("rsa", np.vstack([np.eye(9, 4), np.full((2, 4), 0.1)]), "7 samples with the same value"),
        ("rsa", np.array([[1.0, 2.0], [3.0, 5.0], [0.0, 4.0], [1.0, 9.0]]), "same correlation distance"),
        ("mutual_knn", np.arange(9.0)[:, None], "width 1"),
        ("mutual_knn", np.eye(9, 4), "5 samples with zero in every unit"),
        ("cknna", np.arange(1, 10)[:, None] * [1.0, 2.0], "same angle"),
    ],
)
def test_what_is_undefined_says_why(measure, layer, reason):
    for samples in (10, MOST_GRAM_SAMPLES + 1):
        refused = prepare(choose_measures([measure], samples)[measure].work, layer)
        assert isinstance(refused, Undefined)
        assert reason in str(refused)
    other = np.random.default_rng(0).standard_normal((len(layer), 3))
    assert np.isnan(PUBLIC[measure](layer, other))


@pytest.mark.parametrize("together", [minibatch_matrix, stream_cka, permutation_null])
def test_lists_of_layers_of_other_shapes_are_refused_in_one_sentence(together):
    X = np.random.default_rng(0).standard_normal((10, 3))
    with pytest.raises(ValueError, match="layers of 10 and of 9 samples"):
        together([X, X, X[:9]])
    with pytest.raises(ValueError, match="flatten each sample"):
        together([X, X[:, :, None]])


@pytest.mark.parametrize("together", [minibatch_matrix, lambda layers: stream_cka(layers).debiased_cka])
def test_bytes_are_not_subtracted_as_bytes(together):
    images = np.random.default_rng(0).integers(0, 256, (40, 30), dtype=np.uint8)
    layers = [images, images[:, ::2]]
    assert together(layers)[0, 1] == pytest.approx(debiased_cka(*layers), abs=1e-6)


@pytest.mark.parametrize("measure", PUBLIC.values())
def test_layers_of_other_shapes_are_refused_in_one_sentence(measure):
    X = np.random.default_rng(0).standard_normal((10, 3))
    with pytest.raises(ValueError, match="layers of 10 and of 9 samples"):
        measure(X, X[:9])
    with pytest.raises(ValueError, match=r"shape \(10, 3, 1\) are not"):
        measure(X, X[:, :, None])


@pytest.mark.parametrize(
    "module", [name for _, name, _ in pkgutil.walk_packages(drillcore.similarity.__path__, "drillcore.similarity.")]
)
def test_the_examples_of_the_docstrings_run(module):
    tested = doctest.testmod(importlib.import_module(module), extraglobs={"np": np})
    assert tested.failed == 0
