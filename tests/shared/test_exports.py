"""Drillcore as a library: what its packages offer, and what importing them loads."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from stages.shared.base.exports import lazily

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"h5py", "matplotlib", "numba", "numpy", "sklearn", "tensorflow", "torch"}
PACKAGES = ["stages", *(f"stages.{path.parent.name}" for path in sorted((ROOT / "stages").glob("*/__init__.py")))]


def run(code):
    """What a fresh Python prints, as a literal."""
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    return ast.literal_eval(result.stdout)


def loaded(code):
    """The heavy packages that `code` loads."""
    return run(f"import sys\n{code}\nprint(sorted({HEAVY} & sys.modules.keys()))")


def test_importing_loads_nothing():
    assert loaded("import stages, stages.train, stages.plots, stages.augment; dir(stages)") == []


def test_a_name_loads_its_room_and_no_framework():
    assert loaded("from stages import linear_cka") == ["h5py", "numpy"]
    assert not {"torch", "tensorflow"} & set(loaded("from stages import *\nfrom stages.train import *"))


def test_a_framework_s_name_loads_that_framework():
    assert "torch" not in loaded("from stages import OptimizationInsightCallback")
    assert "tensorflow" not in loaded("from stages.train import Trainer")


def test_every_name_is_its_room_s_and_says_what_it_does():
    code = "import stages, inspect\nprint({name: inspect.getdoc(getattr(stages, name)) for name in stages.__all__})"
    documents = run(code)
    assert {"get_intermediate_outputs", "GradientRecorder", "embed", "stream_cka"} <= documents.keys()
    assert all(len(document) > 80 for document in documents.values())


def test_a_room_offers_what_it_lists():
    code = f"""
import importlib, inspect
packages = [importlib.import_module(package) for package in {PACKAGES}]
listed = [(package.__name__, name) for package in packages for name in getattr(package, "__all__", [])]
bare = [(room, name) for room, name in listed if not inspect.getdoc(getattr(importlib.import_module(room), name))]
print((len(listed), bare))
"""
    count, bare = run(code)
    assert count > 80 and bare == []


def test_an_unknown_name_is_an_attribute_error():
    get, names = lazily("stages.shared", {"base.exports": ["lazily"], "base.nowhere": ["absent"]})
    assert names() == ["absent", "lazily"] and get("lazily") is lazily
    with pytest.raises(AttributeError, match=r"'stages\.shared' has no attribute 'unknown'"):
        get("unknown")
