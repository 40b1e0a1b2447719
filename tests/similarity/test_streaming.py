from itertools import combinations
from pathlib import Path

import h5py
import numpy as np
import pytest

from drillcore import debiased_cka, linear_cka, stream_cka
from tests.processes import run

ROOT = Path(__file__).resolve().parents[2]


def reference(measure, layers):
    layers, values = [np.asarray(layer, np.float64) for layer in layers], np.eye(len(layers))
    for row, column in combinations(range(len(layers)), 2):
        values[row, column] = values[column, row] = measure(layers[row], layers[column])
    return values


@pytest.fixture(scope="module")
def layers():
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((5_000, 6))
    made = [np.maximum(hidden @ rng.standard_normal((6, p)) + rng.standard_normal((5_000, p)), 0) for p in (70, 40)]
    made += [made[0][:, :1] + 500, rng.standard_normal((5_000, 90)) * np.geomspace(1e-3, 1e3, 90)]
    return [layer.astype(np.float32) for layer in made]


@pytest.mark.parametrize("chunk_bytes", [100_000, 3_000_000, 1 << 30])
@pytest.mark.parametrize("order", ["as drawn", "sorted"])
def test_streaming_equals_the_in_memory_result_to_six_digits(layers, tmp_path, chunk_bytes, order):
    rows = np.argsort(layers[0][:, 0]) if order == "sorted" else slice(None)
    with h5py.File(tmp_path / "layers.h5", "w") as file:
        stored = [file.create_dataset(f"{k}", data=layer[rows], chunks=True) for k, layer in enumerate(layers)]
        streamed = stream_cka(stored, chunk_bytes)
    np.testing.assert_allclose(streamed.linear_cka, reference(linear_cka, layers), atol=1e-6)
    np.testing.assert_allclose(streamed.debiased_cka, reference(debiased_cka, layers), atol=1e-6)


def test_few_samples_of_many_units_in_double_precision():
    rng = np.random.default_rng(1)
    layers = [rng.standard_normal((9, 200)) + 3, rng.standard_normal((9, 5)), rng.standard_normal((9, 60))]
    for chunk_bytes in (1, 4000, 1 << 20):
        streamed = stream_cka(layers, chunk_bytes)
        np.testing.assert_allclose(streamed.linear_cka, reference(linear_cka, layers), atol=1e-12)
        np.testing.assert_allclose(streamed.debiased_cka, reference(debiased_cka, layers), atol=1e-11)


def test_dead_and_broken_layers_are_nan_and_leave_the_others_alone(layers):
    some = [layer[:500] for layer in layers[:2]]
    broken = np.ones((500, 3), np.float32)
    broken[400, 1] = np.inf
    dead = np.full((500, 4), [0.1, 1 / 3, 1e6 / 7, -3e-7], np.float32)
    streamed = stream_cka([some[0], dead, broken, some[1]], 50_000)
    for values, measure in zip(streamed, (linear_cka, debiased_cka), strict=True):
        assert np.isnan(values[1:3]).all()
        assert np.isnan(values[:, 1:3]).all()
        assert values[0, 3] == pytest.approx(measure(*some), abs=1e-6)


def test_fewer_than_four_samples_are_nan(layers):
    assert np.isnan(stream_cka([layer[:3] for layer in layers]).linear_cka).all()


def test_arrays_are_left_as_they_were(layers):
    before = layers[0].copy()
    stream_cka(layers[:2], 1 << 20)
    np.testing.assert_array_equal(layers[0], before)


def test_memory_does_not_grow_with_the_samples(tmp_path):
    """160 MB of activations in chunks of 4 MB."""
    rows = np.random.default_rng(0).standard_normal((10_000, 200)).astype(np.float32)
    with h5py.File(tmp_path / "layers.h5", "w") as file:
        for name in "ab":
            dataset = file.create_dataset(name, (100_000, 200), np.float32, chunks=(1000, 200))
            for begin in range(0, 100_000, 10_000):
                dataset[begin : begin + 10_000] = rows
    result = run("tests.similarity.child_peak", tmp_path / "layers.h5")
    assert int(result.stdout) < 40e6, result.stderr
