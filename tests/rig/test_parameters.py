"""params.yaml as it is read and written: as DVC does, whatever stands in it."""

import datetime

import pytest
from dvc.utils.serialize import load_yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from drillcore.base.errors import InputError
from stages.rig.base.parameters import dump, load

SIGNS = "0123456789.eE+-_:xobnyNYaf~, {}[]#&*!|>'\"%@`\n\t"
"""That mean something in YAML."""

text = st.text(st.characters(codec="utf-8"), max_size=12) | st.text(SIGNS, max_size=8)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | text | st.dates()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4), max_leaves=8
)


@pytest.mark.parametrize(
    "written, value",
    [  # https://yaml.org/spec/1.2.2/#1032-tag-resolution; ruamel.yaml also takes dates, which stand in no core schema
        ("010", 10),
        ("0o10", 8),
        ("0x10", 16),
        ("1e5", 1e5),
        ("1e-7", 1e-7),
        (".5", 0.5),
        ("no", "no"),
        ("on", "on"),
        ("yes", "yes"),
        ("1:30", "1:30"),
        ("true", True),
        ("~", None),
        ("2024-05-01", datetime.date(2024, 5, 1)),
    ],
)
def test_a_value_is_yaml_1_2_s_and_dvc_s(tmp_path, written, value):
    path = tmp_path / "params.yaml"
    path.write_text(f"value: {written}\n{written}: key\n")
    assert load(path) == {"value": value, value: "key"} == load_yaml(str(path))
    assert type(load(path)["value"]) is type(value)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(text, values, max_size=4))
def test_what_is_written_is_read_back(tmp_path_factory, values):
    path = tmp_path_factory.getbasetemp() / "written.yaml"
    path.write_text(dump(values), encoding="utf-8")
    assert load(path) == values
    assert load_yaml(str(path)) == values


@pytest.mark.parametrize(
    "written, said",
    [
        ("a: 1\na: 2", "line 2, column 1: found duplicate key"),
        ("a: {build: my.py:make}", "line 1, column 17: found unexpected ':', which within brackets wants quotes"),
        ("a: [1", "line 2, column 1: did not find expected ',' or ']'"),
        ("a: 2024-13-45", "month must be in 1..12"),
        ("? [1, [2]]\n: 3", "unhashable type: 'list'"),
        ("a: !!python/object:os.system x", "line 1, column 4: could not determine a constructor for the tag"),
    ],
)
def test_what_is_no_yaml_is_one_sentence(tmp_path, written, said):
    path = tmp_path / "params.yaml"
    path.write_text(written)
    with pytest.raises(InputError) as caught:
        load(path)
    assert f"params.yaml is not valid YAML: {said}" in str(caught.value)
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")
