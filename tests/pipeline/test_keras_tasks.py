"""Keras networks of each task but classes, from their data to figures, a replay and the page."""

import shutil

import numpy as np
import pytest
from sklearn.metrics import r2_score

from drillcore.artifacts.activations import Activations
from drillcore.artifacts.augmented import Augmented
from drillcore.artifacts.curvature import CurvatureFile
from drillcore.artifacts.geometry import Geometry
from drillcore.artifacts.history import History
from drillcore.artifacts.weights import Weights
from stages.rig.base.parameters import load
from tests.conftest import MODELS
from tests.pipeline.test_user_defined import run
from tests.small_project import ROOT, Project

pytestmark = pytest.mark.soak

DATASETS = {
    "table": "diabetes.py:make",
    "text": {"source": "topics.py:make", "arguments": {"length": 16, "most": 4000}},
    "again": {"source": "digits.py:make", "task": "reconstruction"},
}
TRAINING = {"epochs": 1, "batch_size": 100, "optimizer": "sgd", "learning_rate": 0.05}
NETWORKS = {
    "numbers": {"build": "mine.py:numbers", "dataset": "table"},
    "characters": {"build": "mine.py:characters", "dataset": "text", "samples": "tokens"},
    "pixels": {"build": "mine.py:again", "dataset": "again"},
}
EXAMPLES = "diabetes/diabetes", "characters/topics", "digits_transformer/digits"
ANALYSES = "correlations similarity gradients geometry svd tsne plots"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The small project with three networks, trained, and their activations and curvature."""
    project = Project(tmp_path_factory.mktemp("project"), git=False)
    shutil.copy(MODELS / "keras_kinds.py", project.folder / "models/mine.py")
    for name in EXAMPLES:
        shutil.copy(ROOT / f"examples/{name}.py", project.folder / "models")

    def edit(parameters):
        networks = {name: network | {"training": TRAINING} for name, network in NETWORKS.items()}
        parameters |= {"datasets": DATASETS, "networks": networks}
        parameters["similarity"] |= {"pairs": [], "samples": 40, "permutations": 20}
        parameters["plots"]["widths"] = {}
        parameters["activations"] |= {"samples": 100, "train_samples": 60, "max_units": 128}
        parameters["curvature"] |= {"epochs": 2, "iterations": 3, "probes": 2}
        parameters["replays"] = {
            "window": {"network": "numbers", "steps": [2, 3], "instruments": ["curvature", "noise"]}
        }

    project.change(edit)
    run(project, "download augment", *DATASETS)
    run(project, "define", *NETWORKS)  # apart: TensorFlow's threads are set before it computes
    run(project, "train activations curvature", *NETWORKS)
    return project.folder


def of(folder, network, reader):
    return reader(folder / "artifacts" / network / reader.FILE)


def test_the_scores_are_those_of_the_outputs_that_are_stored(trained):
    card, history = load(trained / "artifacts/numbers/network.yaml"), of(trained, "numbers", History)
    (mean,), (deviation,) = (card["normalize_targets"][name] for name in ("mean", "std"))
    with of(trained, "numbers", Activations) as file:  # of all 89 test samples
        found, wanted = file["number"][:] * deviation + mean, file.targets[:]
    assert len(wanted) == 89 and history.task.score == "r2"
    assert history["val_r2"][-1] == pytest.approx(r2_score(wanted, found), abs=1e-5)
    assert history["val_mae"][-1] == pytest.approx(np.abs(wanted - found).mean(), rel=1e-5)


def test_tokens_are_samples_of_a_language_model(trained):
    with of(trained, "characters", Activations) as file:
        assert file["head"].shape == (100, 128) and file["pairs"].shape == (100, 8)
        assert file.position.max() < 16 and file.targets.shape == (100,)
    perplexity = of(trained, "characters", History)["val_perplexity"][-1]
    assert 20 < perplexity < 140  # of 128 characters


def test_an_image_is_made_again_from_its_code(trained):
    with of(trained, "pixels", Activations) as file:
        assert file["code"].shape == (100, 4) and file["pixels"].shape == (100, 64)
        assert file.classes == list("0123456789")
    assert of(trained, "pixels", History)["train_r2"][-1] < 1


@pytest.mark.parametrize(("network", "tensors"), [("numbers", 2), ("characters", 3), ("pixels", 2)])
def test_weights_and_curvature_are_of_every_task(trained, network, tensors):
    with of(trained, network, Weights) as weights, of(trained, network, CurvatureFile) as curvature:
        assert len(weights.tensors) == tensors
        assert np.isfinite(curvature["trace"][:]).all()


def test_augmentations_are_of_the_kind_of_the_data(trained):
    kinds = {}
    for network in NETWORKS:
        with of(trained, network, Augmented) as file:
            kinds[network] = file.inputs.dtype.kind, file.figures()
    assert kinds == {"numbers": ("f", ["rows"]), "characters": ("i", ["texts"]), "pixels": ("u", ["contact_sheet"])}


def test_every_analysis_figure_and_replay_is_made(trained):
    project = Project.at(trained)
    run(project, ANALYSES, "characters")
    run(project, "replay plots_of_replays", "window")
    project.run("python", "-m", "stages.report")
    assert (trained / "reports/index.html").stat().st_size > 1e6
    with of(trained, "characters", Geometry) as file:
        assert np.isfinite(file["dimension"][:]).any()
    assert (trained / "reports/characters/augs/texts.png").exists()
