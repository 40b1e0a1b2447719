"""Samples that are tokens, or that are looked at by one token: its position, the token after it, and classes of these to
colour by."""

import numpy as np

from drillcore.artifacts.dataset import kind_of
from drillcore.extraction.units import token_of
from drillcore.texts import token_texts, visible

MOST_COMMON = 8
"""So many of the tokens that follow have a colour; the others share one, that of the next class, which is grey."""


def tokens_of(activations, card):
    """The position of the token that each sample of `Activations` is, or at which its layers are looked at, (samples); None
    where samples are no tokens, or are looked at as a whole."""
    how, inputs = card.values.get("units"), activations.inputs
    if activations.position is not None or inputs is None or kind_of(inputs) != "tokens" or not isinstance(how, dict):
        return activations.position
    count, token = inputs.shape[1], token_of(how)
    known = any(shape[:1] == [count] for _, _, shape, _ in card.values.get("modules", []) if isinstance(shape, list))
    return np.full(len(inputs), token % count) if known and -count <= token < count else None


def next_tokens(activations, card, rows):
    """The tokens that should follow the samples `rows`, negative where none counts; None where that is not known."""
    targets, tokens = activations.targets, tokens_of(activations, card)
    if card.task != "next_token" or targets is None or tokens is None:
        return None
    return targets[rows] if targets.ndim == 1 else np.take_along_axis(targets[rows], tokens[rows, None], 1)[:, 0]


def texts_of(activations, card):
    """The text of every token of a network's vocabulary, a blank one as signs."""
    return list(map(visible, token_texts(range(card.values["vocabulary"]), activations.vocabulary)))


def most_common(tokens):
    """The tokens from 0 on that are most frequent among `tokens`, at most MOST_COMMON, the most frequent first.

    Examples
    --------
    >>> most_common(np.array([2, 1, 2, -100])).tolist()
    [2, 1]
    """
    found, counts = np.unique(tokens[tokens >= 0], return_counts=True)
    return found[np.argsort(-counts, kind="stable")][:MOST_COMMON]


def as_classes(tokens, common):
    """The position of each of `tokens` among the `common` ones, and their number for any other.

    Examples
    --------
    >>> as_classes(np.array([2, 1, 0, -100]), np.array([2, 1])).tolist()
    [0, 1, 2, 2]
    """
    same = tokens[:, None] == common
    return np.where(same.any(1), same.argmax(1) if len(common) else 0, len(common))


def class_names(common, texts):
    """What the classes of `as_classes` are called."""
    return [*(texts[token] for token in common), "any other"]
