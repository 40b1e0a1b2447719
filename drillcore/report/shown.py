"""Samples as what they are: images, rows of a table with the names of their columns, texts."""

from drillcore.artifacts.dataset import kind_of
from drillcore.report.pack import thumbnails

MOST_NUMBERS, MOST_LETTERS = 16, 400
"""Of a sample so many numbers or letters are shown."""


def shown(inputs, file):
    """The `inputs` (n, ...) of samples as the page shows them: their texts, none of images, and `images` as a dict of arrays.

    `file` has the names of columns or the texts of the `vocabulary`.
    """
    kind = kind_of(inputs)
    if kind == "images":
        return None, {"images": thumbnails(inputs)}
    text = row_text if kind == "features" else token_text
    names = file.column_names if kind == "features" else file.vocabulary
    return [text(one, names) for one in inputs], {}


def row_text(features, columns):
    """Features of any shape as text, each number after its column's name where it has one."""
    numbers = features.ravel()[:MOST_NUMBERS]
    names = [f"{name} " for name in columns] or [""] * len(numbers)
    text = ", ".join(f"{name}{number:.4g}" for name, number in zip(names, numbers, strict=False))
    return f"{text}, ..." if features.size > MOST_NUMBERS else text


def token_text(tokens, vocabulary):
    """Tokens as text; those of single letters are joined, others stand apart."""
    texts = [vocabulary[token] for token in tokens] if vocabulary else list(map(str, tokens))
    text = ("" if max(map(len, texts)) <= 1 else " ").join(texts)
    return f"{text[:MOST_LETTERS]}..." if len(text) > MOST_LETTERS else text
