"""User-defined networks and images, of every kind, through the stages: only params.yaml and models/ are written."""

import csv
import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from drillcore.artifacts.activations import Activations
from drillcore.artifacts.svd import Spectra
from stages.rig.base.parameters import load
from tests import processes
from tests.conftest import MODELS
from tests.small_project import Project, one_network, ran

pytestmark = pytest.mark.slow

TRAINING = {"epochs": 2, "batch_size": 20, "optimizer": "momentum", "learning_rate": 0.01, "schedule": "cosine"}
MINE = {
    "build": "mine.py:make",
    "arguments": {"width": 5},
    "dataset": "photos",
    "normalize": {"mean": [0.2, 0.3, 0.4], "std": [0.3]},
}
NETWORKS = {
    "mine": {**MINE, "layers": "all", "training": {**TRAINING, "augmentation": ["flip", "crop"]}},
    "vision": {
        "build": "torchvision:shufflenet_v2_x0_5",
        "dataset": "arrays",
        "input": [32, 32, 3],
        "layers": ["conv1", "stage?.0", "fc"],
        "units": "pool",
        "training": {"epochs": 1, "batch_size": 20},
    },
    "given": {**MINE, "checkpoint": "given.pth"},
    "safe": {**MINE, "checkpoint": "given.safetensors"},
    "followed": {**MINE, "checkpoints": "run/*.pth"},
}
KERAS_NETWORKS = {
    "functional": {"build": "keras_mine.py:make", "dataset": "zipped", "training": {**TRAINING, "loss": "mse"}},
    "mobile": {
        "build": "keras:MobileNet",
        "arguments": {"alpha": 0.25},
        "dataset": "noise",
        "layers": ["conv1", "conv_pw_?", "predictions"],
        "training": {"epochs": 1, "batch_size": 30},
    },
    "saved": {"checkpoint": "saved.keras", "dataset": "zipped"},
}
DATASETS = {
    "photos": "images/photos",
    "zipped": "images/zipped.zip",
    "arrays": "images/arrays.npz",
    "noise": {"source": "FakeData", "arguments": {"size": 60, "image_size": [3, 32, 32], "num_classes": 3}},
}

ANALYSES = "activations correlations similarity gradients curvature geometry svd tsne"


def photograph(random, label, shape):
    """Noise, bright in one of three columns, which is what its class is."""
    image = random.integers(0, 90, shape).astype(np.uint8)
    image[:, 6 * label : 6 * label + 6] += 120
    return image


def write_images(folder):
    random = np.random.default_rng(0)
    for split, count in (("train", 20), ("test", 12)):
        for label, name in enumerate(["left", "middle", "right"]):
            for number in range(count):
                path = folder / "photos" / split / name / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(photograph(random, label, (16, 20, 3))).save(path)
    shutil.make_archive(folder / "zipped", "zip", folder / "photos")
    labels = np.arange(90) % 3
    images = np.stack([photograph(random, label, (18, 18)) for label in labels])
    np.savez(folder / "arrays.npz", x_train=images[:60], y_train=labels[:60], x_test=images[60:], y_test=labels[60:])


def run(project, stages, *networks):
    """Run stages of networks in one process; returns what they said."""
    result = processes.run("tests.pipeline.child_stages", stages, *networks, folder=project.folder, OMP_NUM_THREADS="1")
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stderr


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The small project with user-defined datasets, files and networks."""
    project = Project(tmp_path_factory.mktemp("project"), git=False)
    write_images(project.folder / "images")
    shutil.copy(MODELS / "torch_net.py", project.folder / "models/mine.py")
    shutil.copy(MODELS / "keras_net.py", project.folder / "models/keras_mine.py")

    def edit(parameters):
        parameters["datasets"] |= DATASETS
        parameters["networks"] = {**NETWORKS, **KERAS_NETWORKS}
        parameters["similarity"] |= {"pairs": [], "samples": 24, "permutations": 20}
        parameters["plots"]["widths"] = {}
        parameters["activations"] |= {"samples": 30, "train_samples": 30, "max_units": 24}
        parameters["tsne"] |= {"samples": 24}

    project.change(edit)
    run(project, "download augment", *DATASETS)
    return project


def artifact(project, network, name):
    return project.folder / "artifacts" / network / name


def history(project, network):
    return list(csv.DictReader(artifact(project, network, "history.csv").read_text().splitlines()))


@pytest.fixture(scope="module")
def pytorch(project):
    """The same after the stages of all PyTorch networks, those that come trained from the checkpoints of `mine`."""
    run(project, f"define train {ANALYSES}", "mine", "vision")
    models, checkpoints = project.folder / "models", artifact(project, "mine", "checkpoints")
    weights = torch.load(checkpoints / "epoch_002.pth")
    torch.save({"model": weights}, models / "given.pth")
    save_file({f"module.{name}": tensor for name, tensor in weights.items()}, models / "given.safetensors")
    shutil.copytree(checkpoints, models / "run")
    evaluated = run(project, f"define train {ANALYSES}", "given", "safe", "followed")
    assert "validation loss" in evaluated
    assert ": loss" not in evaluated
    return project


def test_pytorch_networks_of_every_kind(pytorch):
    project = pytorch
    assert [len(history(project, network)) for network in ("mine", "vision")] == [2, 1]
    with Activations(artifact(project, "mine", "activations.h5")) as mine:
        assert mine.layers == ["features.0", "features.1", "features.2", "head"]
        assert mine.epochs == [0, 1, 2]
        last = mine["head"][:]
        before, after = (mine[f"features.{number}"][:] for number in (1, 2))
        assert not np.array_equal(mine.units("features.1"), mine.units("features.2"))
        assert before.min() < 0 <= after.min()  # what the in-place ReLU did next did not reach it
    for network, epoch in (("given", 1), ("safe", 1), ("followed", 2)):
        with Activations(artifact(project, network, "activations.h5")) as file:
            assert file.layers == ["features", "head"]
            np.testing.assert_array_equal(file["head", epoch][:], last)
        assert history(project, network)[-1]["val_loss"] == history(project, "mine")[-1]["val_loss"]
        assert history(project, network)[-1]["train_loss"] == ""
        statistics = json.loads(artifact(project, network, "gradient_stats.json").read_text())
        assert statistics["thresholds"]["1e-07"]["raw"]["step"]["zeros"] == []
    with Spectra(artifact(project, "followed", "svd.h5")) as file:
        assert file.epochs == [0, 1, 2]

    with Activations(artifact(project, "vision", "activations.h5")) as file:
        assert file.layers == ["conv1", "stage2.0", "stage3.0", "stage4.0", "fc"]
        assert file["conv1"].shape == (30, 24)
        assert file.units("stage2.0").max() < 48  # of its channels


def train_apart(project, network):
    """Run the stages of a Keras network, `define` apart: TensorFlow's threads are set before it computes."""
    run(project, "define", network)
    return run(project, f"train {ANALYSES}", network)


