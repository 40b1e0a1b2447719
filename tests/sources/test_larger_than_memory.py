"""Data sets of which `download` may hold a third in memory."""

import shutil
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drillcore.artifacts.dataset import DatasetFile
from drillcore.base.errors import InputError
from stages import download
from stages.rig.base.parameters import dump
from stages.rig.sources import blocks
from stages.rig.sources.blocks import Gathered, chosen
from stages.rig.sources.text import load_text
from tests import processes
from tests.conftest import MODELS

LARGE = 300
"""Mebibytes, three times what tests/sources/child_download.py allows."""


def photographs(folder):
    """A grey image, and colours after it: all become coloured; one file has many names."""
    for split, count in (("train", LARGE // 3), ("test", 1)):
        for label in "ab":
            (folder / "photographs" / split / label).mkdir(parents=True)
            for number in range(count // 2 + 1):
                path = folder / "photographs" / split / label / f"{number}.bmp"
                if not number:
                    Image.new("L" if label == "a" else "RGB", (1024, 1024), 90).save(path)
                elif number == 1 and label == "a":
                    Image.new("RGB", (1024, 1024), (1, 2, 3)).save(path)
                else:
                    path.hardlink_to(path.with_name(f"{number - 1}.bmp"))
    return "photographs", "train/inputs"


def text(folder):
    """Bytes, of which there are four in memory for each, and twice."""
    with (folder / "text.txt").open("wb") as file:
        file.truncate(LARGE << 18)
    return {"source": "text.txt", "tokens": "bytes"}, "train/targets"


def samples(folder):
    return {"source": "large_data.py:samples", "arguments": {"count": LARGE}}, "train/inputs"


def mapped(folder):
    return {"source": "large_data.py:mapped", "arguments": {"count": LARGE}}, "train/inputs"


def arrays(folder):
    images = np.zeros((LARGE, 1024, 1024), np.uint8)
    images[:, 0, 0] = np.arange(LARGE)
    labels = np.arange(LARGE) % 2
    np.savez(folder / "a.npz", x_train=images, y_train=labels, x_test=images[-2:], y_test=labels[:2])
    return "a.npz", "train/inputs"


def idx(folder):
    (folder / "idx").mkdir()
    for split, count, lowest in (("train", LARGE, 0), ("t10k", 2, 200)):
        with (folder / f"idx/{split}-images-idx3-ubyte").open("wb") as file:
            file.write(struct.pack(">4B3I", 0, 0, 8, 3, count, 1024, 1024))
            begin = file.tell()
            for number in range(count):
                file.seek(begin + (number << 20))
                file.write(bytes([(lowest + number) % 256]))
            file.truncate(begin + (count << 20))
        header = struct.pack(">4BI", 0, 0, 8, 1, count)
        (folder / f"idx/{split}-labels-idx1-ubyte").write_bytes(header + bytes(number % 2 for number in range(count)))
    return "idx", "train/inputs"


def csv(folder):
    """30 numbers and a text of a hundred values, which becomes as many features."""
    rows, ones = LARGE * 2000, ",1" * 30
    with (folder / "table.csv").open("w") as file:
        file.write(",".join(["row", *(f"one_{number}" for number in range(30)), "text", "target", "split"]) + "\n")
        file.writelines(f"{row}{ones},t{row % 100},{row},train\n" for row in range(rows))
        file.write(f"{rows}{ones},t0,{rows},test\n")
    return {"source": "table.csv", "target": "target"}, "train/inputs"


def parquet(folder):
    """One group of rows, most of whose columns take hardly a byte."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow.parquet import write_table

    rows = LARGE * 2500
    row, ones, split = np.arange(rows + 1.0), np.ones(rows + 1), np.repeat(["train", "test"], [rows, 1])
    columns = {"row": row, **{f"one_{number}": ones for number in range(100)}, "target": row, "split": split}
    write_table(pyarrow.table(columns), folder / "table.parquet")
    return {"source": "table.parquet", "target": "target"}, "train/inputs"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process's own memory")
@pytest.mark.parametrize(
    "source",
    [
        *(photographs, text, samples, mapped, arrays, idx),
        *(pytest.param(table, marks=pytest.mark.soak) for table in (csv, parquet)),
    ],
)
def test_memory_does_not_grow_with_the_data(tmp_path, source):
    (tmp_path / "models").mkdir()
    shutil.copy(MODELS / "large_data.py", tmp_path / "models")
    settings, largest = source(tmp_path)
    (tmp_path / "params.yaml").write_text(dump({"datasets": {"mine": settings}}))
    done = processes.run("tests.sources.child_download", "mine", folder=tmp_path, OMP_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr[-2000:]
    with DatasetFile(tmp_path / "data/mine.h5") as file:
        assert file[largest].nbytes >= 0.79 * (LARGE << 20)
        rows = file[largest]
        first = np.array([rows[number].ravel()[0] for number in range(0, len(rows), 50)])
        expected = np.arange(len(rows)) if source in (samples, csv, parquet) else np.arange(len(rows)) % 256
        if source not in (photographs, text):
            np.testing.assert_array_equal(first, expected[::50])
    assert not [*tmp_path.glob("tmp*")]
    shutil.rmtree(tmp_path)


@pytest.mark.parametrize("most", [0, 1 << 20])
def test_gathered_rows_are_the_same_in_a_file(monkeypatch, most):
    monkeypatch.setattr(blocks, "IN_MEMORY", most)
    monkeypatch.setattr(blocks, "GAP", 40)
    array = np.random.default_rng(0).integers(0, 99, (70, 3), np.int32)
    gathered = Gathered((3,), np.int32)
    for begin in range(0, 70, 7):
        gathered.add(array[begin : begin + 7])
    rows = np.array([0, 1, 5, 40, 41, 69])
    assert isinstance(gathered.rows(), np.ndarray) == bool(most)
    np.testing.assert_array_equal(gathered.rows()[2:9], array[2:9])
    np.testing.assert_array_equal(chosen(gathered.rows(), rows)[1:6], array[rows][1:6])
    np.testing.assert_array_equal(chosen(gathered.rows(), slice(9, 50))[3:8], array[12:17])
    np.testing.assert_array_equal(gathered.mapped(lambda block: block / 2)[:], array / 2)
    with pytest.raises(ValueError, match=r"a sample has the shape \(2,\), those before it \(3,\)"):
        gathered.add(array[:, :2])


@pytest.mark.parametrize("tokens", ["characters", "bytes"])
def test_a_text_in_pieces_has_the_tokens_of_the_whole(tmp_path, monkeypatch, tokens):
    content = "añ猫𝄞\n" * 40
    Path(tmp_path / "text.txt").write_text(content, encoding="utf-8")
    whole = load_text("mine", tmp_path / "text.txt", tokens, 8)
    monkeypatch.setattr("stages.rig.sources.text.PIECE", 7)
    monkeypatch.setattr(blocks, "IN_MEMORY", 100)
    parts = load_text("mine", tmp_path / "text.txt", tokens, 8)
    assert whole.vocabulary == parts.vocabulary
    for one, other in zip(whole[:4], parts[:4], strict=True):
        np.testing.assert_array_equal(one[:], other[:])
    if tokens == "characters":
        np.testing.assert_array_equal(
            [parts.vocabulary[code] for code in parts.train_inputs[1:2][0]], list(content[8:16])
        )


def test_bytes_that_are_no_text_are_numbered_from_the_beginning(tmp_path, monkeypatch):
    monkeypatch.setattr("stages.rig.sources.text.PIECE", 5)
    (tmp_path / "text.txt").write_bytes("añ".encode() * 4 + b"a\xff")
    with pytest.raises(InputError, match="no UTF-8, byte 13: convert it"):
        load_text("mine", tmp_path / "text.txt")


def test_items_of_whole_and_broken_numbers_are_broken_numbers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    shutil.copy(MODELS / "large_data.py", tmp_path / "models")
    (tmp_path / "params.yaml").write_text(dump({"datasets": {"mine": "large_data.py:mixed"}}))
    download.main("mine")
    with DatasetFile("data/mine.h5") as file:
        assert file["train/inputs"][:].tolist() == [[0, 1], [2, 2.5]]
