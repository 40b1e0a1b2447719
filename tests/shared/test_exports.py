"""Drillcore as a library: what its packages offer, and what importing them loads."""

import json

import pytest

from stages.shared.base.exports import lazily
from tests.processes import ROOT, loaded, run

HEAVY = {"h5py", "matplotlib", "numba", "numpy", "sklearn", "tensorflow", "torch"}
PACKAGES = ["stages", *(f"stages.{path.parent.name}" for path in sorted((ROOT / "stages").glob("*/__init__.py")))]


def heavy(*wanted):
    """The heavy packages that importing modules and their names loads."""
    return HEAVY & loaded(*wanted)


def test_importing_loads_nothing():
    assert heavy("stages", "stages.train", "stages.plots", "stages.augment") == set()


def test_a_name_loads_its_room_and_no_framework():
    assert heavy("stages:linear_cka") == {"h5py", "numpy"}
    assert not {"torch", "tensorflow"} & heavy("stages:*", "stages.train:*")


def test_a_framework_s_name_loads_that_framework():
    assert "torch" not in heavy("stages:OptimizationInsightCallback")
    assert "tensorflow" not in heavy("stages.train:Trainer")


def test_every_name_is_its_room_s_and_says_what_it_does():
    result = run("tests.shared.child_documents", *PACKAGES)
    assert result.returncode == 0, result.stderr
    lengths = json.loads(result.stdout)
    assert {"get_intermediate_outputs", "GradientRecorder", "embed", "stream_cka"} <= lengths["stages"].keys()
    assert min(lengths["stages"].values()) > 80
    listed = [length for package in lengths.values() for length in package.values()]
    assert len(listed) > 80 and min(listed) > 0


def test_an_unknown_name_is_an_attribute_error():
    get, names = lazily("stages.shared", {"base.exports": ["lazily"], "base.nowhere": ["absent"]})
    assert names() == ["absent", "lazily"] and get("lazily") is lazily
    with pytest.raises(AttributeError, match=r"'stages\.shared' has no attribute 'unknown'"):
        get("unknown")
