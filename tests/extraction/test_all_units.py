"""Few dimensions that hold what all units of a layer say about the samples."""

import numpy as np
import pytest

import drillcore
from drillcore.extraction import all_units
from drillcore.extraction.all_units import AllUnits, basis
from drillcore.extraction.units import Units

UNITARY = ["linear_cka", "debiased_cka", "rbf_cka", "svcca", "procrustes", "rsa", "mutual_knn", "cknna"]
"""The measures that a rotation of the units leaves as they are, and RSA."""


def features(seed=0, samples=40, units=3000):
    rng = np.random.default_rng(seed)
    hidden = rng.standard_normal((samples, 3)) @ rng.standard_normal((3, units)) * rng.uniform(0.1, 2, units)
    return np.maximum(hidden + 0.1 * rng.standard_normal((samples, units)) + 1, 0).astype(np.float32)


@pytest.mark.parametrize("scale", [1.0, 1e25, 1e-25])
def test_inner_products_and_means_are_those_of_all_units(scale, monkeypatch):
    monkeypatch.setattr(all_units, "BLOCK_BYTES", 8 * 40 * 700)
    X = features() * np.float32(scale)
    B = basis(X)
    assert B.dtype == np.float32
    assert B.shape[1] == 41
    X, B = X.astype(np.float64), B.astype(np.float64)
    for one, other in ((X, B), (X - X.mean(0), B - B.mean(0))):
        np.testing.assert_allclose(other @ other.T, one @ one.T, atol=1e-5 * np.square(one).sum(1).max())
    np.testing.assert_allclose(np.corrcoef(B), np.corrcoef(X), atol=1e-5)


@pytest.mark.parametrize("measure", UNITARY)
def test_measures_are_those_of_all_units(measure):
    X, Y = features(), features(1)
    Y[:, :1500] += X[:, :1500]
    compare = getattr(drillcore, measure)
    assert compare(basis(X), basis(Y)) == pytest.approx(compare(X, Y), abs=1e-5)
    assert compare(X[:, :25], Y[:, :25]) != pytest.approx(compare(X, Y), abs=1e-2)


def test_spectra_are_those_of_all_units():
    X = features()
    expected = drillcore.feature_singular_values(X)
    np.testing.assert_allclose(drillcore.feature_singular_values(basis(X)), expected, atol=1e-5 * expected[0])


def test_small_singular_values_are_kept():
    rng = np.random.default_rng(4)
    left, right = (np.linalg.qr(rng.standard_normal((size, 30)))[0] for size in (30, 500))
    X = np.float32(left * np.logspace(0, -5, 30) @ right.T)
    expected = drillcore.feature_singular_values(X)
    found = drillcore.feature_singular_values(basis(X))
    np.testing.assert_allclose(found[:-6], expected[:-6], rtol=1e-3)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_no_more_units_than_samples_are_kept_as_they_are():
    X = features(units=40)
    np.testing.assert_array_equal(basis(X), X)


def test_fewer_dimensions_than_samples_are_found():
    X = np.float32(
        np.random.default_rng(2).standard_normal((30, 3)) @ np.random.default_rng(3).standard_normal((3, 500))
    )
    B = basis(X)
    assert np.linalg.matrix_rank(B) <= 5
    np.testing.assert_allclose(B @ B.T, X @ X.T, atol=1e-5 * np.square(X).sum(1).max())


def test_copies_of_samples_stay_copies_and_dead_layers_dead():
    X = np.repeat(features(samples=10), 4, axis=0)
    assert len(np.unique(basis(X), axis=0)) == 10
    dead = basis(np.tile(features(samples=1), (40, 1)))
    assert not np.ptp(dead, axis=0).any()
    X[3, 7] = np.inf
    assert np.isnan(basis(X)).all()


@pytest.mark.parametrize(
    ("how", "rows", "wanted"), [("flatten", 2001, True), ("tokens", 40, True), ("flatten", 40, False)]
)
def test_what_is_not_wanted_or_of_too_many_samples_is_streamed_as_stored(how, rows, wanted):
    units = Units(how, 8)
    gathered = AllUnits(units, rows, wanted=wanted)
    assert gathered.streamed is units
    assert list(gathered.kept(iter([{"conv": 1}]))) == [{"conv": 1}]
    assert not list(gathered.bases())


def test_streamed_outputs_keep_the_subset_and_all_units(monkeypatch, tmp_path):
    monkeypatch.setattr(all_units, "IN_MEMORY", 4 * 40 * 3000)
    large, larger, small = features(units=3000), features(1, units=200), features(2, units=6)
    units = Units("flatten", 8, seed=0)
    gathered = AllUnits(units, 40, tmp_path)
    batches = [slice(0, 25), slice(25, 40)]
    outputs = ({"conv": large[rows], "small": small[rows], "dense": larger[rows]} for rows in batches)
    stored = list(gathered.kept(outputs))
    for layer, expected in (("conv", large), ("small", small), ("dense", larger)):
        chosen = units.chosen[layer]
        expected = expected if chosen is None else expected[:, chosen]
        np.testing.assert_array_equal(np.concatenate([batch[layer] for batch in stored]), expected)
    assert isinstance(gathered.outputs["dense"], np.memmap) and not isinstance(gathered.outputs["conv"], np.memmap)
    bases = dict(gathered.bases())
    assert list(bases) == ["conv", "dense"]
    np.testing.assert_array_equal(bases["conv"], basis(large))
    np.testing.assert_array_equal(bases["dense"], basis(larger))
    assert not list(tmp_path.iterdir())
