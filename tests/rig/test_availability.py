"""One framework is enough: a network of the other is refused in one sentence, or left out of a run of all."""

import shutil

import numpy as np
import pytest

from stages.rig.availability import needed_frameworks
from stages.rig.base.parameters import dump, load
from stages.rig.sources.dataset import Dataset, write_dataset
from stages.rig.targets import looking_at_all, of_networks
from tests.processes import ROOT, run

TRAINING = {"epochs": 1, "batch_size": 8}
NETWORKS = {
    "mlp": {"framework": "torch", "dataset": "digits", "layers": [6], "training": TRAINING},
    "cnn": {"framework": "keras", "dataset": "digits", "convolutions": [3], "training": TRAINING},
    "mine": {"build": "mine.py:make", "dataset": "digits"},
}


@pytest.fixture
def project(tmp_path):
    """A folder with parameters, a user's file that imports PyTorch, and a dataset of 16 images."""
    parameters = {
        **{key: load(ROOT / "params.yaml")[key] for key in ("data", "bottleneck", "seed", "threads", "gpu")},
        "datasets": {"digits": "digits.npz"},
        "networks": NETWORKS,
        "augment": {"image": 0, "count": 4},
    }
    (tmp_path / "params.yaml").write_text(dump(parameters))
    (tmp_path / "models").mkdir()
    shutil.copy(ROOT / "tests/models/mine.py", tmp_path / "models")
    images, labels = np.random.default_rng(0).integers(0, 256, (16, 8, 8, 1), np.uint8), np.arange(16) % 2
    write_dataset(tmp_path / "data/digits.h5", "digits", Dataset(images, labels, images, labels, ["a", "b"], "random"))
    return tmp_path


@pytest.mark.parametrize(
    ("framework", "network", "libraries"),
    [("torch", "mlp", "PyTorch"), ("torch", "mine", "PyTorch"), ("keras", "cnn", "Keras and TensorFlow")],
)
def test_define_refuses_a_network_whose_framework_is_not_installed(framework, network, libraries, project):
    result = run("tests.rig.child_without", framework, f"define {network}", folder=project)
    assert result.returncode == 1
    assert result.stderr == (
        f"stages.define: params.yaml: networks.{network} is a network of {framework}, for which {libraries} should be "
        f"installed: run `pip install -r requirements/{framework}.txt`, or remove it.\n"
    )


@pytest.mark.parametrize(("framework", "network", "suffix"), [("torch", "cnn", "keras"), ("keras", "mlp", "pth")])
def test_a_network_goes_through_its_stages_without_the_other_framework(framework, network, suffix, project):
    stages = ["augment digits", *(f"{stage} {network}" for stage in ("define", "train", "activations"))]
    result = run("tests.rig.child_without", framework, *stages, folder=project)
    assert result.returncode == 0, result.stderr
    folder = project / "artifacts" / network
    assert (folder / f"checkpoints/epoch_001.{suffix}").exists()
    assert (folder / "augmented.h5").exists()


def test_a_dataset_of_torchvision_says_what_to_install(project):
    parameters = load(project / "params.yaml")
    (project / "params.yaml").write_text(dump({**parameters, "datasets": {"fashion": "FashionMNIST"}}))
    result = run("tests.rig.child_without", "torch", "download fashion", folder=project)
    assert result.returncode == 1
    assert result.stderr == (
        "stages.download: params.yaml: the source of datasets.fashion is 'FashionMNIST', which is neither a folder here nor, "
        "while torchvision is not installed, a class of torchvision.datasets: correct it, or run `pip install -r "
        "requirements/torch.txt`.\n"
    )


def test_a_run_leaves_out_the_networks_of_a_framework_that_is_not_installed(project):
    result = run("tests.rig.child_without", "torch", "rig.targets", folder=project)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["plots@cnn"]
    assert result.stderr == "PyTorch not installed; left out: mlp, mine. `make run EXTRAS=torch` adds them.\n"


def test_a_run_with_both_frameworks_makes_all(project):
    result = run("stages.rig.targets", folder=project)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_a_run_begins_with_the_figures_of_the_first_network_that_can_be_made(project):
    assert run("stages.rig.targets", "--first", folder=project).stdout == "plots@mlp\n"
    assert run("tests.rig.child_without", "torch", "rig.targets --first", folder=project).stdout == "plots@cnn\n"


def test_a_run_without_any_network_says_why(project):
    parameters = load(project / "params.yaml")
    del parameters["networks"]["cnn"]
    (project / "params.yaml").write_text(dump(parameters))
    result = run("tests.rig.child_without", "torch", "rig.targets", folder=project)
    assert result.returncode == 1
    assert "no network can be made: mlp is a network of torch, for which PyTorch should be installed" in result.stderr


def test_pairs_and_widths_of_what_is_left_out_are_left_out(monkeypatch):
    monkeypatch.chdir(ROOT)
    kept = {"ablation-0", "ablation-3", "mnist-mlp"}
    assert of_networks(kept) == ["plots@ablation-0", "plots@ablation-3", "plots@mnist-mlp", "plots_of_pairs@0"]
    assert looking_at_all(kept) == ["report"]
    networks = set(load("params.yaml")["networks"])
    assert looking_at_all(networks) == ["widths@bottleneck", "report"]
    assert "plots_of_pairs@0" not in of_networks(networks - {"ablation-3"})


@pytest.mark.parametrize(
    ("network", "frameworks"),
    [
        ({"framework": "torch"}, {"torch"}),
        ({"build": "torchvision:resnet18"}, {"torch"}),
        ({"build": "keras:ResNet50"}, {"keras"}),
        ({"checkpoint": "mine.keras"}, {"keras"}),
        ({"build": "torch_net.py:make"}, {"torch"}),
        ({"build": "keras_net.py:make", "checkpoint": "mine.keras"}, {"keras"}),
        ({"build": "missing.py:make"}, set()),
        ({}, {None}),
    ],
)
def test_a_network_says_which_framework_it_needs(network, frameworks, monkeypatch):
    monkeypatch.setattr("stages.rig.availability.MODELS", ROOT / "tests/models")
    assert needed_frameworks(network) == frameworks
