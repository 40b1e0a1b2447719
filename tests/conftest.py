"""Params and cards that many rooms' tests start from."""

from pathlib import Path

import pytest

from stages.define.resolve import resolve
from stages.shared.base.parameters import load

ROOT = Path(__file__).resolve().parents[1]
SHAPES = {"mnist": (28, 28, 1), "cifar10": (32, 32, 3)}
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
    return resolve({**parameters, "networks": {"small": network}, "similarity": {}}, "small", SHAPES.get)


@pytest.fixture
def small_cnn(parameters):
    """The card of a small Keras network."""
    training = {"batch_size": 16, "epochs": 3, "checkpoint_every": 2}
    network = {"framework": "keras", "dataset": "cifar10", "convolutions": [4, 6], "dense": [8], "training": training}
    return resolve({**parameters, "networks": {"small": network}, "similarity": {}}, "small", SHAPES.get)
