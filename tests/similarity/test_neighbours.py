"""Mutual nearest neighbours and CKNNA against their definitions."""

from itertools import permutations

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from drillcore import cknna, mutual_knn


@pytest.fixture(params=[3, 10])
def neighbours(request):
    return request.param


@pytest.fixture
def sides():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 5)) + 1
    return X, X[:, :3] + rng.standard_normal((40, 3))


def nearest(side, count):
    search = NearestNeighbors(n_neighbors=count, metric="cosine").fit(side)
    return [set(row) for row in search.kneighbors(return_distance=False)]


def test_mutual_neighbours_are_those_of_scikit_learn(sides, neighbours):
    common = [len(a & b) / neighbours for a, b in zip(*(nearest(side, neighbours) for side in sides), strict=True)]
    assert mutual_knn(*sides, neighbours) == pytest.approx(np.mean(common))


def test_cknna_is_its_sum_over_mutual_neighbours(sides, neighbours):
    def align(a, b):
        total = 0.0
        for i in range(40):
            for j in nearest_of[a][i] & nearest_of[b][i]:
                total += np.prod([kernels[k][i, j] - kernels[k][i].mean() for k in (a, b)])
        return total

    rows = [side / np.linalg.norm(side, axis=1, keepdims=True) for side in sides]
    kernels, nearest_of = [side @ side.T for side in rows], [nearest(side, neighbours) for side in rows]
    expected = align(0, 1) / np.sqrt(align(0, 0) * align(1, 1))
    assert cknna(*sides, neighbours) == pytest.approx(expected, abs=1e-10)


def test_chance_is_exactly_k_of_the_other_samples():
    rng = np.random.default_rng(1)
    X, Y = rng.standard_normal((2, 6, 3))
    scores = [mutual_knn(X, Y[list(order)], 2) for order in permutations(range(6))]
    assert np.mean(scores) == pytest.approx(2 / 5)


def test_neither_rotations_nor_the_lengths_of_samples_matter(sides):
    X, Y = sides
    turned = np.linalg.qr(np.random.default_rng(2).standard_normal((5, 5)))[0]
    lengths = np.random.default_rng(3).uniform(0.1, 9, (40, 1))
    for measure in (mutual_knn, cknna):
        assert measure(lengths * X @ turned, Y) == pytest.approx(measure(X, Y), abs=1e-9)
        assert measure(X, X) == pytest.approx(1)


def test_copies_of_samples_tie_the_same_way_in_both_layers():
    rng = np.random.default_rng(4)
    X, Y = np.repeat(rng.standard_normal((6, 4)), 5, axis=0), np.repeat(np.eye(6), 5, axis=0)
    lengths = rng.uniform(1, 9, (30, 1))
    assert mutual_knn(lengths * X, Y, 3) == pytest.approx(1)
