"""Names of layers and weights that HDF5 or a file system would take for something else."""

import h5py
import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from drillcore.base.names import escaped, unescaped
from drillcore.base.store import create, read, write

ODD = ["%", "%2", "2F", "/", "\0", ".", "\ud800", "%ED%A0", "%80", "ED", "A", "é", "\n", " "]


@given(st.lists(st.sampled_from(ODD), max_size=8).map("".join) | st.text(max_size=9))
@example("/fc1/Gemm")
@example("%2F")
@example("%%2F/")
@example("..")
def test_every_name_is_one_part_of_a_path_and_comes_back(name):
    stored = escaped(name)
    assert unescaped(stored) == name
    assert not {"/", "\0"} & set(stored) and stored not in (".", "..")
    stored.encode("utf-8")


def test_what_a_framework_calls_its_layers_stays_as_it_is():
    for name in (
        "layer1.0.conv",
        "block_1_expand.kernel",
        "50%",
        "a b",
        "a%41",
        "été",
        "x:0",
        "[0]",
        "C:\\x",
        "~",
        "...",
    ):
        assert escaped(name) == name and unescaped(name) == name


def test_different_names_are_different_datasets(tmp_path):
    names = ["a", "a/b", "/a", "a//b", ".", "..", "a%2Fb", "a\0b", "\ud800", "%"]
    with create(tmp_path / "a.h5") as file:
        for number, name in enumerate(names):
            write(file, f"layers/{escaped(name)}", np.array([number]))
        file.attrs["layers"] = [escaped(name) for name in names]
    with read(tmp_path / "a.h5") as file:
        assert [unescaped(name) for name in file.attrs["layers"]] == names
        assert [file["layers"][name][0] for name in file.attrs["layers"]] == list(range(len(names)))
        assert all(isinstance(item, h5py.Dataset) for item in file["layers"].values())
