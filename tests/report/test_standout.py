"""What stands out is the largest effect that its interval tells from none, with its number; it may be nothing."""

import h5py
import numpy as np
import pytest
from scipy import stats

from drillcore.artifacts.about import About, write_about
from drillcore.artifacts.geometry import Geometry
from drillcore.artifacts.history import write_history
from drillcore.artifacts.rewinding import Rewinding
from drillcore.report.standout import stands_out
from drillcore.report.studies import studied
from tests.artifacts import write_network

LAYERS = {"layer1": 6, "squeeze2": 2, "layer2": 5, "output": 4}


@pytest.fixture
def said(tmp_path):
    """A function of scores at the last epoch, (layers) or (trainings, layers), and of accuracies with each put back: what
    stands out in a network in which nothing else does."""
    folder = write_network(tmp_path, "net", LAYERS)
    row = dict.fromkeys(("train_loss", "val_loss", "val_f1", "val_accuracy", "train_accuracy"), 0.9)
    write_history(folder / "history.csv", [{"epoch": 1, **row}])
    write_about(folder, About("net", 1000))

    def sentence(probe=(0.9,) * 4, dormant=(0,) * 4, rewound=(0.9,) * 4, samples=1000):
        with h5py.File(folder / Geometry.FILE, "r+") as file:
            file.attrs["test_samples"] = samples
            for name, values in (("probe", probe), ("dormant", dormant)):
                rows = np.atleast_2d(np.asarray(values, float))
                file[f"scores/{name}"][-1] = rows[0]
                del file[f"seeds/{name}"]
                file[f"seeds/{name}"] = rows
        with h5py.File(folder / Rewinding.FILE, "r+") as file:
            file["accuracy"][:, 0], file["whole/accuracy"][-1] = rewound, 0.9
            if len(file["sample"]) != samples:
                del file["sample"]
                file["sample"] = np.arange(samples)
        (network,) = studied(tmp_path / "artifacts", ["net"])
        return stands_out(network)

    return sentence


def test_nothing_stands_out_where_nothing_differs(said):
    assert said() == ""
    assert said(probe=(0.92, 0.9, 0.9, 0.9)) == said(dormant=(0, 0.01, 0, 0)) == ""


def test_a_layer_from_which_less_is_read_stands_out_if_the_test_samples_tell(said):
    falls = (0.9, 0.6, 0.55, 0.6)
    half = 2 * np.sqrt(0.6 * 0.4 / 1000)
    assert said(falls) == (
        f"a linear probe reads less from squeeze2 than from layer1: 0.60 ± {half:.2f} against 0.90 ± 0.02."
    )
    assert said((0.9, 0.6, 0.6, 0.6), samples=4) == ""


def test_of_several_seeds_the_interval_decides(said):
    alike = [(0.9, 0.60, 0.6, 0.6), (0.9, 0.61, 0.6, 0.6), (0.9, 0.62, 0.6, 0.6)]
    half = stats.sem([0.60, 0.61, 0.62]) * stats.t.ppf(0.975, 2)
    still = [(0.0,) * 4] * 3
    assert f"from squeeze2 than from layer1: 0.61 ± {half:.2f} against 0.90 ± 0.00." in said(alike, still)
    apart = [(0.9, 0.1, 0.6, 0.6), (0.9, 0.9, 0.6, 0.6), (0.9, 0.9, 0.6, 0.6)]
    assert "squeeze2 than from layer1" not in said(apart, still)


def test_the_largest_effect_is_told(said):
    assert said(dormant=(0, 0, 0.25, 0)) == "25.0 % of the units of layer2 are dormant at the end."
    matters = said((0.9, 0.8, 0.8, 0.8), (0, 0, 0.25, 0), (0.85, 0.2, 0.6, 0.88))
    assert matters.startswith(
        "squeeze2 matters most: put back to epoch 0, accuracy falls from 0.90 ± 0.02 to 0.20 ± 0.03; with any other layer, "
    )
    assert said(rewound=(0.2, 0.2, 0.6, 0.88)) == ""


def test_a_test_that_stays_behind_the_training_stands_out(said, tmp_path):
    row = dict.fromkeys(("train_loss", "val_loss", "val_f1"), 0.9) | {"val_accuracy": 0.7, "train_accuracy": 0.99}
    write_history(tmp_path / "artifacts/net/history.csv", [{"epoch": 1, **row}])
    assert said().startswith("test accuracy stays behind that of the training: 0.70 ± ")
