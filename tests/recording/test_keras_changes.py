"""The recording callback where a model has several optimisers, and where what is trained changes; in a process of its own."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_several_optimisers_and_changes_while_training(tmp_path):
    command = [sys.executable, "-m", "tests.recording.child_keras_changes", tmp_path]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert len(result.stdout.split()) == 6
