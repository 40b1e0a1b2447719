"""The page on the design names stages that the graph has."""

import re
from pathlib import Path

import pytest

from stages.rig.base.parameters import load

ROOT = Path(__file__).resolve().parents[2]
STAGES = {name: stage.get("do", stage) for name, stage in load(ROOT / "dvc.yaml")["stages"].items()}
ROWS = re.findall(
    r"^\| `((?:drillcore|stages|models)\S*)` \| (.+) \|$", (ROOT / "docs/design.md").read_text(), re.MULTILINE
)


def dependents(path):
    """The stages of dvc.yaml that depend on a file, or on anything in a folder."""
    return {name for name, stage in STAGES.items() if any(f"{dep}/".startswith(path) for dep in stage.get("deps", []))}


@pytest.mark.parametrize(("path", "stages"), ROWS)
def test_an_edit_reruns_the_stages_that_the_page_names(path, stages):
    named = set(re.findall(r"`(\w+)`", stages))
    assert named and named <= dependents(path)
