"""Samples as what they are: images, signals, rows of a table with the names of their columns, texts with tokens marked."""

import numpy as np

from drillcore.artifacts.dataset import kind_of
from drillcore.report.pack import thumbnails
from drillcore.report.pictures import pictures
from drillcore.texts import between, token_texts, visible

MOST_NUMBERS, MOST_LETTERS = 16, 400
"""Of a sample so many numbers or letters are shown."""


def shown(inputs, file, marked=None, like=None):
    """The `inputs` (n, ...) of samples as the page shows them: `texts`, none of images, and `images` as a dict of arrays.

    `file` has the names of columns or the texts of the `vocabulary`; `marked` (n, positions) are the tokens to be marked.
    Signals are drawn as images, as high as they are beside those that they are `like`. Texts are lists of parts: of tokens
    every second is marked, and of a row of numbers, so `rows` says, a name comes before each of them.
    """
    kind = kind_of(inputs)
    about = {"texts": None, "rows": kind == "features"}
    if kind == "images":
        return about, {"images": thumbnails(inputs)}
    if kind == "features":
        columns = file.column_names
        if inputs.ndim > 2 or (not columns and inputs.shape[1] > MOST_NUMBERS):
            return about | {"rows": False}, {"images": pictures(inputs, like)}
        return about | {"texts": [row_parts(one, columns) for one in inputs]}, {}
    vocabulary, marked = file.vocabulary, np.zeros(inputs.shape, bool) if marked is None else marked
    return about | {"texts": [token_parts(*one, vocabulary) for one in zip(inputs, marked, strict=True)]}, {}


def row_parts(features, columns):
    """The features of a row as texts, before each number the name of its column, which is empty where it has none."""
    numbers = features.ravel()[:MOST_NUMBERS]
    names = columns or [""] * len(numbers)
    parts = [part for name, number in zip(names, numbers, strict=False) for part in (name, f"{number:.4g}")]
    return [*parts, "", "..."] if features.size > MOST_NUMBERS else parts


def token_parts(tokens, marked, vocabulary):
    """Tokens as texts, one that is `marked` after each other one; those of single letters are joined, others stand apart.

    Of a long text it is the part around the first of them.
    """
    texts = token_texts(tokens, vocabulary)
    space = between(np.asarray(tokens)[~marked], vocabulary)
    begin = first_shown(texts, marked, space)
    parts, count = ["..." if begin else ""], 0
    for text, mark in zip(texts[begin:], marked[begin:], strict=True):
        if count + len(text) > MOST_LETTERS:
            return [*parts[:-1], f"{parts[-1]}{space}..."]
        parts[-1] += space if count else ""
        count += len(space) + len(text)
        if mark:
            parts += [visible(text), ""]
        else:
            parts[-1] += text
    return parts


def first_shown(texts, marked, space):
    """The number of the token with which a text begins that shows the first that is `marked`: half its letters before it."""
    lengths = np.cumsum([len(text) + len(space) for text in texts])
    if lengths[-1] <= MOST_LETTERS or not np.any(marked):
        return 0
    return int(np.searchsorted(lengths, lengths[np.argmax(marked)] - MOST_LETTERS // 2))
