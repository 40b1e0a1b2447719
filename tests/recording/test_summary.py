"""The stage that tells of recorded gradients, end to end against the gradients themselves."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from drillcore.artifacts.gradients import Gradients
from drillcore.recording import summary
from drillcore.recording.recorder import GradientRecorder
from tests.processes import loaded

ROOT = Path(__file__).resolve().parents[2]
EDGES = [1e-7, 1e-5, 1e-3]
SIZES = {"layer1.weight": 300, "layer1.bias": 20}
STEPS, EPOCH = 9, 3


def training():
    """Gradients and weights (STEPS) of lists of arrays, small, some exactly zero."""
    generator = np.random.default_rng(0)

    def gradient(size):
        values = generator.normal(size=size) * 10.0 ** generator.uniform(-9, -3, size)
        return (values * (generator.random(size) > 0.2)).astype(np.float32)

    gradients = [[gradient(size) for size in SIZES.values()] for _ in range(STEPS)]
    weights = [[generator.normal(size=size).astype(np.float32) for size in SIZES.values()] for _ in range(STEPS)]
    return gradients, weights


def record(path, steps=STEPS):
    with GradientRecorder(SIZES, path, EDGES) as recorder:
        for step, arrays in enumerate(zip(*training(), strict=True)):
            if step < steps:
                recorder.record(step + 1, 1 + step // EPOCH, 0.5, *arrays)


def run_stage(folder, thresholds):
    (folder / "params.yaml").write_text(f"gradients: {{thresholds: {thresholds}}}\n")
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    command = [sys.executable, "-m", "stages.gradients", "small"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def artifacts(tmp_path):
    (tmp_path / "artifacts/small").mkdir(parents=True)
    return tmp_path / "artifacts/small"


def averages(values):
    means = [[value.astype(float) for value in values[0]]]
    for now in values[1:]:
        means.append([0.9 * mean + 0.1 * value.astype(float) for mean, value in zip(means[-1], now, strict=True)])
    return means


def transitions_of(gradients, weights, threshold, steps, tensors):
    """Zeros, retained, released, flips, minima, norm of the retained's change, over steps and tensors."""
    totals = np.zeros(6)
    for step in steps:
        for tensor in tensors:
            before, now = (gradients[t][tensor].astype(float) for t in (step - 1, step))
            change = weights[step][tensor].astype(float) - weights[step - 1][tensor]
            retained = (abs(before) <= threshold) & (abs(now) <= threshold)
            flips = retained & (np.sign(before) * np.sign(now) < 0)
            totals += [
                (abs(now) <= threshold).sum(),
                retained.sum(),
                ((abs(before) <= threshold) & (abs(now) > threshold)).sum(),
                flips.sum(),
                (flips & (change * (now - before) > 0)).sum(),
                (change[retained] ** 2).sum(),
            ]
    return [*totals[:5], totals[5] ** 0.5]


NAMES = ["zeros", "retained", "released", "flips", "minima", "weight_change"]


@pytest.mark.parametrize("kind", ["raw", "ema"])
def test_stage_tells_of_every_step_epoch_and_tensor(artifacts, kind):
    record(artifacts / "gradients.h5")
    done = run_stage(artifacts.parents[1], "[1.0e-7, 1.0e-5]")
    assert done.returncode == 0, done.stderr
    stats = json.loads((artifacts / "gradient_stats.json").read_text())
    assert stats["tensors"] == list(SIZES) and stats["sizes"] == list(SIZES.values())
    assert list(stats["thresholds"]) == ["1e-07", "1e-05"]
    gradients, weights = training() if kind == "raw" else map(averages, training())

    def check(found, position, threshold, steps, tensors):
        expected = transitions_of(gradients, weights, threshold, steps, tensors)
        assert [found[name][position] for name in NAMES] == pytest.approx(expected, rel=1e-9)
        assert found["counted"][position] == len(steps) * sum(gradients[0][tensor].size for tensor in tensors)
        assert found["fraction_flipped"][position] == pytest.approx(expected[3] / expected[1])

    for threshold in (1e-7, 1e-5):
        of_kind = stats["thresholds"][f"{threshold:g}"][kind]
        by_epoch = {1: [1, 2], 2: [3, 4, 5], 3: [6, 7, 8]}
        assert of_kind["step"]["step"] == [2, 3, 4, 5, 6, 7, 8, 9]
        assert of_kind["step"]["epoch"] == [1, 1, 2, 2, 2, 3, 3, 3]
        assert of_kind["epoch"]["epoch"] == [1, 2, 3]
        for position, step in enumerate(range(1, STEPS)):
            check(of_kind["step"], position, threshold, [step], [0, 1])
        for position, steps in enumerate(by_epoch.values()):
            check(of_kind["epoch"], position, threshold, steps, [0, 1])
            for tensor, name in enumerate(SIZES):
                check(of_kind["tensor"][name], position, threshold, steps, [tensor])


