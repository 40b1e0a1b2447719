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
    for name in ("made_data.py", "odd_data.py"):
        shutil.copy(MODELS / name, "models")
    Path("table.csv").write_text(TABLE)
    Path("text.txt").write_text("abcabd" * 10)

    def make(source):
        Path("params.yaml").write_text(dump({"datasets": {"mine": source}}))
        main("mine")
        return DatasetFile("data/mine.h5")

    return make


def odd(which):
    return {"source": "odd_data.py:make", "arguments": {"which": which}}


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


@pytest.mark.parametrize("which", ["known", "stream"])
def test_the_classes_that_a_data_set_knows_are_taken(made, which):
    with made(odd(which)) as file:
        assert file.classes == ["cat", "dog"]
        np.testing.assert_array_equal(file["train/inputs"][:], np.arange(12.0).reshape(4, 3))
        assert file["train/targets"][:].tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("which", "classes", "targets"),
    [
        ("words", ["a", "b"], [1, 0, 1, 0]),
        ("truths", ["0", "1"], [1, 0, 1, 0]),
        ("one_hot", ["0", "1"], [0, 1, 0, 1]),
    ],
)
def test_classes_may_be_words_truth_values_or_one_hot(made, which, classes, targets):
    with made(odd(which)) as file:
        assert (file.task, file.classes) == ("classification", classes)
        assert file["test/targets"][:].tolist() == targets


@pytest.mark.parametrize(
    ("which", "inputs", "targets"),
    [
        ("alone", [1, 2, 3], [2, 3, 4]),
        ("repeated", [1, 2, 3], [2, 3, 4]),
        ("next", [1, 2, 3, 4], [2, 3, 4, -100]),
    ],
)
def test_tokens_without_other_targets_are_asked_for_the_next_one(made, which, inputs, targets):
    with made(odd(which)) as file:
        assert (file.task, len(file.vocabulary)) == ("next_token", 5)
        assert (file["train/inputs"][0].tolist(), file["train/targets"][0].tolist()) == (inputs, targets)


def test_what_is_for_validation_is_for_testing_where_nothing_else_is(made):
    with made(odd("validated")) as file:
        assert file["test/inputs"].shape == (2, 3)


def test_a_number_for_each_text_is_a_regression(made):
    for source in (odd("scores"), odd("scores") | {"task": "regression"}):
        with made(source) as file:
            assert (file.kind, file.task, file["test/targets"][:].tolist()) == ("tokens", "regression", [[0.5], [2.0]])


def test_a_table_to_be_reconstructed_needs_no_target(made):
    with made({"source": "table.csv", "task": "reconstruction"}) as file:
        assert (file.task, file.classes) == ("reconstruction", [])
        assert file.column_names == ["age", "place=x", "place=y", "place=z", "price"]
    with made({"source": "table.csv", "target": "place", "task": "reconstruction"}) as file:
        assert (file.task, file.classes) == ("reconstruction", ["x", "y", "z"])


def test_columns_may_be_an_array(made):
    with made(odd("arrays")) as file:
        assert file.column_names == ["a", "b", "c"]


def test_a_reconstruction_may_be_tested_on_classes_that_it_was_not_trained_on(made):
    Path("table.csv").write_text("a,b,split\n1,good,train\n2,good,train\n3,bad,test\n")
    for source in (odd("unseen"), {"source": "table.csv", "target": "b"}):
        with made(source | {"task": "reconstruction"}) as file:
            train, test = (set(file[f"{split}/targets"][:].tolist()) for split in ("train", "test"))
            assert test - train


def test_a_folder_is_a_text_by_the_length_of_its_windows(made):
    Path("book").mkdir()
    Path("book/one.txt").write_text("abcabd" * 10)
    with made({"source": "book", "length": 5}) as file:
        assert (file.task, file.vocabulary) == ("next_token", list("abcd"))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"source": "table.csv"}, "a table has a target: the name of its column, unless its task is reconstruction"),
        ({"source": "table.csv", "target": "price", "task": "next_token"}, "a table has no next token"),
        (odd("loader"), "a DataLoader gives batches: return its dataset"),
        (odd("texts"), "a sample has text, label, none of which is called inputs, input_ids"),
        (odd("ragged"), "a sample has the shape (1,), those before it (2,); pad or scale them to one"),
        (odd("single"), "returns one token for each sample, which no other follows"),
        (
            odd("large"),
            "which returns inputs that are integers from 0 to 4398046511104, but tokens are from 0 to 1048575",
        ),
        (odd("negative"), "which returns inputs that are integers from -3 to 1, but tokens are from 0"),
        (odd("nan"), "returns targets that are not finite, or too large for float32"),
        (odd("overflowing"), "returns inputs that are not finite, or too large for float32"),
        (odd("unseen"), "models/odd_data.py:make has samples of the class '2' for testing, but none for training"),
        (odd("half"), "returns targets for one of train and test"),
        (
            odd("channels"),
            "images of shape (2, 3, 8, 8), but they are (n, height, width), or (n, height, width, channels)",
        ),
        (odd("integers"), "inputs of int64 and shape (2, 8, 8, 3): return bytes"),
        (odd("columns"), "returns 2 columns, but inputs of [3]: name every number of the last axis"),
        (odd("vocabulary"), "returns tokens up to 4, but a vocabulary of 2"),
        (odd("alone") | {"task": "reconstruction"}, "returns tokens, that have no reconstruction here"),
        (odd("alone") | {"task": "regression"}, "whose task is regression, but its targets are no numbers"),
        (
            odd("alone") | {"task": "classification"},
            "models/odd_data.py:make returns inputs alone, which have no classes",
        ),
        (odd("words") | {"task": "next_token"}, "returns features, that have no next_token here"),
        (odd("words") | {"task": "regression"}, "whose task is regression, but its targets are no numbers"),
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


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("a,b,c\n1,2,\n,3,\n2,,x\n", "rows without a finite value, 1 of 'a', 1 of 'b', 2 of 'c', the first in row 1:"),
        ("a,b\n1,2\n1e39,3\n", "rows without a finite value, 1 of 'a', the first in row 2:"),
        ("a,b\nx,2\ny,3\n", "2 different texts in the 2 rows of the column 'a'"),
        ("a,b,split\n1,x,train\n2,y,train\n3,z,test\n", "samples of the class 'z' for testing, but none for training"),
    ],
)
def test_what_a_table_lacks_is_named(made, table, said):
    Path("table.csv").write_text(table)
    with pytest.raises(InputError) as failure:
        made({"source": "table.csv", "target": "b"})
    assert said in str(failure.value)
