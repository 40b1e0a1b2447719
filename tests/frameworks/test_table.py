"""A framework that the table does not hold is refused by all that are handed its name."""

import pytest

from drillcore.base.errors import DamagedFile, InputError
from drillcore.frameworks import FRAMEWORKS, framework
from stages.rig.base.parameters import load
from stages.rig.card import read_card
from stages.rig.frameworks import module
from tests.artifacts import write_network


@pytest.mark.parametrize("name", ["jax", None, ["torch"]])
@pytest.mark.parametrize("find", [framework, lambda name: module(name, "training")])
def test_a_third_framework_is_refused_by_name(name, find):
    with pytest.raises(InputError, match=f"should be {' or '.join(FRAMEWORKS)}"):
        find(name)


@pytest.mark.parametrize("build", [None, "my.py:make"])
def test_a_card_of_a_third_framework_is_damaged(tmp_path, build):
    path = write_network(tmp_path, "net", {"layer1": 3, "output": 4}, build=build) / "network.yaml"
    assert read_card(path).framework == load(path)["framework"] == "torch"
    path.write_text(path.read_text().replace("framework: torch", "framework: jax"))
    with pytest.raises(DamagedFile):
        read_card(path)
