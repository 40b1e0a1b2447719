"""Minima beside chance at a threshold, in the summary: shares, standard errors between steps, and scalars by epoch."""

import json
import shutil

import numpy as np
import pytest

import drillcore
from drillcore.artifacts.gradient_stats import GradientStats, write_gradient_stats
from drillcore.artifacts.gradients import SCALARS
from drillcore.recording.chance import ERRORS, FEWEST, compared
from drillcore.recording.scalars import over_network
from tests.recording.test_null import strip, train

STEPS = 120


@pytest.fixture
def summary(tmp_path):
    scale = 10.0 ** np.random.default_rng(0).uniform(-8, 0, 2000)
    with train(tmp_path / "gradients.h5", STEPS, scale, "momentum") as file:
        yield file, drillcore.summarise(file, [1e-5, 1.0])


def test_shares_are_those_of_the_counts(summary):
    file, statistics = summary
    for kind, threshold, bins in [("raw", "1e-05", 7), ("raw", "1", 12), ("ema", "1", 12)]:
        near = np.s_[:, :, :bins, :bins]
        minima, maxima = (file.counts(kind)[..., crossing][near].sum((1, 2, 3)) for crossing in (1, 2))
        null, flips = (counts[:][near].sum((1, 2, 3)) for counts in (file.null_minima(kind), file.null_flips(kind)))
        found = statistics["thresholds"][threshold][kind]
        np.testing.assert_allclose(found["step"]["minima_share"], minima / (minima + maxima), rtol=1e-12)
        with np.errstate(invalid="ignore"):
            np.testing.assert_allclose(found["step"]["minima_share_null"], null / flips, rtol=1e-12)
        for table in (found["epoch"], found["tensor"]["weight"]):
            np.testing.assert_allclose(table["minima_share"], [minima.sum() / (minima + maxima).sum()], rtol=1e-12)
            np.testing.assert_allclose(table["minima_share_null"], [null.sum() / flips.sum()], rtol=1e-12)
            assert abs(table["z"][0]) < 4


def test_an_excess_over_blocks_of_equal_size_is_that_of_a_mean():
    random = np.random.default_rng(0)
    minima, null = random.integers(500, 600, (2, 40)).astype(float)
    flips = np.stack([minima, 1000 - minima, null, np.full(40, 1000.0)], -1)
    differences = (minima - null).reshape(8, 5).mean(1) / 1000
    expected = differences.mean() / (differences.std(ddof=1) / np.sqrt(8))
    found = compared(flips, 2 * np.arange(40), decay=0.5)  # ten steps are five recorded ones
    assert found["z"] == pytest.approx(expected)
    assert found["minima_share"] == pytest.approx(minima.sum() / 40_000)


def test_of_few_steps_or_without_variation_z_is_nan():
    flips = np.tile([60.0, 40, 50, 100], (39, 1))
    assert np.isnan(compared(flips, np.arange(39), decay=0.9)["z"])
    flips[::2, :2] += 1, -1
    assert np.isnan(compared(flips[:30], np.arange(30), decay=0.9)["z"])
    assert np.isfinite(compared(flips[:35], np.arange(35), decay=0.9)["z"])


def test_a_long_memory_needs_long_blocks():
    flips = np.random.default_rng(0).integers(400, 600, (100, 4)).astype(float)
    assert np.isfinite(compared(flips, np.arange(100), decay=0.9)["z"])
    assert np.isnan(compared(flips, np.arange(100), decay=0.99)["z"])


def test_scalars_by_epoch_are_medians(summary, tmp_path):
    file, statistics = summary
    write_gradient_stats(tmp_path / GradientStats.FILE, statistics)
    scalars = drillcore.open(tmp_path / GradientStats.FILE).scalars
    assert scalars["epoch"] == [1]
    for name, values in file.scalars.items():
        assert scalars["tensor"]["weight"][name] == pytest.approx([np.nanmedian(values[:, 0])])
        if name != "gradient_cosine":  # whose first step has no norm before it
            assert scalars["network"][name] == pytest.approx([np.nanmedian(values[:, 0])])


def test_scalars_of_the_network_are_those_of_one_long_tensor(tmp_path):
    random, sizes = np.random.default_rng(0), {"a": 30, "b": 5}
    with (
        drillcore.GradientRecorder(sizes, tmp_path / "parts.h5") as parts,
        drillcore.GradientRecorder({"all": 35}, tmp_path / "whole.h5") as whole,
    ):
        for step in range(1, 6):
            gradient, weights = random.standard_normal((2, 35)).astype(np.float32)
            parts.record(step, 1, 0.5, [gradient[:30], gradient[30:]], [weights[:30], weights[30:]])
            whole.record(step, 1, 0.5, [gradient], [weights])
    with drillcore.open(tmp_path / "parts.h5") as file, drillcore.open(tmp_path / "whole.h5") as expected:
        found = over_network(np.stack([values[:] for values in file.scalars.values()], -1), file.step())
        for position, name in enumerate(SCALARS):
            begin = 1 if name == "gradient_cosine" else 0
            np.testing.assert_allclose(found[begin:, position], expected.scalars[name][begin:, 0], rtol=1e-10)


def test_a_file_of_an_earlier_version_is_summarised_as_it_was(summary, tmp_path):
    _, statistics = summary
    (tmp_path / "earlier").mkdir()
    earlier = shutil.copy(tmp_path / "gradients.h5", tmp_path / "earlier")
    strip(earlier)
    with drillcore.open(earlier) as old:
        found = drillcore.summarise(old, [1e-5, 1.0])
    assert "scalars" not in found
    added = {"minima_share", "minima_share_null", "z"}
    for threshold, kinds in found["thresholds"].items():
        for kind, tables in kinds.items():
            now = statistics["thresholds"][threshold][kind]["epoch"]
            assert now.keys() - tables["epoch"].keys() == added
            kept = {name: values for name, values in now.items() if name not in added}
            assert json.dumps(kept) == json.dumps(tables["epoch"])


def test_four_blocks_of_noise_differ_from_chance_in_one_case_of_twenty():
    from scipy.stats import t

    assert pytest.approx(t.ppf(0.975, FEWEST - 1), abs=0.005) == ERRORS
