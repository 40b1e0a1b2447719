"""Params and cards that many rooms' tests start from."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from stages.rig.base.parameters import load
from stages.rig.card import UserDefined
from stages.rig.images import Facts
from stages.rig.resolve import resolve
from tests.small_project import MADE, Project, once

# Before a framework is loaded: networks this small gain nothing from threads, which wait for each other in busy loops.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

ROOT = Path(__file__).resolve().parents[1]
MODELS = ROOT / "tests/models"
SHAPES = {"mnist": Facts((28, 28, 1)), "cifar10": Facts((32, 32, 3))}
"""Of the images of the studies' datasets."""


@pytest.fixture
def parameters():
    """The project's own params.yaml as a mapping that a test may change."""
    return load(ROOT / "params.yaml")


@pytest.fixture
def small_mlp(parameters):
    """The card of a small PyTorch network with a squeeze-expand layer and batch norm."""
    training = {"batch_size": 16, "epochs": 3, "checkpoint_every": 2}
    network = {
        "framework": "torch",
        "dataset": "mnist",
        "layers": [12, [3, 8]],
        "batch_norm": True,
        "training": training,
    }
    return resolve({**parameters, "networks": {"small": network}, "similarity": {}, "plots": {}}, "small", SHAPES.get)


@pytest.fixture
def small_cnn(parameters):
    """The card of a small Keras network."""
    training = {"batch_size": 16, "epochs": 3, "checkpoint_every": 2}
    network = {"framework": "keras", "dataset": "cifar10", "convolutions": [4, 6], "dense": [8], "training": training}
    return resolve({**parameters, "networks": {"small": network}, "similarity": {}, "plots": {}}, "small", SHAPES.get)


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """The small project after `dvc repro` of `MADE`, committed; tests change copies of it."""

    def make(folder):
        project = Project(folder)
        project.run("dvc", "repro", *MADE)
        project.commit()

    return Project.at(once(tmp_path_factory, "made", make))


@pytest.fixture
def models(tmp_path, monkeypatch):
    """The folder models/ of a project, the current folder, with mine.py and what it imports."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "blocks", raising=False)
    folder = tmp_path / "models"
    folder.mkdir()
    for name in ("mine.py", "blocks.py"):
        shutil.copy(MODELS / name, folder)
    yield folder
    sys.modules.pop("blocks", None)


def own(**values):
    """A user-defined network, built from models/mine.py for images of 8x8."""
    basics = {"name": "mine", "dataset": "digits", "input": [8, 8, 1], "seed": 3, "build": "mine.py:make"}
    return UserDefined(**{**basics, **values})


def pytest_collection_modifyitems(items):
    """Begin with the files that hold a slow test, so that in the end no worker waits for another's."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
