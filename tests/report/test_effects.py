"""Settling and rewinding stand beside the other scores of a layer, at its place and epoch."""

import numpy as np
import pytest

from drillcore.artifacts.geometry import Geometry
from drillcore.artifacts.replicates import histories
from drillcore.artifacts.rewinding import Rewinding, write_rewinding
from drillcore.artifacts.similarity import Similarity
from drillcore.artifacts.svd import Spectra
from drillcore.intervals import t_interval
from drillcore.landscape.rewinding import Rewound
from drillcore.report.effects import rewound
from drillcore.report.geometry import geometry
from drillcore.report.overview import bands
from tests.artifacts import write_further, write_network


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A network whose further seed differs a little."""
    folder = write_network(
        tmp_path_factory.mktemp("effects"), "net", {"layer1": 6, "squeeze2": 2, "output": 4}, epochs=(0, 2)
    )
    write_further(folder, (folder / "history.csv").read_text().splitlines()[0], [0.5], [{}])
    return folder


def test_values_are_those_of_their_files(folder):
    meta, arrays = geometry(folder)
    titles = {name: (title, axis) for name, title, axis, *_ in meta["measures"]}
    assert titles["settling"] == ("Settling", "debiased CKA with the last epoch")
    assert titles["rewound"] == ("Rewinding", "accuracy with that layer put back")
    with Similarity(folder / Similarity.FILE) as file:
        for row, epoch in enumerate(meta["epochs"]):
            if epoch in file.compared:
                across = file.across("debiased_cka")[:, file.compared.index(epoch), -1]
                found = across[[file.layers.index(layer) for layer in meta["layers"]]]
                np.testing.assert_allclose(arrays["settling"][row], found, rtol=1e-6)
    with Rewinding(folder / Rewinding.FILE) as file:
        assert set(file.layers) <= set(meta["layers"])
        for position, layer in enumerate(file.layers):
            for column, epoch in enumerate(file.epochs):
                place = meta["epochs"].index(epoch), meta["layers"].index(layer)
                assert arrays["rewound"][place] == pytest.approx(file["accuracy"][position, column])


def test_a_score_with_a_layer_put_back_that_is_not_finite_is_named(tmp_path):
    score = np.array([[0.5, 0.9], [np.nan, 0.9]])
    write_rewinding(
        tmp_path / "rewind.h5", Rewound(["a", "b"], [0, 2], {"loss": score}, {"loss": score[0]}), np.arange(3), 0.5
    )
    about, _ = rewound(tmp_path / "rewind.h5", ["a", "b"], [0, 1, 2])
    assert about[-1].endswith("; outputs were not finite with b at epoch 0")


def test_scores_and_ranks_have_their_interval(folder):
    meta, arrays = geometry(folder)
    assert meta["seeds"] == 2
    with Geometry(folder / Geometry.FILE) as file, Spectra(folder / Spectra.FILE) as spectra:
        np.testing.assert_allclose(arrays["probe/seeds"], file.interval("probe"), rtol=1e-6)
        ranks = [spectra.interval(layer, "effective_rank")[:2] for layer in meta["layers"]]
        np.testing.assert_allclose(arrays["rank/seeds"], np.transpose(ranks), rtol=1e-6)


def test_curves_have_a_band_over_seeds(folder, tmp_path):
    folder_of_one = write_network(tmp_path, "one", {"layer1": 6, "output": 4})
    assert bands(folder_of_one) == {}
    last = [history["val_accuracy"][-1] for history in histories(folder)]
    mean, half = bands(folder)["val_accuracy"]
    assert (mean, half) == ([pytest.approx(np.mean(last))], [pytest.approx(t_interval(last).half)])
