"""The section `datasets`: what it may say, and the sentence for what it may not."""

import pytest

from drillcore.base.errors import InputError
from stages.rig.datasets import Source, read_sources


def test_a_source_alone_is_short_for_a_mapping():
    assert read_sources({"mnist": "data", "A-1_b": {"source": "~/x", "size": [3, 4]}, "e": {"source": "EMNIST"}}) == {
        "mnist": Source(source="data"),
        "A-1_b": Source(source="~/x", size=[3, 4], arguments={}),
        "e": Source(source="EMNIST", size=None),
    }


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (None, "datasets is None, but should map a name to a source: the word data, a folder"),
        ({}, r"datasets is \{\}"),
        (["mnist"], r"datasets is \['mnist'\]"),
        ({7: "data"}, "datasets has 7, but a name is"),
        ({"../x": "data"}, r"datasets has '\.\./x'"),
        ({"a\n": "data"}, "rename it"),
        ({"-a": "data"}, "datasets has '-a'"),
        ({"a" * 65: "data"}, "datasets has 'aaa"),
        ({"a;touch pwned": "data"}, "datasets has 'a;touch pwned'"),
        ({"a": 3}, "datasets.a is 3, but should be the word data, a folder, a .zip, .npz, .csv, .parquet or .txt file"),
        ({"a": None}, "datasets.a is None, but should be"),
        ({"a": ""}, "datasets.a.* is '', but"),
        ({"a": " "}, "datasets.a.* is ' ', but should be"),
        ({"a": {}}, "datasets.a.source is missing"),
        ({"a": {"source": 3}}, "datasets.a.source is 3, but should be a valid string"),
        (
            {"a": {"source": "b", "sise": 3}},
            "datasets.a.sise is not a parameter; allowed here: arguments, drop, length, size, source, target, task, tokens",
        ),
        ({"a": {"source": "b", "size": 3}}, "datasets.a.size is 3"),
        ({"a": {"source": "b", "size": [3]}}, "datasets.a.size is"),
        ({"a": {"source": "b", "size": [3, 0]}}, "datasets.a.size.1 is 0"),
        ({"a": {"source": "b", "size": [3, "4"]}}, "datasets.a.size.1 is '4'"),
        ({"a": {"source": "b", "size": [3, 10**9]}}, "datasets.a.size.1 is 1000000000"),
        ({"a": {"source": "b", "arguments": [1]}}, "datasets.a.arguments is"),
        ({"a": {"source": "b", "arguments": {1: 2}}}, "datasets.a.arguments.1"),
        ({"a": {"source": "data", "size": [3, 3]}}, "the source data takes neither size nor arguments"),
    ],
)
def test_a_mistake_is_one_sentence(values, said):
    with pytest.raises(InputError, match=f"^params.yaml: .*{said}") as caught:
        read_sources(values)
    assert str(caught.value).endswith(".")
