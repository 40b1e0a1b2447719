"""Programs that tests run in a process of their own, modules named child_*.py beside the tests that start them."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def run(module, *arguments, folder=ROOT, **environment):
    """Run a module of the project in a fresh Python; returns its status and what it printed."""
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
    )


def loaded(*wanted):
    """The top-level modules that a fresh Python has loaded once it has imported modules, or names as `module:name`."""
    result = run("tests.child_loaded", *wanted)
    assert result.returncode == 0, result.stderr
    return set(result.stdout.split())