def test_keras_networks_of_every_kind(project):
    train_apart(project, "functional")
    model = artifact(project, "functional", "checkpoints/epoch_002.keras").read_bytes()
    (project.folder / "models/saved.keras").write_bytes(model)
    assert ": loss" not in train_apart(project, "saved")
    card = load(artifact(project, "saved", "network.yaml"))
    assert card["framework"] == "keras"
    assert card["device"] in ("cpu", "cuda", "mps")
    with (
        Activations(artifact(project, "functional", "activations.h5")) as trained,
        Activations(artifact(project, "saved", "activations.h5")) as saved,
    ):
        np.testing.assert_array_equal(trained["head", 2][:], saved["head", 1][:])
        np.testing.assert_allclose(saved["head"][:].sum(1), 1, rtol=1e-5)
        assert trained.layers == saved.layers == ["conv2d", "head"]


@pytest.mark.soak
def test_a_network_of_keras_applications(project):
    train_apart(project, "mobile")
    with Activations(artifact(project, "mobile", "activations.h5")) as file:
        assert len(file.layers) == 11


def test_the_layers_of_a_network_are_listed(project):
    header, *rows = project.run("python", "-m", "stages.define", "--layers", "mine").splitlines()
    assert header.split() == ["layer", "picked", "output", "shape", "parameters"]
    assert [row.split()[0] for row in rows] == ["features", "features.0", "features.1", "features.2", "head"]
    assert rows[-1].split() == ["head", "*", "3", "18"]


@pytest.mark.soak
def test_a_temporary_experiment_sees_only_what_git_tracks(made, tmp_path):
    project = made.copy(tmp_path / "copy")
    shutil.copy(MODELS / "torch_net.py", project.folder / "models/mine.py")

    def add(parameters):
        one_network(parameters)
        parameters["networks"]["mine"] = {
            "build": "mine.py:make",
            "arguments": {"classes": 10},
            "dataset": "mnist",
            "input": [28, 28, 3],
        }

    project.change(add)
    with pytest.raises(AssertionError, match=r"mine\.py"):
        project.run("dvc", "exp", "run", "--temp", "define@mine")
    project.commit()
    # a function in models/ may make a data set, so `download` looks again, and makes the same
    assert ran(project.run("dvc", "exp", "run", "--temp", "define@mine")) == {"download@mnist", "define@mine"}


def test_figures_of_trained_and_of_given_networks(pytorch):
    project = pytorch
    run(project, "plots", "mine", "given")
    for network in ("mine", "given"):
        assert (project.folder / f"reports/{network}/layer_similarity.png").stat().st_size > 1000
    assert (project.folder / "reports/mine/frac_flip.png").exists()
    assert not (project.folder / "reports/given/frac_flip.png").exists()


@pytest.mark.soak
def test_a_change_to_a_file_trains_its_network_alone(made, tmp_path):
    project = made.copy(tmp_path / "copy")
    models, names = project.folder / "models", ["one", "other"]
    for name in names:
        shutil.copy(MODELS / "torch_net.py", models / f"{name}.py")

    def add(parameters):
        one_network(parameters)
        for name in names:
            arguments = {"width": len(name)}  # for equal outputs would be one file in the cache, with one time
            network = {"build": f"{name}.py:make", "arguments": arguments, "dataset": "mnist", "input": [28, 28, 3]}
            parameters["networks"][name] = {**network, "training": {"epochs": 1, "batch_size": 500}}

    project.change(add)
    stages = [f"train@{name}" for name in names]
    changed = project.run("git", "status", "--porcelain", "--untracked-files=all").split()[1::2]
    assert sorted(changed) == ["models/one.py", "models/other.py", "params.yaml"]
    with pytest.raises(AssertionError, match=r"output of shape .* but mnist has 10 classes"):
        project.run("dvc", "repro", *stages)
    for name in names:
        change(models / f"{name}.py", "classes=3", "classes=10")
    assert {*stages} <= ran(project.run("dvc", "repro", *stages))
    assert project.planned(["artifacts/one/history.csv"]) == set()
    change(models / "one.py", "bias=True", "bias=False")
    project.run("dvc", "repro", "define@one", "define@other")
    assert ran(project.run("dvc", "repro", "--dry", *stages)) == {"train@one"}


def change(path, old, new):
    """Edit a file, which must hold `old`."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