def test_reading_in_blocks_changes_nothing(artifacts, monkeypatch):
    record(artifacts / "gradients.h5")
    with Gradients(artifacts / "gradients.h5") as file:
        whole = summary.summarise(file, EDGES)
        monkeypatch.setattr(summary, "row_blocks", lambda count, size: [slice(0, 4), slice(4, 5), slice(5, count)])
        assert json.dumps(summary.summarise(file, EDGES)) == json.dumps(whole)  # NaN does not equal itself
    assert len(whole["thresholds"]["0.001"]["raw"]["step"]["zeros"]) == STEPS - 1


def test_a_record_without_transitions_gives_empty_lists(artifacts):
    record(artifacts / "gradients.h5", steps=1)
    done = run_stage(artifacts.parents[1], "[1.0e-7]")
    assert done.returncode == 0, done.stderr
    found = json.loads((artifacts / "gradient_stats.json").read_text())["thresholds"]["1e-07"]["ema"]
    assert found["step"]["zeros"] == found["epoch"]["zeros"] == found["tensor"]["layer1.bias"]["zeros"] == []


def test_fractions_of_none_are_null(artifacts):
    with GradientRecorder({"weight": 1}, artifacts / "gradients.h5", EDGES) as recorder:
        for step in range(2):
            recorder.record(step, 1, 0.5, [np.float32([1])], [np.float32([1])])
    assert run_stage(artifacts.parents[1], "[1.0e-7]").returncode == 0
    found = json.loads((artifacts / "gradient_stats.json").read_text())["thresholds"]["1e-07"]["raw"]["step"]
    assert found["fraction_flipped"] == [None] and found["zeros"] == [0]


def test_a_threshold_between_edges_is_refused_in_one_sentence(artifacts):
    record(artifacts / "gradients.h5")
    done = run_stage(artifacts.parents[1], "[1.0e-7, 1.0e-6]")
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert "1e-06" in done.stderr and "1e-07 and 1e-05" in done.stderr
    assert not (artifacts / "gradient_stats.json").exists()


def test_a_missing_record_is_named(artifacts):
    done = run_stage(artifacts.parents[1], "[1.0e-7]")
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert "artifacts/small/gradients.h5 does not exist" in done.stderr


def test_the_stage_loads_no_framework_and_no_compiler():
    assert not {"torch", "tensorflow", "numba", "matplotlib"} & loaded("stages.gradients")


def test_over_seeds_every_statistic_has_its_mean_and_students_interval():
    def said(seed):
        random = np.random.default_rng(seed)
        table = {"step": [1, 2], "zeros": random.integers(9, size=2).tolist(), "flipped": [random.random(), np.nan]}
        tensor = {"fc": {"zeros": random.integers(9, size=2).tolist()}}
        raw = {"step": table, "epoch": {"epoch": [1, 2]}, "tensor": tensor}
        return {"thresholds": {"1e-07": {"raw": raw} | ({"ema": {}} if seed == 0 else {})}}

    trainings = [said(seed) for seed in range(3)]
    found = summary.over_seeds(trainings[0], trainings[1:])
    assert found["seeds"] == 3 and found["thresholds"]["1e-07"]["ema"] == {}
    raw = [training["thresholds"]["1e-07"]["raw"] for training in trainings]
    of_seeds = found["thresholds"]["1e-07"]["raw"]
    assert set(of_seeds["epoch"]) == {"epoch"} and of_seeds["step"]["zeros"] == raw[0]["step"]["zeros"]
    for name in ("zeros", "flipped"):
        values = np.array([one["step"][name] for one in raw])
        interval = stats.sem(values) * stats.t.ppf(0.975, 2)
        np.testing.assert_allclose(of_seeds["step"][f"{name}_mean"], values.mean(0), rtol=1e-12)
        np.testing.assert_allclose(of_seeds["step"][f"{name}_interval"], interval, rtol=1e-12)
    assert of_seeds["tensor"]["fc"]["zeros_mean"] == pytest.approx(
        np.mean([one["tensor"]["fc"]["zeros"] for one in raw], 0)
    )
    assert summary.over_seeds(trainings[0], []) is trainings[0]
