"""The changes to DVC and Snakemake: made in the versions that they are written for, refused in others, free elsewhere."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import drillcore_engines
import pytest
from drillcore_engines import CHANGES, KNOWN, changes
from drillcore_engines.changes import find_own_commands, refuse_another

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def another(monkeypatch):
    """Let the installed engines be of versions that nothing is known of."""
    changes.known.cache_clear()
    monkeypatch.setattr(changes, "version", lambda engine: "99.0")
    yield
    changes.known.cache_clear()


def test_the_known_versions_are_those_that_are_installed():
    pinned = dict(
        re.findall(r"^(dvc|snakemake)==(\S+)", (ROOT / "requirements/pipeline.txt").read_text(), re.MULTILINE)
    )
    assert pinned == KNOWN


@pytest.mark.parametrize("engine", KNOWN)
def test_another_version_is_refused_in_a_sentence(engine, another, capsys):
    refuse_another(ModuleType(engine))
    said = capsys.readouterr().err
    assert said.startswith(f"drillcore: {engine} 99.0 stays as it is")
    assert KNOWN[engine] in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("name", [name for name in CHANGES if name not in KNOWN])
def test_another_version_is_left_as_it_is(name, another):
    module = ModuleType(name)
    before = {**vars(module)}
    drillcore_engines.changing(lambda _: None)(module)
    assert vars(module) == before


def test_python_alone_imports_nothing_more():
    done = subprocess.run([sys.executable, "-X", "importtime", "-c", ""], capture_output=True, text=True)
    assert re.findall(r"drillcore_engines\S*", done.stderr) == ["drillcore_engines"]


@pytest.mark.parametrize("path", ["/usr/bin:/bin", f"/usr/bin:{Path(sys.executable).parent}"])
def test_commands_find_this_python_first(path, monkeypatch):
    monkeypatch.setenv("PATH", path)
    find_own_commands(None)
    find_own_commands(None)
    assert os.environ["PATH"] == f"{Path(sys.executable).parent}:{path}"
