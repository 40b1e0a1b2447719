"""How tokens are read: joined to a text, and seen where they are blank."""

from collections.abc import Iterable, Sequence

from drillcore.base.names import printable

BREAKS = str.maketrans({"\n": "↵", "\t": "⇥"})
SPACES = str.maketrans({" ": "␣"})


def token_texts(tokens: Iterable[int], vocabulary: Sequence[str] = ()) -> list[str]:
    """The texts of `tokens`, or their numbers without a `vocabulary`; what does not print as signs that do."""
    texts = (vocabulary[token] if len(vocabulary) else str(token) for token in tokens)
    return [printable(text.translate(BREAKS)) for text in texts]


def between(tokens: Iterable[int], vocabulary: Sequence[str] = ()) -> str:
    """What stands between two tokens of a text: nothing if each of its `tokens` is a letter at most, else a space.

    Examples
    --------
    >>> between([0, 1], ["a", "b", "[MASK]"]), between([0, 2], ["a", "b", "[MASK]"])
    ('', ' ')
    """
    return "" if all(len(vocabulary) and len(vocabulary[token]) <= 1 for token in tokens) else " "


def visible(text: str) -> str:
    """The `text` of a token that is looked at by itself: a blank one as signs.

    Examples
    --------
    >>> visible(" "), visible("of")
    ('␣', 'of')
    """
    return text if text.strip() else text.translate(SPACES)
