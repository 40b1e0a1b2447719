"""Losses of a model and a batch that a user wrote, from params.yaml to curvature and replay, beside the pipeline's own."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from drillcore.artifacts.curvature import CurvatureFile
from drillcore.artifacts.history import History
from drillcore.artifacts.network import read_network
from drillcore.artifacts.rewinding import Rewinding
from drillcore.base.errors import InputError
from drillcore.figures.training import training_curves
from stages import curvature, define, download, replay, train
from stages.rig.base.parameters import dump, load
from tests import processes
from tests.conftest import MODELS
from tests.small_project import ROOT, small

TRAINING = {"epochs": 2, "batch_size": 20}
EQUAL = "gradients.h5", "rewind.h5"


def network(framework, build, loss=None, **others):
    file = {"torch": "losses.py", "keras": "keras_losses.py"}[framework]
    named = {"loss": f"{file}:{loss}"} if loss else {}
    return {"build": f"{file}:{build}", "dataset": "images", "training": dict(TRAINING), **named, **others}


def write_project(folder, networks):
    """The parameters and files of a project in `folder`, with the data that it needs."""
    (folder / "models").mkdir()
    for file in ("losses.py", "keras_losses.py"):
        shutil.copy(MODELS / file, folder / "models")
    labels = np.arange(90) % 3
    images = np.random.default_rng(0).integers(0, 90, (90, 8, 8, 3)) + 40 * labels[:, None, None, None]
    parts = {"x_train": images[:60], "y_train": labels[:60], "x_test": images[60:], "y_test": labels[60:]}
    np.savez(folder / "images.npz", **{name: part.astype(np.uint8) for name, part in parts.items()})
    parameters = small(load(ROOT / "params.yaml"))
    parameters["similarity"]["pairs"], parameters["plots"]["widths"] = [], {}
    parameters |= {"datasets": {"images": "images.npz"}, "networks": networks}
    parameters["replays"] = {"again": {"network": "unscored", "steps": [2, 4], "instruments": ["same_batch", "noise"]}}
    (folder / "params.yaml").write_text(dump(parameters))


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """PyTorch's networks, trained, in the folder in which the module's tests run."""
    folder, before = tmp_path_factory.mktemp("project"), Path.cwd()
    twice = {"recorder": {"same_batch": 1}}
    networks = {
        "ours": network("torch", "classifier", **twice),
        "users": network("torch", "classifier", "cross_entropy", **twice),
        "parts": network("torch", "classifier", "of_parts"),
        "unscored": network("torch", "encoder", "evidence", replicates=2),
    }
    write_project(folder, networks)
    os.chdir(folder)
    download.main("images")
    for name in networks:
        define.main(name)
        train.main(name)
    yield folder
    os.chdir(before)


def artifact(name, file):
    return Path("artifacts", name, file)


def test_a_users_loss_trains_as_the_same_loss_of_ours(project):
    for name in ("ours", "users"):
        curvature.main(name)
    for file in EQUAL:
        assert artifact("ours", file).read_bytes() == artifact("users", file).read_bytes(), file
    with (
        CurvatureFile(artifact("ours", "curvature.h5")) as ours,
        CurvatureFile(artifact("users", "curvature.h5")) as users,
    ):
        for name in ours:
            np.testing.assert_allclose(users[name][()], ours[name][()], rtol=1e-5, err_msg=name)
    ours, users = (History(artifact(name, History.FILE)) for name in ("ours", "users"))
    assert ours.names == users.names
    for name in ours.names:
        np.testing.assert_allclose(users[name], ours[name], rtol=1e-6)


def test_a_loss_of_parts_of_a_model_is_scored_all_the_same(project):
    history = History(artifact("parts", History.FILE))
    np.testing.assert_allclose(history["val_accuracy"], History(artifact("ours", History.FILE))["val_accuracy"])
    assert np.isfinite(history["train_accuracy"]).all()


def test_outputs_that_are_no_answer_leave_out_what_needs_labels(project):
    history, card = History(artifact("unscored", History.FILE)), read_network(artifact("unscored", "network.yaml"))
    assert history.names == ["epoch", "train_loss", "val_loss"] and history["train_loss"][1] < history["train_loss"][0]
    assert (card.task, card.loss) == ("loss", "losses.py:evidence") and list(card.values["files"]) == ["losses.py"]
    assert "loss" not in card.values["training"]
    assert len(training_curves({name: history[name] for name in history.names}, [1.0], "", card.loss).axes) == 2
    curvature.main("unscored")
    with Rewinding(artifact("unscored", "rewind.h5")) as file:
        assert list(file.scores) == ["loss"]


def test_a_pretrained_network_is_evaluated_by_the_users_loss_at_its_steps(project, tmp_path, monkeypatch, capfd):
    """As Lightning leaves it: the weights below a name, files by step; of a training that is known."""
    shutil.copytree("models", tmp_path / "models")
    shutil.copytree("data", tmp_path / "data")
    parameters = load("params.yaml")
    pretrained = network("torch", "encoder", "evidence", checkpoints="run/epoch=0-step=*.ckpt")
    del pretrained["training"]
    parameters |= {"networks": {"pretrained": pretrained}, "replays": {}}
    trained = History(artifact("unscored", History.FILE))
    (tmp_path / "models/run").mkdir()
    for epoch in range(3):
        weights = torch.load(artifact("unscored", f"checkpoints/epoch_{epoch:03d}.pth"))
        weights = {"state_dict": {f"model.{name}": value for name, value in weights.items()}}
        torch.save(weights, tmp_path / f"models/run/epoch=0-step={3 * epoch}.ckpt")
    before = Path("artifacts/unscored/curvature.h5").resolve()
    curvature.main("unscored")
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(dump(parameters))
    for stage in (define, train, curvature):
        stage.main("pretrained")
    history = History(artifact("pretrained", History.FILE))
    assert (history.names, history["epoch"].tolist()) == (["epoch", "train_loss", "val_loss"], [0, 3, 6])
    np.testing.assert_array_equal(history["val_loss"][1:], trained["val_loss"])
    assert "step 6/6: validation loss" in capfd.readouterr().err
    with CurvatureFile(artifact("pretrained", "curvature.h5")) as found, CurvatureFile(before) as expected:
        for name in ("loss", "gradient_norm", "largest", "trace", "diagonal"):
            np.testing.assert_allclose(found[name][()], expected[name][()], rtol=1e-5, err_msg=name)


def test_a_replay_is_of_the_users_loss(project, capfd):
    replay.main("again")
    assert "the same training" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        ("of_each", "losses.py:of_each returns [20], but should return one number"),
        ("number", "losses.py:number returns float, but should return one number"),
        (
            "detached",
            "on losses.py:detached: the first step fails: RuntimeError: element 0 of tensors does not require grad",
        ),
        ("absent", "networks.users.loss is 'losses.py:absent', but models/losses.py has no function 'absent'"),
    ],
)
def test_what_is_no_loss_is_refused(project, tmp_path, monkeypatch, loss, said):
    parameters = load("params.yaml")
    parameters["networks"] = {"users": network("torch", "classifier", loss)}
    parameters["replays"] = {}
    shutil.copytree("models", tmp_path / "models")
    shutil.copytree("data", tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(dump(parameters))
    with pytest.raises(InputError) as error:
        define.main("users")
    assert said in str(error.value)


def test_two_losses_are_one_too_many(project, tmp_path, monkeypatch):
    parameters = load("params.yaml")
    parameters["networks"]["users"]["training"]["loss"] = "mse"
    shutil.copytree("data", tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(dump(parameters))
    with pytest.raises(InputError, match=r"and training\.loss: mse: remove one of them"):
        define.main("users")


@pytest.mark.soak
def test_a_users_loss_of_a_keras_model(tmp_path):
    networks = {
        "ours": network("keras", "classifier", recorder={"same_batch": 1}),
        "users": network("keras", "classifier", "cross_entropy", recorder={"same_batch": 1}),
        "unscored": network("keras", "encoder", "error"),
    }
    write_project(tmp_path, networks)
    stages = [
        ("download", "images"),
        *[(stage, name) for name in networks for stage in ("define", "train", "curvature")],
    ]
    for stage, name in stages:
        done = processes.run(f"stages.{stage}", name, folder=tmp_path, OMP_NUM_THREADS="1")
        assert done.returncode == 0, done.stderr
    ours, users, unscored = (tmp_path / "artifacts" / name for name in networks)
    for file in (*EQUAL, "curvature.h5", "history.csv"):
        assert (ours / file).read_bytes() == (users / file).read_bytes(), file
    assert History(unscored / History.FILE).names == ["epoch", "train_loss", "val_loss"]
