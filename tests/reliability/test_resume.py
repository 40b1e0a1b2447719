"""A training killed in the middle of an epoch goes on after the one before, and ends as if it had never been killed."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from stages import train as stage
from stages.rig.base.parameters import dump, load
from stages.rig.card import write_card
from stages.rig.resolve import resolve
from tests.conftest import SHAPES
from tests.small_project import ROOT
from tests.training.cut_off import CutOff, cut_off_in

NETWORKS = {
    "sgd": {"framework": "torch", "layers": [64], "training": {"optimizer": "sgd", "learning_rate": 0.01}},
    "adam": {"framework": "torch", "layers": [64, [8, 32]], "batch_norm": True, "training": {"optimizer": "adam"}},
    "momentum": {"framework": "torch", "layers": [64], "training": {"optimizer": "momentum", "learning_rate": 0.01}},
    "keras": {"framework": "keras", "convolutions": [4], "dense": [16], "training": {"optimizer": "adamw"}},
}
EPOCHS = 5


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A folder with a data set of 600 images in two classes and the cards of all networks."""
    folder, parameters = tmp_path_factory.mktemp("prepared"), load(ROOT / "params.yaml")
    generator = np.random.default_rng(0)
    images = generator.integers(0, 60, (700, 28, 28, 1), dtype=np.uint8)
    labels = np.arange(700) % 2
    images[labels == 0, :14] += 150
    with_dataset = {
        name: {**network, "dataset": "mnist", "training": {**network["training"], "batch_size": 4, "epochs": EPOCHS}}
        for name, network in NETWORKS.items()
    }
    (folder / "data").mkdir()
    with h5py.File(folder / "data/mnist.h5", "w") as file:
        for split, rows in (("train", slice(0, 600)), ("test", slice(600, 700))):
            file[f"{split}/inputs"], file[f"{split}/targets"] = images[rows], labels[rows]
        file.attrs.update(classes=["upper", "lower"], source="a test", name="mnist")
    for name in NETWORKS:
        card = resolve({**parameters, "networks": with_dataset, "similarity": {}, "plots": {}}, name, SHAPES.get)
        write_card(folder / "artifacts" / name / "network.yaml", card)
    return folder


@pytest.fixture(scope="module")
def begun(prepared, tmp_path_factory):
    """The same with a training of `sgd` that was cut off at the end of its third epoch."""
    folder = shutil.copytree(prepared, tmp_path_factory.mktemp("begun") / "copy")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(CutOff):
        patch.chdir(folder)
        patch.setenv("OMP_NUM_THREADS", "1")
        cut_off_in(3, patch)
        stage.main("sgd")
    return folder


@pytest.fixture
def folder(begun, tmp_path, monkeypatch):
    """A copy for a test to change, the current folder."""
    folder = shutil.copytree(begun, tmp_path / "copy")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return folder


@pytest.fixture
def trained(folder, capsys):
    """A function that trains `sgd` to its end and returns what was said."""

    def train():
        stage.main("sgd")
        return capsys.readouterr().err

    return train


def start(folder, network):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "stages.train", network]
    return subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)


def finish(folder, network):
    """Train to the end; returns what was said."""
    with start(folder, network) as process:
        said = process.communicate()[1]
    assert process.returncode == 0, said
    return said


def kill_in_epoch(folder, network, epoch, delay):
    """Train, and kill with SIGKILL some time after `epoch` - 1 epochs are complete."""
    state, complete, before = folder / "artifacts" / network / "training/resume.h5", 0, None
    with start(folder, network) as process:
        while complete < epoch - 1 and process.poll() is None:
            now = (state.stat().st_ino, state.stat().st_mtime_ns) if state.exists() else None
            complete += now != before
            before = now
            time.sleep(0.001)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert process.returncode == -signal.SIGKILL


def results(folder, network):
    """All that a training left: bytes, and of TensorBoard's file, which holds the time, the scalars."""
    artifacts, content = folder / "artifacts" / network, {}
    for path in sorted(artifacts.rglob("*")):
        if path.parent.name == "tensorboard":
            content.setdefault("scalars", []).extend(
                (event.step, value.tag, value.tensor.SerializeToString())
                for event in EventFileLoader(str(path)).Load()
                for value in event.summary.value
            )
        elif path.is_file():
            content[path.relative_to(artifacts)] = path.read_bytes()
    return content


@pytest.mark.soak
@pytest.mark.slow
@pytest.mark.parametrize(("network", "epochs"), [("adam", [1, 3]), ("momentum", [4]), ("keras", [1, 3])])
def test_it_ends_as_if_it_had_never_been_killed(network, epochs, prepared, tmp_path):
    folder = shutil.copytree(prepared, tmp_path / "copy")
    finish(folder, network)
    expected = results(folder, network)
    assert len(expected["scalars"]) > 5 * 150
    (folder / "artifacts" / network).rename(folder / "artifacts/undisturbed")
    write = (folder / "artifacts/undisturbed/network.yaml").read_text()
    (folder / "artifacts" / network).mkdir()
    (folder / "artifacts" / network / "network.yaml").write_text(write)
    generator = random.Random(network)
    for epoch in epochs:
        kill_in_epoch(folder, network, epoch, generator.uniform(0, 0.2) if epoch > 1 else generator.uniform(0.1, 4))
    said = finish(folder, network)
    assert re.search(rf"going on after epoch [{epochs[-1] - 1}-{EPOCHS - 1}] of {EPOCHS}", said), said
    assert "epoch 1/5" not in said
    found = results(folder, network)
    assert found.keys() == expected.keys()
    assert [name for name in found if found[name] != expected[name]] == []


def test_another_card_s_training_is_discarded_and_said_so(folder, trained):
    path = folder / "artifacts/sgd/network.yaml"
    card = load(path)
    card["training"]["learning_rate"] = 0.02
    path.write_text(dump(card))
    said = trained()
    assert "holds an unfinished training with another network card. It is discarded" in said
    assert "epoch 1/5" in said
    assert len((folder / "artifacts/sgd/history.csv").read_text().splitlines()) == EPOCHS + 1


@pytest.mark.parametrize("name", ["resume.h5", "recipe.json"])
def test_a_damaged_state_is_discarded_and_said_so(name, folder, trained):
    path = folder / "artifacts/sgd/training" / name
    path.write_bytes(path.read_bytes()[:-30])
    said = trained()
    assert f"{name} is damaged" in said
    assert "It is discarded, and the training starts from its first epoch." in said
    assert "epoch 1/5" in said


def test_other_images_are_another_training(folder, trained):
    with h5py.File(folder / "data/mnist.h5", "r+") as file:
        file["train/inputs"][0] = 255
    assert "with another images. It is discarded" in trained()


def test_a_finished_training_that_was_not_yet_published_is_not_trained_again(folder, trained, monkeypatch):
    def cut_off(*_):
        raise CutOff

    with monkeypatch.context() as patch, pytest.raises(CutOff):
        patch.setattr(stage, "publish", cut_off)
        trained()
    said = trained()
    assert "going on after epoch 2 of 5" in said and "epoch 5/5" in said  # by the first of the two
    assert "epoch" not in said.rpartition("epoch 5/5")[2].partition("\n")[2]
    assert (folder / "artifacts/sgd/gradients.h5").exists()
    assert not (folder / "artifacts/sgd/training").exists()
