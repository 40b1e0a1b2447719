"""Keras in one process of its own: the two frameworks together are slow to load."""

import shutil

import pytest

from tests.conftest import MODELS
from tests.processes import run

pytestmark = pytest.mark.slow


def test_a_real_training_through_keras(tmp_path):
    (tmp_path / "models").mkdir()
    shutil.copy(MODELS / "keras_kinds.py", tmp_path / "models/mine.py")
    result = run("tests.training.child_keras_training", tmp_path)
    assert result.returncode == 0, result.stderr
    assert "epoch 3/3: loss" in result.stderr
    assert "oneDNN" not in result.stderr and "cuda" not in result.stderr.lower()
