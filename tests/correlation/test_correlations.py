import json

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drillcore.artifacts.corr_means import write_corr_means
from drillcore.correlation import (
    Moments,
    cluster_units,
    compute_layerwise_cross_correlation,
    correlation_matrix,
    layer_means,
)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(3, 60), st.integers(2, 7), st.integers(1, 60))
def test_streaming_in_any_chunks_agrees_with_numpy(seed, samples, units, chunk):
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(samples, units)) @ generator.normal(size=(units, units))
    moments = Moments()
    for begin in range(0, samples, chunk):
        moments.update(rows[begin : begin + chunk])
    np.testing.assert_allclose(moments.correlation(), np.corrcoef(rows, rowvar=False), atol=1e-9)


def test_a_mean_far_above_the_deviation_cancels_nothing():
    rows = np.random.default_rng(0).normal(size=(1000, 4))
    expected = np.corrcoef(rows, rowvar=False)
    np.testing.assert_allclose(correlation_matrix(rows + 1e6), expected, atol=1e-9)
    naive = (rows + 1e9).astype(np.float64)
    np.testing.assert_allclose(correlation_matrix(naive), np.corrcoef(naive, rowvar=False), atol=1e-6)


@pytest.mark.parametrize("constant", [0.0, 1.0, 0.1, -1e6, 1 / 3])
def test_a_constant_unit_has_no_correlation(constant):
    rows = np.random.default_rng(0).normal(size=(101, 3)).astype(np.float32)
    rows[:, 1] = constant
    correlation = correlation_matrix(rows)
    assert np.isnan(correlation[1]).all()
    assert np.isnan(correlation[:, 1]).all()
    assert np.isfinite(correlation[np.ix_([0, 2], [0, 2])]).all()


def test_a_unit_that_hardly_varies_still_correlates():
    signal = np.random.default_rng(0).normal(size=200)
    rows = np.stack([signal, 5.0 + 1e-10 * signal], axis=1)
    assert correlation_matrix(rows)[0, 1] == pytest.approx(1, abs=1e-4)


def test_affine_copies_correlate_fully():
    signal = np.random.default_rng(1).normal(size=(50, 1))
    correlation, layer = compute_layerwise_cross_correlation(
        {"a": signal, "b": np.hstack([3 * signal + 1, -2 * signal])}
    )
    np.testing.assert_allclose(correlation, [[1, 1, -1], [1, 1, -1], [-1, -1, 1]], atol=1e-12)
    assert layer.tolist() == [0, 1, 1]


def test_hdf5_datasets_give_what_arrays_give(tmp_path):
    generator = np.random.default_rng(2)
    arrays = {"a": generator.normal(size=(300, 5)), "b": generator.normal(size=(300, 2))}
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, array in arrays.items():
            file[name] = array
        streamed, _ = compute_layerwise_cross_correlation({name: file[name] for name in arrays})
    np.testing.assert_allclose(streamed, np.corrcoef(np.hstack(list(arrays.values())), rowvar=False), atol=1e-12)


def test_means_leave_out_the_diagonal_and_the_dead():
    generator = np.random.default_rng(3)
    layers = {"a": generator.normal(size=(40, 4)), "b": generator.normal(size=(40, 3)), "c": np.ones((40, 2))}
    layers["a"][:, 2] = 7
    correlation, layer = compute_layerwise_cross_correlation(layers)
    mean, mean_abs, dead = layer_means(correlation, layer)
    assert dead.tolist() == [1, 0, 2]
    living = {"a": [0, 1, 3], "b": [4, 5, 6]}
    for i, first in enumerate(living.values()):
        for j, second in enumerate(living.values()):
            pairs = [correlation[u, v] for u in first for v in second if u != v]
            assert mean[i, j] == pytest.approx(np.mean(pairs))
            assert mean_abs[i, j] == pytest.approx(np.mean(np.abs(pairs)))
    assert np.isnan(mean[2]).all()
    assert np.isnan(mean_abs[:, 2]).all()


def test_a_layer_of_one_unit_has_no_mean_with_itself():
    correlation, layer = compute_layerwise_cross_correlation({"a": np.arange(5.0)[:, None], "b": np.eye(5)[:, :2]})
    mean, _, dead = layer_means(correlation, layer)
    assert np.isnan(mean[0, 0])
    assert np.isfinite(mean[0, 1])
    assert dead.tolist() == [0, 0]


def test_means_are_stored_by_epoch(tmp_path):
    write_corr_means(tmp_path / "corr_means.json", ["a", "b"], {0: np.eye(2), 10: np.full((2, 2), np.nan)})
    stored = json.loads((tmp_path / "corr_means.json").read_text())
    assert stored == {"layers": ["a", "b"], "epochs": {"0": [[1, 0], [0, 1]], "10": [[None, None], [None, None]]}}


def test_units_that_correlate_stand_side_by_side_in_their_layer():
    random = np.random.default_rng(0)
    signals = random.normal(size=(200, 3))
    group = np.array([0, 1, 2, 0, 1, 2, 0, 1, 2])
    units = signals[:, group] + 0.1 * random.normal(size=(200, 9))
    layers = {"a": units, "dead": np.zeros((200, 1)), "b": np.column_stack([np.zeros(200), units[:, ::-1]])}
    correlation, layer_of_unit = compute_layerwise_cross_correlation(layers)
    order = cluster_units(correlation, layer_of_unit)
    assert layer_of_unit[order].tolist() == layer_of_unit.tolist()
    assert sorted(order.tolist()) == list(range(20))
    for shown in (group[order[:9]], group[::-1][order[10:19] - 11]):
        assert [len(set(shown[begin : begin + 3].tolist())) for begin in (0, 3, 6)] == [1, 1, 1]
    assert order[9] == 9 and order[19] == 10  # the dead last
    assert cluster_units(correlation, layer_of_unit).tolist() == order.tolist()
