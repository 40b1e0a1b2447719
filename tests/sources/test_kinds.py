"""Tables, texts and functions of the user as data sets."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from drillcore.artifacts.dataset import DatasetFile
from drillcore.base.errors import InputError
from stages.download import main
from stages.rig.base.parameters import dump
from tests.conftest import MODELS

TABLE = "age,place,price\n1,x,3\n2,y,4\n3,x,5\n4,z,6\n5,x,7\n6,y,8\n"


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A function that makes the data set of a source, and returns its open file."""
    monkeypatch.chdir(tmp_path)
    Path("models").mkdir()
    shutil.copy(MODELS / "made_data.py", "models")
    Path("table.csv").write_text(TABLE)
    Path("text.txt").write_text("abcabd" * 10)

    def make(source):
        Path("params.yaml").write_text(dump({"datasets": {"mine": source}}))
        main("mine")
        return DatasetFile("data/mine.h5")

    return make


def test_the_columns_of_a_table_are_features_and_its_texts_one_hot(made):
    with made({"source": "table.csv", "target": "price"}) as file:
        assert (file.kind, file.task, file.classes) == ("features", "regression", [])
        assert file.column_names == ["age", "place=x", "place=y", "place=z"]
        rows = np.concatenate([file["train/inputs"][:], file["test/inputs"][:]])
        prices = np.concatenate([file["train/targets"][:], file["test/targets"][:]])
        assert len(file["test/inputs"]) == 1
    order = np.argsort(rows[:, 0])
    np.testing.assert_array_equal(rows[order, 1:].argmax(1), [0, 1, 0, 2, 0, 1])
    np.testing.assert_array_equal(prices[order, 0], [3, 4, 5, 6, 7, 8])


def test_a_dropped_column_is_no_feature(made):
    with made({"source": "table.csv", "target": "price", "drop": "place"}) as file:
        assert file.column_names == ["age"]


def test_a_target_of_text_is_a_class(made):
    with made({"source": "table.csv", "target": "place"}) as file:
        assert (file.task, file.classes, file.column_names) == ("classification", ["x", "y", "z"], ["age", "price"])


def test_a_text_is_cut_into_windows_whose_targets_are_one_further(made):
    with made({"source": "text.txt", "length": 5}) as file:
        assert (file.kind, file.task, file.vocabulary) == ("tokens", "next_token", list("abcd"))
        np.testing.assert_array_equal(file["train/inputs"][0], [0, 1, 2, 0, 1])
        np.testing.assert_array_equal(file["train/targets"][0], [1, 2, 0, 1, 3])
        assert [len(file[f"{split}/inputs"]) for split in ("train", "test")] == [9, 2]  # of 48 and 12 characters


def test_a_function_gives_features_of_any_shape(made):
    with made({"source": "made_data.py:make", "arguments": {"count": 5}}) as file:
        assert (file.kind, file.task) == ("features", "regression")
        assert [file[name].shape for name in file] == [(5, 2, 3), (5, 3), (2, 2, 3), (2, 3)]


def test_data_sets_whose_items_are_mappings_are_images_with_classes(made):
    with made("made_data.py:pairs") as file:
        assert (file.kind, file.task, file.classes) == ("images", "classification", ["0", "1"])
        np.testing.assert_array_equal(file["train/inputs"][:, 0, 0, 0], [0, 1, 2, 3])


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"source": "table.csv"}, "a table, and nothing else, has a target"),
        ({"source": "text.txt", "drop": ["place"]}, "a table, and nothing else, has columns to drop"),
        (
            {"source": "table.csv", "target": "price", "drop": ["cost"]},
            "datasets.mine.drop is 'cost', but table.csv has the",
        ),
        ({"source": "table.csv", "target": "price", "drop": "price"}, "has 'price' both as target and in drop"),
        (
            {"source": "table.csv", "target": "cost"},
            "target is 'cost', but table.csv has the columns age, place, price",
        ),
        ({"source": "text.txt", "length": 50}, "windows of 50 tokens, but a part of text.txt has 48"),
        (
            {"source": "text.txt", "tokens": "words"},
            "tokens is 'words', but should be characters, bytes, or the JSON file",
        ),
        ("made_data.py:nothing", "models/made_data.py has no function 'nothing'"),
        ("made_data.py:make", "fails with the arguments {}"),
        ("made_data.py:broken", "inputs that are not finite"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(made, source, said):
    with pytest.raises(InputError) as failure:
        made(source)
    assert said in str(failure.value)


def test_a_missing_value_is_named(made):
    Path("table.csv").write_text("a,b\n1,2\n,3\n")
    with pytest.raises(InputError, match="no finite value in row 2 of the column 'a', and in 1 rows in all"):
        made({"source": "table.csv", "target": "b"})
