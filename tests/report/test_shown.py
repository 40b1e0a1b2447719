"""Samples in the page as what they are, and what a network answers to them."""

from types import SimpleNamespace

import numpy as np
import pytest

from drillcore.artifacts.network import Network
from drillcore.colours import CLASSES
from drillcore.next_tokens import tokens_of
from drillcore.report.answers import answers
from drillcore.report.shown import MOST_LETTERS, shown

ROWS = slice(None)
LETTERS = SimpleNamespace(column_names=["age", "height"], vocabulary=["a", "b", " ", "\n"])


class Stored(SimpleNamespace):
    """What `answers` reads of an activations.h5."""

    layers, vocabulary, column_names = ["hidden", "last"], ["a", "b", " "], ["age", "height"]
    images = inputs = targets = position = None

    def at(self, layer):
        return {"last": self.outputs}[layer]


def card(task, **values):
    return Network({"name": "n", "framework": "torch", "task": task, **values})


def test_tokens_are_marked_where_they_stand():
    tokens = np.array([[0, 1, 2, 1], [1, 3, 0, 0]], np.int32)
    about, arrays = shown(tokens, LETTERS, np.array([[0, 0, 1, 0], [1, 0, 0, 1]], bool))
    assert about == {"texts": [["ab", "␣", "b"], ["", "b", "↵a", "a", ""]], "rows": False} and not arrays
    assert shown(tokens[:1], LETTERS)[0]["texts"] == [["ab b"]]


def test_words_stand_apart_and_a_mask_does_not_part_letters():
    words = SimpleNamespace(vocabulary=["a", "b", "[MASK]", "word"])
    marked = np.array([[False, True, False]])
    assert shown(np.array([[0, 2, 1]]), words, marked)[0]["texts"] == [["a", "[MASK]", "b"]]
    assert shown(np.array([[0, 3, 3]]), words, marked)[0]["texts"] == [["a ", "word", " word"]]


@pytest.mark.parametrize("position", [0, 700, 999])
def test_of_a_long_text_the_part_around_the_token_is_shown(position):
    tokens, marked = np.zeros((1, 1000), np.int32), np.arange(1000)[None] == position
    tokens[0, position] = 1
    ((before, token, after),) = shown(tokens, LETTERS, marked)[0]["texts"]
    assert token == "b" and len(before + after) <= MOST_LETTERS + 6
    assert before.startswith("...") == (position > 0) and after.endswith("...") == (position < 999)


def test_a_row_has_the_names_of_its_columns():
    about, _ = shown(np.array([[63, 1.75]], np.float32), LETTERS)
    assert about == {"texts": [["age", "63", "height", "1.75"]], "rows": True}


@pytest.mark.parametrize("shape", [(17,), (4, 2), (5, 9)])
def test_a_signal_is_a_picture(shape):
    about, arrays = shown(np.zeros((3, *shape), np.float32), SimpleNamespace(column_names=["a"] * (len(shape) - 1)))
    assert about == {"texts": None, "rows": False} and len(arrays["images"]) == 3


@pytest.mark.parametrize(("token", "position"), [("first", 0), ("last", 3), (-2, 2)])
def test_the_token_that_layers_are_looked_at_is_marked(token, position):
    file = Stored(inputs=np.zeros((2, 4), np.int32))
    of_tokens = card("classification", units={"token": token}, modules=[["a", "block", [4, 8], 9]])
    assert tokens_of(file, of_tokens).tolist() == [position] * 2
    assert tokens_of(file, card("classification", units={"token": token}, modules=[["a", "block", [5, 8], 9]])) is None


def test_numbers_are_predicted_in_the_units_of_the_target():
    file = Stored(targets=np.array([[150.0], [90.0]]), outputs=np.array([[0.5], [-1.0]], np.float32))
    _, arrays = answers(file, card("regression", normalize_targets={"mean": [100], "std": [20]}), ROWS)
    assert arrays["returned"].tolist() == [110, 80] and arrays["targets"].tolist() == [150, 90]


def test_next_tokens_are_those_of_the_samples():
    outputs = np.array([[0, 0, 9], [9, 0, 0]], np.float32)
    groups = {"names": ["a", "b", "any other"], "colours": CLASSES[:3]}
    found, groups_of = {"next": ["b", "a"], "groups": groups, "predicted": ["␣", "a"]}, ([1, 0], [2, 0])
    file = Stored(
        position=np.array([1, 0]), inputs=np.zeros((2, 4), np.int32), targets=np.array([1, 0]), outputs=outputs
    )
    about, arrays = answers(file, card("next_token", vocabulary=3), ROWS)
    assert about == found and [arrays[of].tolist() for of in ("next_group", "predicted_group")] == [*groups_of]
    file.position, file.targets = None, np.array([[2, 2, 2, 1], [2, 2, 2, 0]])
    at_last = card("next_token", vocabulary=3, units={"token": "last"}, modules=[["a", "", [4, 8], 9]])
    assert answers(file, at_last, ROWS)[0] == found
    file.outputs = outputs[:, :2]  # some of the units
    about, arrays = answers(file, at_last, ROWS)
    assert about == {"next": ["b", "a"], "groups": groups} and list(arrays) == ["next_group"]


def test_what_counts_nowhere_has_no_next_token():
    file = Stored(
        position=np.array([0]), inputs=np.zeros((1, 4), np.int32), targets=np.array([-100]), outputs=np.eye(1, 3)
    )
    assert answers(file, card("next_token", vocabulary=3), ROWS)[0]["next"] == [None]


@pytest.mark.parametrize("framework", ["torch", "keras"])
def test_an_image_that_was_made_again_is_the_image(framework):
    images = np.random.default_rng(0).integers(0, 256, (2, 4, 3, 3), np.uint8)
    seen = (images / 255 - 0.5) / 0.25
    seen = np.moveaxis(seen, 3, 1) if framework == "torch" else seen
    file = Stored(images=images, outputs=seen.reshape(2, -1).astype(np.float32))
    of_images = card("reconstruction", framework=framework, normalize={"mean": [0.5], "std": [0.25]})
    np.testing.assert_array_equal(answers(file, of_images, ROWS)[1]["again_images"], images)


def test_a_row_that_was_made_again_has_its_units():
    file = Stored(inputs=np.array([[63, 1.75]], np.float32), outputs=np.array([[1.0, -1.0]], np.float32))
    of_rows = card("reconstruction", normalize={"mean": [50, 1.7], "std": [10, 0.1]})
    assert answers(file, of_rows, ROWS)[0]["again"] == [["age", "60", "height", "1.6"]]
