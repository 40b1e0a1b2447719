"""A window of a training once more: the same bytes, whatever instruments look on."""

import re
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from drillcore.artifacts.gradients import Gradients
from drillcore.artifacts.replay import ReplayFile
from drillcore.base.errors import InputError
from drillcore.base.store import read
from stages import replay as stage
from tests.conftest import MODELS
from tests.processes import run
from tests.replay.replayed import BATCH, EPOCHS, STEPS, prepare, trained

PAGE = Path(__file__).parents[2] / "docs/extending.md"
ALL = "same_batch,curvature,noise,dump,activations"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with trained networks and a user-defined instrument, the current folder."""
    folder = tmp_path_factory.mktemp("replays")
    (folder / "models").mkdir()
    shutil.copy(MODELS / "instrument.py", folder / "models")
    documented = re.search(r"`models/moves.py`:\n\n```python\n(.*?)```", PAGE.read_text(), re.DOTALL)[1]
    assert len(documented.splitlines()) <= 20
    (folder / "models/moves.py").write_text(documented)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("OMP_NUM_THREADS", "1")
        prepare(folder, ["adam", "sgd"])
        trained(["adam", "sgd"])
        yield folder


@pytest.fixture(scope="module")
def window(finished):
    """The replay of steps 5 to 8 of `adam`, over the end of its first epoch, under all instruments."""
    stage.main("adam", steps="5:8", with_=f"{ALL},moves.py:LargestMove", tensors="output.*")
    with ReplayFile(finished / "artifacts/replays/adam-5-8.h5") as file:
        yield file


def test_a_replay_from_the_beginning_is_the_same_training(window):
    assert window.same and window.state == 0
    assert window.proof == (
        "the same training: the counts of 7 recorded steps, 8 losses, the weights after epoch 1 equal what was stored, "
        "bit for bit"
    )
    assert window.step.tolist() == [5, 6, 7, 8]
    assert window.epoch.tolist() == [1, 1, 2, 2]


@pytest.mark.parametrize(("network", "compared"), [("adam", 6), ("sgd", 6)])
def test_a_replay_from_a_later_state_is_the_same_training_too(finished, network, compared):
    stage.main(network, steps="14:18", with_="noise", tensors="")
    with ReplayFile(finished / f"artifacts/replays/{network}-14-18.h5") as file:
        assert file.same and file.state == 2
        assert f"the counts of {compared} recorded steps, 7 losses, the weights after epochs 2, 3 equal" in file.proof


def test_losses_and_learning_rates_are_those_of_the_training(window, finished):
    with Gradients(finished / "artifacts/adam/gradients.h5") as recorded:
        np.testing.assert_array_equal(window["loss"][:], recorded.loss[4:8])
    rates = 0.001 * (1 + np.cos(np.pi * np.arange(4, 8) / (EPOCHS * STEPS))) / 2
    np.testing.assert_allclose(window["learning_rate"][:], rates)


def test_the_same_batch_is_counted_as_the_training_counted_it(window, finished):
    with Gradients(finished / "artifacts/adam/gradients.h5") as recorded:
        steps = recorded.step("same_batch").tolist()  # from the step before to each
        for row, step in enumerate(window.step):
            if step + 1 in steps:
                counts = recorded.counts("same_batch")[steps.index(step + 1)]
                np.testing.assert_array_equal(window["same_batch/counts"][row], counts)


def test_the_weights_of_a_dump_move_as_the_recorder_saw(window, finished):
    with Gradients(finished / "artifacts/adam/gradients.h5") as recorded:
        tensor = recorded.tensors.index("output.weight")
        norms = recorded.scalars["gradient_norm"][:, tensor][recorded.step() >= 5][:4]
        squares = sum(norms[recorded.step() >= 5][:4] ** 2 for norms in recorded.scalars["gradient_norm"][:].T)
    np.testing.assert_allclose(window["gradient_norm"][:], np.sqrt(squares))
    dumped = window["dump/gradient/output.weight"][:]
    np.testing.assert_allclose(np.linalg.norm(dumped.reshape(4, -1), axis=1), norms, rtol=1e-6)
    assert list(window["dump/weight/output.bias"].shape) == [4, 2]


def test_a_user_defined_instrument_sees_every_update(window):
    moved = window["moves/largest_move"][:]
    assert moved.shape == (4, len(window.tensors))
    dumped = window["dump/weight/output.weight"][:]
    last = window.tensors.index("output.weight")
    np.testing.assert_allclose(moved[:3, last], np.abs(np.diff(dumped, axis=0)).reshape(3, -1).max(1), rtol=1e-6)


def test_activations_are_rows_of_the_probe(window):
    assert window["activations/layer1"].shape == (4, 32, 12)


def test_norms_of_samples_fill_the_batch(window):
    known = np.isfinite(window["noise/norms"][:]).sum(1)
    assert known.tolist() == [BATCH, 4, BATCH, BATCH]  # the last batch of the epoch is small


def test_another_training_is_called_so(finished, tmp_path, monkeypatch, capsys):
    folder = shutil.copytree(finished, tmp_path / "copy")
    monkeypatch.chdir(folder)
    with h5py.File(folder / "artifacts/sgd/gradients.h5", "r+") as file:
        file["raw/counts"][1, 0, 0, 0, 0] += 2
    path = folder / "artifacts/sgd/checkpoints/epoch_001.pth"
    weights = torch.load(path)
    weights["output.bias"][0] += 0.25
    torch.save(weights, path)
    stage.main("sgd", steps="2:6", with_="noise", tensors="")
    with ReplayFile(folder / "artifacts/replays/sgd-2-6.h5") as file:
        assert not file.same
        assert file.attribute("differing_counts") == 1
        assert file.attribute("largest_difference") == pytest.approx(0.25, rel=1e-6)
    said = capsys.readouterr().err
    assert "1 parameters are counted otherwise, first at step 3, weights after epoch 1 differ by up to 0.25" in said


def test_its_figure_has_a_panel_for_each_instrument_and_adams_edge(window):
    figure = window.plot()
    drawn = {axes.get_ylabel(): axes.get_lines() for axes in figure.axes if axes.get_ylabel()}
    assert list(drawn) == [
        "loss",
        "norm",
        "eigenvalue",
        "curvature along the step",
        "noise scale (samples)",
        "share of gradients",
    ]
    (edge,) = [line for line in drawn["eigenvalue"] if line.get_linestyle() == "--"]
    np.testing.assert_allclose(edge.get_ydata(), 38 / window["learning_rate"][:])
    np.testing.assert_array_equal(drawn["loss"][0].get_xydata(), np.stack([window.step, window["loss"][:]], 1))


MISTAKES = [
    ({"steps": "5-8"}, "--steps is '5-8', but should be first:last"),
    ({"steps": "8:5"}, "steps of the replay are 8:5, but should ascend and lie in 1:18"),
    ({"steps": "5:99"}, "steps of the replay are 5:99, but should ascend and lie in 1:18"),
    ({"with_": ""}, "--with names none"),
    ({"with_": "noise,curvatur"}, "There is no instrument 'curvatur'; there are same_batch, curvature"),
    (
        {"with_": "dump", "tensors": "outptu.*"},
        "tensors has 'outptu.*', which no trained tensor of the network is called",
    ),
    (
        {"with_": "instrument.py:Missing"},
        "the instrument is 'instrument.py:Missing', but models/instrument.py has no function 'Missing'",
    ),
    ({"steps": ""}, "params.yaml: replays holds no 'sgd'; it holds none"),
]


@pytest.mark.parametrize(("change", "said"), MISTAKES, ids=lambda value: str(value)[:40])
def test_a_mistake_is_one_sentence_and_leaves_nothing(change, said, finished):
    with pytest.raises(InputError) as error:
        stage.main("sgd", **{"steps": "2:3", "with_": "noise", "tensors": "", **change})
    assert said in str(error.value)
    assert not list((finished / "artifacts/replays").glob(".*"))


def test_an_instrument_says_which_frameworks_it_serves(finished):
    with pytest.raises(InputError, match="instrument serves keras, but the network is of torch: leave it out"):
        stage.main("sgd", steps="2:3", with_="instrument.py:OfKeras", tensors="")


def test_states_that_were_not_kept_are_said(finished, tmp_path, monkeypatch):
    folder = shutil.copytree(finished, tmp_path / "copy")
    monkeypatch.chdir(folder)
    (folder / "artifacts/sgd/states/epoch_000.h5").unlink()
    with pytest.raises(InputError, match=r"no state from before step 9 is kept in .*, those of epochs 2 are"):
        stage.main("sgd", steps="9:10", with_="noise", tensors="")


@pytest.mark.soak
def test_keras_replays_the_same_training(tmp_path):
    result = run("tests.replay.child_keras_replay", tmp_path, OMP_NUM_THREADS="1")
    assert result.returncode == 0, result.stderr


@pytest.mark.soak
@pytest.mark.parametrize("network", ["dropping-torch", "dropping-keras", "resnet"])
def test_networks_with_dropout_and_batch_norm_are_the_same_too(network, tmp_path):
    result = run("tests.replay.child_networks", tmp_path, network, OMP_NUM_THREADS="1")
    assert result.returncode == 0, result.stderr


def test_a_replay_of_the_same_window_has_the_same_bytes(finished):
    paths = []
    for _ in range(2):
        stage.main("sgd", steps="3:4", with_="noise,curvature", tensors="")
        paths.append((finished / "artifacts/replays/sgd-3-4.h5").read_bytes())
    assert paths[0] == paths[1]
    with read(finished / "artifacts/replays/sgd-3-4.h5") as file:
        assert np.isnan(file["curvature/preconditioned"][:]).all()  # of an optimiser without a second moment
