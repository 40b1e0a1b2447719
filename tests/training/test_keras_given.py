"""Keras networks that come trained, in one process of its own: the two frameworks together are slow to load."""

import shutil

import pytest

from tests.processes import ROOT, run

pytestmark = pytest.mark.slow


def test_keras_weights_are_taken_whole_or_refused(tmp_path):
    (tmp_path / "models").mkdir()
    shutil.copy(ROOT / "tests/models/keras_deep.py", tmp_path / "models/mine.py")
    result = run("tests.training.child_keras_given", folder=tmp_path)
    assert result.returncode == 0, result.stderr
