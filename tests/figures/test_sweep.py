"""All trainings of experiments by width, pooled over seeds."""

import numpy as np
import pytest

from drillcore import t_interval
from drillcore.artifacts.geometry import Geometry
from drillcore.artifacts.svd import Spectra
from drillcore.base.errors import InputError
from drillcore.figures.style import applied
from drillcore.figures.sweep import Trained, by_width, figures, sweep, trainings, write_table
from stages.rig.experiments import fresh
from stages.sweep import network_of
from tests.artifacts import write_further

FOUND = [
    *(Trained(4, seed, 0.5 + 0.1 * seed, 2.0 + seed) for seed in range(3)),
    *(Trained(4, seed, 0.5 + 0.1 * seed, 2.0 + seed) for seed in range(1, 4)),
    Trained(1, 0, 0.25, np.nan),
]
"""Two experiments of width 4 that share two seeds, and one of width 1."""


def test_a_seed_that_two_experiments_have_counts_once():
    points = by_width(FOUND)
    assert list(points) == [1, 4]
    assert points[4]["accuracy"] == t_interval([0.5, 0.6, 0.7, 0.8])
    assert points[4]["rank"] == t_interval([2, 3, 4, 5]) and points[4]["probe"].count == 0
    assert points[1]["accuracy"].count == 1 and np.isnan(points[1]["rank"].mean)


def test_the_figure_has_an_interval_for_each_width_of_several_seeds():
    points = by_width(FOUND)
    with applied(50):
        ((name, draw),) = figures(points, "chosen width")
        accuracy, rank = (figure := draw()).axes
    assert name == "sweep"
    said = " ".join(figure.texts[1].get_text().split())
    assert "chosen width: means over 1 to 4 seeds of each width and 95 % t intervals" in said
    ends = [segment[:, 1] for bars in accuracy.collections for segment in bars.get_segments()]
    half = points[4]["accuracy"].half
    assert len(ends) == 1 and ends[0].tolist() == pytest.approx([0.65 - half, 0.65 + half])
    assert rank.get_yscale() == "log" and accuracy.lines[0].get_xdata().tolist() == [1, 4]
    assert len(sweep(by_width([*FOUND, Trained(1, 0, 0.25, 1.5, 0.75)])).axes) == 3


def test_what_a_stage_made_of_other_inputs_is_not_taken_for_an_experiments_own():
    def stage(deps, outs):
        return {
            part: [{"path": path, "md5": md5} for path, md5 in items]
            for part, items in (("deps", deps), ("outs", outs))
        }

    stages = {
        "define@a": stage([], [("card", "2")]),
        "train@a": stage([("card", "2")], [("weights", "5")]),
        "activations@a": stage([("card", "1"), ("weights", "3")], [("layers", "4")]),
        "geometry@a": stage([("layers", "4")], [("scores", "6")]),
    }
    assert [fresh(stages, f"{name}@a") for name in ("train", "activations", "geometry", "svd")] == [
        True,
        False,
        False,
        False,
    ]
    stages["activations@a"] = stage([("card", "2"), ("weights", "5")], [("layers", "7")])
    assert fresh(stages, "activations@a") and not fresh(stages, "geometry@a")


def test_the_table_leaves_what_is_not_known_empty(tmp_path):
    write_table(tmp_path / "sweep.csv", by_width(FOUND))
    header, narrow, wide = (tmp_path / "sweep.csv").read_text().splitlines()
    assert header == "width,seeds,accuracy,accuracy_interval,rank,rank_interval,probe,probe_interval"
    assert narrow == "1,1,0.25,,,,,"
    assert wide.startswith("4,4,0.65,") and wide.endswith(",,") and wide.count(",") == 7


def test_trainings_are_those_of_all_seeds(network):
    folder = network("squeeze", {"layer1": 9, "squeeze2": 2, "layer2": 8, "output": 4}, epochs=(0, 2))
    values = np.random.default_rng(1).normal(size=(40, 8)).astype(np.float32)
    write_further(folder, (folder / "history.csv").read_text().splitlines()[0], [0.5], [{"layer2": values}])
    first, second = trainings(folder)
    assert (first.width, first.seed, second.seed, second.accuracy) == (2, 0, 1, 0.5)
    shares = np.linalg.svd(np.float64(values - values.mean(0)), compute_uv=False)
    shares /= shares.sum()
    assert second.rank == pytest.approx(np.exp(-np.sum(shares * np.log(shares))), rel=1e-5)
    with Spectra(folder / Spectra.FILE) as file:
        assert first.rank == file.rank("layer2", "effective_rank")
    with Geometry(folder / Geometry.FILE) as file:
        assert first.probe == file["probe"][-1, file.layers.index("layer2")]
        assert second.probe == pytest.approx(first.probe - 0.01)
    (folder / Spectra.FILE).unlink()
    assert np.isnan([one.rank for one in trainings(folder)]).all()


def test_a_parameter_that_is_no_width_is_refused(parameters):
    assert network_of("bottleneck", parameters["networks"]) == "squeeze"
    with pytest.raises(InputError, match="'seed' is the width of a squeeze in no network"):
        network_of("seed", parameters["networks"])
