"""Whatever params.yaml holds, `define` ends in a valid card or in one sentence."""

import copy
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drillcore.base.errors import InputError
from stages.rig.base.parameters import dump, load
from stages.rig.card import UserDefined, read_card, write_card
from stages.rig.resolve import resolve
from tests.conftest import SHAPES
from tests.small_project import ROOT

INPUTS = pytest.mark.parametrize("inputs", [50, pytest.param(1000, marks=pytest.mark.soak)])
"""How many of each kind are tried."""

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.dates() | st.binary(max_size=5)
)
keys = st.text(string.printable, max_size=8) | st.integers() | st.none() | st.booleans() | st.floats()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=8,
)
PROJECT = load(ROOT / "params.yaml")
PROJECT["networks"]["own"] = {
    "build": "mine.py:make",
    "arguments": {"width": 3},
    "dataset": "cifar10",
    "normalize": {"mean": [0.5, 0.4, 0.3], "std": [0.5]},
    "layers": ["conv?", "head"],
    "training": {"epochs": 3, "augmentation": ["flip"]},
    "recorder": {"every": 2},
}


def places(value, path=()):
    """Where something stands in a nested mapping or list: every path, the shorter ones first."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] + [place for key, item in items for place in places(item, (*path, key))]


@st.composite
def changed(draw):
    """The project's own parameters with a few things replaced, removed, renamed or added."""
    parameters = copy.deepcopy(PROJECT)
    for _ in range(draw(st.integers(1, 3))):
        *parents, key = draw(st.sampled_from([place for place in places(parameters) if place]))
        parent = parameters
        for step in parents:
            parent = parent[step]
        change = draw(st.sampled_from(["replace", "remove", "rename", "add"]))
        if change == "replace":
            parent[key] = draw(values)
        elif change == "remove":
            del parent[key]
        elif isinstance(parent, dict):
            parent[draw(keys)] = parent.pop(key) if change == "rename" else draw(values)
        else:
            parent.append(draw(values))
    return parameters


def check(parameters, folder):
    """Resolve every network that could be asked for, from the file that holds `parameters`."""
    path = folder / "params.yaml"
    try:
        path.write_text(parameters if isinstance(parameters, str) else dump(parameters), encoding="utf-8")
    except UnicodeEncodeError:
        return
    names = ["squeeze", "own", "nothing"]
    try:
        loaded = load(path)
        networks = loaded.get("networks")
        names += [name for name in networks if isinstance(name, str)] if isinstance(networks, dict) else []
    except InputError as error:
        one_sentence(error)
        return
    for name in names[:5]:
        try:
            card = resolve(loaded, name, SHAPES.get)
        except InputError as error:
            one_sentence(error)
        else:
            if not isinstance(card, UserDefined):  # which is written once it is built
                write_card(folder / "network.yaml", card)
                assert read_card(folder / "network.yaml") == card.model_copy(update={"title": None})


def one_sentence(error):
    text = str(error)
    assert text.endswith("."), text
    assert "\n" not in text, text
    assert "Traceback" not in text


def try_many(inputs, strategy, folder):
    """Check so many parameters."""

    @settings(max_examples=inputs, deadline=None)
    @given(strategy)
    def try_one(parameters):
        check(parameters, folder)

    try_one()


@INPUTS
def test_the_project_s_parameters_changed_at_random(inputs, tmp_path):
    try_many(inputs, changed(), tmp_path)


@INPUTS
def test_anything_at_all(inputs, tmp_path):
    try_many(inputs, values, tmp_path)


@INPUTS
def test_any_text(inputs, tmp_path):
    try_many(inputs, st.text(max_size=60) | st.text("{}[]:,-&*!|>'\"%@` \n\t#?ab01.~", max_size=60), tmp_path)
