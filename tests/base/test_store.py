import json
import os
import signal
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drillcore.artifacts.layers import epochs_in
from drillcore.base.arrays import row_blocks
from drillcore.base.errors import InputError
from drillcore.base.store import create, new_group, read, whole, write, write_json
from stages.rig.base.remedies import absence
from tests.processes import run


def test_a_file_appears_only_when_whole(tmp_path):
    path = tmp_path / "folder" / "file.h5"
    with create(path) as file:
        write(file, "a", np.arange(3))
        assert not path.exists()
    assert read(path)["a"][:].tolist() == [0, 1, 2]
    assert os.listdir(path.parent) == ["file.h5"]


def test_a_failure_keeps_the_old_file_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), whole(path) as part:
        part.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file.txt"]


def test_a_killed_writer_leaves_no_file_under_the_final_name(tmp_path):
    result = run("tests.base.child_killed_writer", folder=tmp_path)
    assert result.returncode == -signal.SIGKILL
    assert not (tmp_path / "file.h5").exists()


def test_ctrl_c_while_hdf5_calls_back_is_not_lost(tmp_path):
    result = run("tests.base.child_interrupted_writer", folder=tmp_path)
    assert result.returncode == 130
    assert result.stderr == "\nthe writer: interrupted; run the same command again to go on\n"


def test_equal_content_gives_equal_bytes(tmp_path):
    for name in ("a.h5", "b.h5"):
        time.sleep(1.1 * (name == "b.h5"))  # HDF5 counts times in seconds
        with create(tmp_path / name) as file:
            write(new_group(file, "z/y"), "x", np.random.default_rng(0).normal(size=(500, 700)))
            write(file, "sparse", np.eye(300), compress=True)
            file.attrs["layers"] = ["one", "two"]
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_a_missing_and_a_damaged_file_are_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.h5 does not exist: correct the name, or make the file first\."):
        read(tmp_path / "nowhere.h5")
    (tmp_path / "half.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + b"\0" * 20)
    with pytest.raises(InputError, match=r"half\.h5 is damaged"):
        read(tmp_path / "half.h5")


def test_what_is_missing_is_named_with_the_stage_of_dvc_yaml_that_makes_it():
    made = {
        "data/one-2_b.h5": "download",
        "data/one-2_b_augmented.h5": "augment",
        "artifacts/one-2_b/network.yaml": "define",
        "artifacts/one-2_b/history.csv": "train",
        "artifacts/one-2_b/metrics.json": "train",
        "artifacts/one-2_b/weights.h5": "activations",
        "artifacts/one-2_b/corr_means.json": "correlations",
        "artifacts/one-2_b/gradient_stats.json": "gradients",
        "artifacts/one-2_b/tsne.h5": "tsne",
    }
    for path, stage in made.items():
        command = f"`dvc repro {stage}@one-2_b`"
        assert absence(Path(path)) == f"{path} does not exist: run the stage that makes it with {command}."
    assert "`dvc repro 'svd@a b'`" in absence("artifacts/a b/svd.h5")
    assert "`dvc repro`." in absence("artifacts/similarity/a--b.h5")
    assert "`dvc repro`." in absence("elsewhere.h5")


@pytest.fixture(scope="module")
def intact(tmp_path_factory):
    """The bytes of a file with all that stages store, and what is read of it."""
    path = tmp_path_factory.mktemp("intact") / "file.h5"
    with create(path) as file:
        for layer in ("one", "two"):
            write(new_group(file, "epochs/000"), layer, np.random.default_rng(0).normal(size=(40, 30)))
            file[f"epochs/000/{layer}"].attrs["units"] = np.arange(30)
        write(file, "sparse", np.eye(30), compress=True)
        write(file, "scalar", np.float64(2))
        file.attrs["layers"] = ["one", "two"]
    return path.read_bytes(), everything(path)


def everything(path):
    """All values and attributes of a file."""
    content = {}

    def visit(name, item):
        content[name] = [item[()].tolist()] if isinstance(item, h5py.Dataset) else []
        content[name] += [(key, np.asarray(value).tolist()) for key, value in item.attrs.items()]

    with read(path) as file:
        visit("", file)
        file.visititems(visit)
    return content


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_flipped_bit_is_noticed_or_changes_nothing(intact, tmp_path_factory, data):
    content, values = intact
    position = data.draw(st.integers(0, len(content) - 1))
    path = tmp_path_factory.getbasetemp() / "flipped.h5"
    flipped = bytearray(content)
    flipped[position] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(flipped)
    try:
        assert everything(path) == values
    except InputError as error:
        assert f"{path} is damaged: replace it" in str(error)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_truncated_file_is_refused(intact, tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "truncated.h5"
    path.write_bytes(intact[0][: data.draw(st.integers(0, len(intact[0]) - 1))])
    with pytest.raises(InputError, match=r"truncated\.h5 is damaged"):
        everything(path)


def test_json_is_valid_json_even_where_numbers_are_not(tmp_path):
    write_json(tmp_path / "a.json", {"a": [1.5, float("nan"), [float("inf"), "x", None, 3]]})

    def refuse(constant):
        raise AssertionError(constant)

    parsed = json.loads((tmp_path / "a.json").read_text(), parse_constant=refuse)
    assert parsed == {"a": [1.5, None, [None, "x", None, 3]]}


@given(st.integers(0, 300), st.integers(0, 100), st.integers(1, 1000))
def test_row_blocks_cover_every_row_once_within_the_budget(count, row_bytes, budget):
    blocks = row_blocks(count, row_bytes, budget)
    rows = [row for block in blocks for row in range(count)[block]]
    assert rows == list(range(count))
    assert all((block.stop - block.start) * row_bytes <= max(budget, row_bytes) for block in blocks)


def test_epochs_come_in_the_order_of_their_numbers(tmp_path):
    with h5py.File(tmp_path / "file.h5", "w") as file:
        for name in ("1000", "000", "999", "010"):
            file.create_group(f"epochs/{name}")
        assert epochs_in(file["epochs"]) == [0, 10, 999, 1000]


def test_empty_and_scalar_arrays_are_stored(tmp_path):
    with h5py.File(tmp_path / "file.h5", "w") as file:
        assert write(file, "empty", np.zeros((0, 3))).shape == (0, 3)
        assert write(file, "scalar", np.float64(2)).shape == ()
