import pytest

from drillcore.base.errors import InputError
from drillcore.frameworks.layers import enumerated, pick

KINDS = {"m": "block", "m.fc0": "module", "m.fc[0]": "module", "m.fc[1]": "module", "head": "both"}


@pytest.mark.parametrize(
    ("layers", "picked"),
    [
        (["m.fc[0]"], ["m.fc[0]"]),
        (["m.fc[01]"], ["m.fc0"]),
        (["m.fc?*", "m.fc[0]"], ["m.fc0", "m.fc[0]", "m.fc[1]"]),
        (["head", "m"], ["m", "head"]),
        (["m.fc[2]"], []),
        ("blocks", ["m", "head"]),
        ("all", ["m.fc0", "m.fc[0]", "m.fc[1]", "head"]),
    ],
)
def test_a_layer_s_name_is_no_pattern(layers, picked):
    assert pick(KINDS, layers) == picked


def test_other_words_are_refused():
    with pytest.raises(InputError, match="layers is 'block', but should be blocks, all, or a list of names and"):
        pick(KINDS, "block")


@pytest.mark.parametrize(
    ("names", "wanted", "text"),
    [
        (["conv", "head"], "haed", "conv, head (did you mean head?)"),
        (["conv", "head"], "l*", "conv, head"),
        (["conv", "head"], "", "conv, head"),
        ((f"l{k}" for k in range(43)), "", ", ".join(f"l{k}" for k in range(40)) + " and 3 more"),
        (
            [*map(str, range(100, 140)), "head"],
            "haed",
            ", ".join(map(str, range(100, 140))) + " and 1 more (did you mean head?)",
        ),
    ],
)
def test_layers_are_named_with_the_closest_and_not_by_the_hundred(names, wanted, text):
    assert enumerated(names, wanted) == text
