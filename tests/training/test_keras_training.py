"""Keras in one process of its own: the two frameworks together are slow to load."""

import pytest

from tests.processes import run

pytestmark = pytest.mark.slow


def test_a_real_training_through_keras(tmp_path):
    result = run("tests.training.child_keras_training", tmp_path)
    assert result.returncode == 0, result.stderr
    assert "epoch 3/3: loss" in result.stderr
    assert "oneDNN" not in result.stderr and "cuda" not in result.stderr.lower()
