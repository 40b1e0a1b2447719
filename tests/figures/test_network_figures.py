"""All figures of a network, from files to files."""

import hashlib
import warnings
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axis import Axis
from matplotlib.image import imread
from matplotlib.text import Text

from drillcore.base.errors import InputError
from drillcore.figures.catalogue import figures
from drillcore.figures.style import applied
from stages.plots import main

TOPICS = [
    "layer_feature_correlation",
    "correlation_evolution",
    "layer_similarity",
    "layer_similarity_calibrated",
    "layer_similarity_untrained",
    "similarity_evolution",
    "similarity_settling",
    "cka_bias",
    "cka_outlier",
    "zero_e7_grads",
    "zero_e5_grads",
    "frac_zero_grads_released",
    "frac_flip",
    "wdiff",
    "gradient_histogram",
    "step_scalars",
    "sharpness",
    "minima_verdict",
    "rewinding",
    "layer_wise_grad_signs",
    "zoomed_layer_wise_grad_signs",
    "probes",
    "neural_collapse",
    "intrinsic_dimension",
    "dormancy",
    "f_svd_analysis",
    "w_svd_analysis",
    "model_tsne_layers",
    "training_curves",
    "augs/contact_sheet",
]


def digests(folder):
    files = (path for path in Path(folder).rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def expected_names(epochs, layers):
    names = TOPICS + [f"layer_feature_correlation/epoch_{epoch:03d}" for epoch in epochs]
    return names + [f"intra/l{number}_{kind}" for number in range(1, layers + 1) for kind in ("ff", "bb")]


def test_a_report_has_every_figure_twice_and_every_augmentation_once(report):
    names = expected_names((0, 2), 4)
    images = [f"augs/aug_{number:03d}.png" for number in range(12)]
    assert set(digests(report / "reports/net")) == {f"{name}.{e}" for name in names for e in ("png", "pdf")} | {
        *images,
        "suspects.csv",
    }
    for name in names:
        picture = imread(report / f"reports/net/{name}.png")[..., :3]
        assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 20
        document = (report / f"reports/net/{name}.pdf").read_bytes()
        assert document.startswith(b"%PDF")
        assert b"CreationDate" not in document
    assert [path.name for path in (report / "reports").iterdir()] == ["net"]


def test_a_report_is_the_same_bytes_whatever_the_number_of_processes(report, monkeypatch):
    monkeypatch.chdir(report)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    first = digests("reports/net")
    main("net")
    assert digests("reports/net") == first


def test_a_run_that_fails_leaves_the_old_report_alone(network):
    folder = network("net", {"layer1": 6, "output": 4}, epochs=(0, 1))
    old = Path("reports/net/old.png")
    old.parent.mkdir(parents=True)
    old.write_text("old")
    (folder / "gradient_stats.json").unlink()
    with pytest.raises(InputError, match=r"artifacts/net/gradient_stats\.json does not exist"):
        main("net")
    assert [str(path) for path in Path("reports").rglob("*")] == ["reports/net", "reports/net/old.png"]


def test_a_network_that_is_not_there_is_named(network):
    network("net", {"output": 4}, epochs=(0, 1))
    with pytest.raises(InputError, match=r"artifacts/other/activations\.h5 does not exist"):
        main("other")
    assert not Path("reports/other").exists()


MODULES = [f"encoder.blocks.{k}.attention.output_projection" for k in range(23)] + ["head"]
DEGENERATE = {
    "one epoch": {"widths": {"layer1": 3, "output": 4}, "epochs": (1,), "steps": 1},
    "one layer": {"widths": {"output": 4}, "epochs": (0, 1)},
    "no step recorded": {"widths": {"layer1": 3, "output": 4}, "epochs": (0, 1), "steps": 0},
    "a dead layer": {
        "widths": {"layer1": 3, "squeeze2": 1, "layer2": 5, "output": 4},
        "epochs": (0, 2),
        "dead": {"squeeze2", "layer2"},
        "kinds": {
            "squeeze2": "coordinates: the layer has width 1",
            "layer2": "none: the layer's outputs are not finite",
        },
    },
    "many layers with long names": {
        "widths": {f"{kind}{k}.batch_norm": 2 for k in range(1, 7) for kind in ("layer", "squeeze")},
        "epochs": tuple(range(14)),
        "steps": 2,
    },
    "a deep network of the names of its modules": {
        "widths": dict.fromkeys(MODULES, 2),
        "tensors": {f"{module}.weight": 6 for module in MODULES},
        "build": "my.py:make",
        "epochs": (0, 1),
    },
}


@pytest.mark.parametrize("case", DEGENERATE)
def test_every_figure_is_drawn_without_a_warning_and_nothing_is_clipped(network, case):
    options = dict(DEGENERATE[case])
    folder = network("net-with-a-rather-long-name", options.pop("widths"), **options)
    problems = {}
    with warnings.catch_warnings(), applied(50):
        warnings.simplefilter("error")
        for name, function in figures(folder, "colourblind"):
            figure = function()
            figure.draw_without_rendering()
            texts = drawn_texts(figure)
            if found := clipped(figure, *texts) + overlapping(*texts) + covering(figure):
                problems[name] = found
    assert problems == {}


def drawn_texts(figure):
    """The texts that are drawn, with the extents (n, 4) of each: left, bottom, right, top in pixels."""
    ticks, texts = set(), []
    for axis in figure.findobj(Axis):
        low, high = sorted(axis.get_view_interval())
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            for label in (tick.label1, tick.label2):
                ticks.add(label)
                if axis.axes.axison and low <= tick.get_loc() <= high:
                    texts.append(label)
    texts += [text for text in figure.findobj(Text) if text not in ticks]
    texts = [text for text in texts if text.get_visible() and text.get_text().strip()]
    return [text.get_text() for text in texts], np.array([text.get_window_extent().extents for text in texts])


def clipped(figure, names, extents):
    """Texts that are not wholly within the figure."""
    inside = (extents[:, :2] >= -1).all(1) & (extents[:, 2:] <= figure.bbox.max + 1).all(1)
    return [name for name, fits in zip(names, inside, strict=True) if not fits]


def covering(figure):
    """The axes, with all that is drawn of them, that reach into the headline or the line below it."""
    lowest = min(text.get_window_extent().y0 for text in figure.texts[:2])
    return [index for index, axes in enumerate(figure.axes) if axes.get_tightbbox().y1 > lowest]


def overlapping(names, extents):
    """Pairs of texts that cover each other by more than a pixel."""
    low = np.maximum(extents[:, None, :2], extents[:, :2])
    high = np.minimum(extents[:, None, 2:], extents[:, 2:])
    pairs = np.argwhere(np.triu(((high - low) > 1).all(2), 1))
    return [(names[first], names[second]) for first, second in pairs]
