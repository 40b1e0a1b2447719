"""All squeeze widths side by side."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from matplotlib.image import imread
from scipy import stats

from drillcore.artifacts.svd import Spectra
from drillcore.base.errors import InputError
from drillcore.figures.style import applied
from drillcore.figures.widths import Point, bottleneck, figures, read_point, write_table
from stages.rig.base.parameters import dump
from stages.widths import main
from tests.artifacts import write_further

WIDTHS = {"ablation-0": 32, "ablation-1": 8, "ablation-2": 2, "ablation-3": 1, "squeeze": 8}


def squeezed(width):
    return {"layer1": 9, "squeeze2": width, "layer2": 8, "output": 4}


def test_all_widths_are_drawn_from_files(network):
    for name, width in WIDTHS.items():
        status = {"squeeze2": f"coordinates: the layer has width {width}"} if width <= 2 else {}
        network(name, squeezed(width), epochs=(0, 2), kinds=status)
    Path("params.yaml").write_text(dump({"plots": {"widths": {"narrower": list(WIDTHS)}}}))
    main("narrower")
    report = Path("reports/narrower")
    assert sorted(path.name for path in report.iterdir()) == ["bottleneck.csv", "bottleneck.png"]
    assert len(np.unique(imread(report / "bottleneck.png"))) > 20
    with pytest.raises(InputError, match=r"plots\.widths holds no 'wider'; it holds narrower"):
        main("wider")


@pytest.mark.parametrize("count", [2, 3, 5, 9])
def test_any_number_of_networks_from_two_on_is_drawn(count):
    points = {
        f"n{width}": Point(f"width {width}", width, 0.5, {"layer3": 1.0}, {}, {"layer3": 0.9}, {"layer3": "t-SNE"})
        for width in range(count)[::-1]
    }
    with applied(50):
        ((name, draw),) = figures({name: point._replace(width=point.width + 1) for name, point in points.items()})
        line, star = draw().axes[0].lines
    assert name == "bottleneck"
    assert line.get_xdata().tolist() == list(range(2, count + 1))
    assert star.get_xdata().tolist() == [1]


def test_the_table_has_a_row_for_each_network(tmp_path):
    points = {
        "a": Point(
            *("wide", 8, 0.5, {"squeeze2": 2.0, "layer2": 3.5}, {"squeeze2": 1.5, "layer2": 3.0}, {}, {}),
            *(3, {"score": 0.1, "ranks": {"layer2": 0.25}}),
        ),
        "b": Point("narrow", 1, 0.25, {"layer2": 1.0}, {"layer2": 1.0}, {}, {}),
    }
    write_table(tmp_path / "table.csv", points)
    header, *rows = (tmp_path / "table.csv").read_text().splitlines()
    columns = "test_accuracy,test_accuracy_interval,effective_rank,effective_rank_interval"
    columns += ",effective_rank_of_variances,effective_rank_of_variances_interval"
    assert header == f"network,width,seeds,{columns}"
    assert rows == ["a,8,3,0.5,0.1,3.5,0.25,3.0,", "b,1,1,0.25,,1.0,,1.0,"]


def test_figure_and_table_name_the_score_of_the_task(tmp_path):
    facts = [{"layer2": 1.0}, {"layer2": 1.0}, {"layer2": 0.9}, {"layer2": "t-SNE"}]
    points = {f"n{width}": Point(f"width {width}", width, 0.5, *facts, score_name="r2") for width in (2, 4)}
    write_table(tmp_path / "table.csv", points)
    assert (tmp_path / "table.csv").read_text().startswith("network,width,seeds,test_r2,test_r2_interval,")
    ((_, draw),) = figures(points)
    assert draw().axes[0].get_ylabel() == "test R²"


def test_a_point_is_of_the_last_epoch(network):
    folder = network("ablation-2", squeezed(2), epochs=(0, 2), kinds={"squeeze2": "coordinates: the layer has width 2"})
    point = read_point(folder)
    with h5py.File(folder / "svd.h5") as file:
        ranks, of_variances = (
            {layer: file[f"features/002/{layer}"].attrs[rank] for layer in ("squeeze2", "layer2")}
            for rank in ("effective_rank", "effective_rank_of_variances")
        )
    assert (point.width, point.ranks, point.of_variances) == (2, ranks, of_variances)
    assert ranks["layer2"] != of_variances["layer2"]
    assert np.isnan(point.trust["squeeze2"])
    assert point.trust["layer2"] == 0.9
    assert 0.1 < point.score < 1


def test_several_seeds_give_means_and_intervals(network):
    folder = network("ablation-2", squeezed(2), epochs=(0, 2))
    random, seeds = np.random.default_rng(1), (1, 2)
    features = {seed: random.normal(size=(40, 8)).astype(np.float32) for seed in seeds}
    history = (folder / "history.csv").read_text().splitlines()
    accuracies = [float(history[-1].split(",")[4]), 0.5, 0.25]
    write_further(folder, history[0], accuracies[1:], [{"layer2": features[seed]} for seed in seeds])
    point = read_point(folder)
    assert (point.score, point.seeds) == (pytest.approx(np.mean(accuracies)), 3)
    assert point.half_of("score", None) == pytest.approx(stats.sem(accuracies) * stats.t.ppf(0.975, 2))
    with Spectra(folder / Spectra.FILE) as file:
        ranks = [file.rank("layer2", "effective_rank")]
    shares = [np.linalg.svd(one - one.mean(0), compute_uv=False) for one in map(np.float64, features.values())]
    ranks += [np.exp(stats.entropy(values)) for values in shares]
    assert point.ranks["layer2"] == pytest.approx(np.mean(ranks), rel=1e-5)
    assert point.half_of("ranks", "layer2") == pytest.approx(stats.sem(ranks) * stats.t.ppf(0.975, 2), rel=1e-4)
    assert point.half_of("ranks", "squeeze2") == 0
    with applied(50):
        accuracy, *_ = (figure := bottleneck({"a": point}, {"b": point})).axes
    assert "Means over 3 seeds with 95 % t intervals" in " ".join(figure.texts[1].get_text().split())
    segments = accuracy.collections[0].get_segments()
    assert np.ptp(segments[0][:, 1]) == pytest.approx(2 * point.half_of("score", None))


def test_a_network_without_a_squeeze_is_refused(network):
    folder = network("ablation-2", {"layer1": 3, "output": 4}, epochs=(0, 1))
    with pytest.raises(InputError, match="ablation-2 has no squeeze-expand layer"):
        read_point(folder)


def test_widths_ascend_along_x_and_the_chosen_width_is_a_star():
    points = {
        f"n{width}": Point(f"width {width}", width, 1 - 1 / width, {"layer3": 1.0 * width}, {}, {"layer3": 0.9}, {})
        for width in (32, 8, 2)
    }
    with applied(50):
        accuracy, *_ = bottleneck(points, {"squeeze": points["n8"]}).axes
    line, star = accuracy.lines
    subtitle = accuracy.figure.texts[1].get_text()
    assert subtitle == "width 32, width 8, width 2, and width 8 as stars; last epoch of each"
    assert line.get_xdata().tolist() == [2, 8, 32]
    assert line.get_ydata().tolist() == [0.5, 0.875, 1 - 1 / 32]
    assert (star.get_marker(), star.get_xdata().tolist()) == ("*", [8])
