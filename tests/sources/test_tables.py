"""Tables in blocks have the features and the sentences of those that pandas reads whole."""

from pathlib import Path

import numpy as np
import pandas
import pytest

from drillcore.base.errors import InputError
from stages.rig.sources import columns
from stages.rig.sources.table import load_table

ROWS = 40


@pytest.fixture(autouse=True)
def _blocks(monkeypatch, tmp_path):
    monkeypatch.setattr(columns, "CELLS", 48)  # six rows or so
    monkeypatch.chdir(tmp_path)


def write(**changes):
    """A table in table.csv, of which some columns change their type at row 20 or later."""
    first, then = np.arange(20), np.arange(20, ROWS)
    held = {
        "number": range(ROWS),
        "broken": [*first, *(f"{value}.25" for value in then)],
        "huge": [*first, *[18446744073709551615] * 20],
        "numbers_and_texts": [*["01", "1.50"] * 15, *["x", "é"] * 5],
        "truths_and_texts": [*["True", "TRUE"] * 10, *["yes", "False"] * 10],
        "truths": [*["True", "false"] * 20],
        "place": [f"p{value % 7}" for value in range(ROWS)],
        "price": [*first, *(value / 8 for value in then)],
        "split": [*["train", "test", "train", "train"] * 10],
    } | changes
    lines = [",".join(held), *(",".join(map(str, row)) for row in zip(*held.values(), strict=True))]
    Path("table.csv").write_text("\n".join(lines) + "\n")


def features(frame):
    """The features and their names, by pandas' own way from texts to columns."""
    parts = []
    for name, values in frame.items():
        kept = values.dtype.kind in "iuf"
        parts.append(frame[[name]] if kept else pandas.get_dummies(values.astype(str), prefix=name, prefix_sep="="))
    whole = pandas.concat(parts, axis=1)
    return whole.to_numpy(np.float32), list(whole)


def check(path, frame, target):
    """The data set of `path` is that of the `frame`, read whole."""
    marks, wanted = frame.pop("split"), frame.pop(target)
    expected, names = features(frame)
    made = load_table("mine", path, target)
    assert made.columns == names
    if made.task == "classification":
        assert made.classes == sorted(set(wanted.astype(str)))
        wanted = np.array([made.classes.index(value) for value in wanted.astype(str)])
    else:
        wanted = wanted.to_numpy(np.float32)[:, None]
    for split in ("train", "test"):
        inputs, targets = getattr(made, f"{split}_inputs"), getattr(made, f"{split}_targets")
        np.testing.assert_array_equal(inputs[:], expected[marks == split])
        np.testing.assert_array_equal(targets[:], wanted[marks == split])
        assert inputs.dtype == np.float32


@pytest.mark.parametrize("target", ["price", "place", "truths_and_texts"])
def test_a_csv_in_blocks_is_that_which_pandas_reads_whole(target):
    write()
    check(Path("table.csv"), pandas.read_csv("table.csv", low_memory=False), target)


@pytest.mark.parametrize(("last", "times"), [("0.5", 1), ("x", 2)])
def test_a_csv_is_read_again_only_where_its_numbers_would_differ(monkeypatch, last, times):
    readings, read = [], columns.csv_blocks
    monkeypatch.setattr(columns, "csv_blocks", lambda *source: readings.append(source) or read(*source))
    Path("table.csv").write_text("number,price\n" + "1,2\n" * 60 + f"{last},2\n" * 9)
    load_table("mine", Path("table.csv"), "price")
    assert len(readings) == times


def test_a_parquet_file_in_blocks_is_that_which_pandas_reads_whole():
    pytest.importorskip("pyarrow")
    write()
    frame = pandas.read_csv("table.csv", low_memory=False).astype({"place": "category", "number": "int8"})
    frame.to_parquet("table.parquet", row_group_size=25)
    check(Path("table.parquet"), frame, "price")


def test_a_folder_of_parquet_files_without_rows_is_refused():
    pytest.importorskip("pyarrow")
    Path("folder.parquet").mkdir()
    pandas.DataFrame({"number": [1], "price": [2]})[:0].to_parquet("folder.parquet/part.parquet")
    with pytest.raises(InputError, match="has no rows"):
        load_table("mine", Path("folder.parquet"), "price")


def test_a_fifth_of_the_rows_is_held_out_by_a_permutation_of_all():
    write(split=range(100, 140))
    Path("table.csv").write_text(Path("table.csv").read_text().replace("split", "mark"))
    made = load_table("mine", Path("table.csv"), "price")
    held_out = np.sort(np.random.default_rng(0).permutation(ROWS)[: ROWS // 5])
    np.testing.assert_array_equal(made.test_inputs[:][:, -1], 100 + held_out)
    np.testing.assert_array_equal(made.train_inputs[:][:, 0], np.delete(np.arange(ROWS), held_out))


def test_two_columns_of_one_name_are_refused():
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow.parquet import write_table

    write_table(pyarrow.table([[1], [2], [3]], names=["number", "number", "price"]), "table.parquet")
    with pytest.raises(InputError, match="more than one column 'number'"):
        load_table("mine", Path("table.parquet"), "price")


def test_classes_that_are_numbers_are_numbered_in_their_order():
    write(price=[*[10, 9] * 10, *[2.5, 9] * 10])
    made = load_table("mine", Path("table.csv"), "price", task="classification")
    assert made.classes == ["2.5", "9.0", "10.0"]
    assert sorted(made.train_targets.tolist()) == [0] * 10 + [1] * 10 + [2] * 10


@pytest.mark.parametrize("values", [["", *range(39)], [*range(38), "", "inf"], [*["inf", 1] * 10, *["x"] * 19, ""]])
def test_the_first_row_without_a_value_is_found_in_any_block(values):
    write(price=values)
    whole = pandas.read_csv("table.csv", low_memory=False).price
    missing = np.flatnonzero(whole.isna() | (whole.astype(str) == "inf") * (whole.dtype.kind == "f"))
    with pytest.raises(InputError) as failure:
        load_table("mine", Path("table.csv"), "number")
    assert f"without a finite value, {len(missing)} of 'price', the first in row {missing[0] + 1}:" in str(
        failure.value
    )


def test_what_is_wrong_in_a_later_block_is_said_as_of_the_whole(monkeypatch):
    write(split=["train"] * 39 + ["neither"])
    with pytest.raises(InputError, match="a column 'split' of neither, train, but it should say train or test"):
        load_table("mine", Path("table.csv"), "price")
    monkeypatch.setattr("stages.rig.sources.table.MOST_VALUES", 6)
    write()
    with pytest.raises(InputError, match="has 7 different texts in the 40 rows of the column 'place',"):
        load_table("mine", Path("table.csv"), "price")
    monkeypatch.setattr(columns, "COUNTED", 6)
    with pytest.raises(InputError, match="has more than 6 different texts in the 40 rows of the column 'place'"):
        load_table("mine", Path("table.csv"), "price")
    with Path("table.csv").open("a") as file:
        file.write(",".join("123456789") + ",10\n")
    with pytest.raises(InputError, match="Expected 9 fields in line 42, saw 10"):
        load_table("mine", Path("table.csv"), "price")
