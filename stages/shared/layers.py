"""Which of a network's layers are meant by names and patterns, and how to name those that it has."""

from difflib import get_close_matches
from fnmatch import fnmatchcase

from stages.shared.base.command import InputError

KINDS = {"blocks": ("block", "both"), "all": ("module", "both")}
NAMED = 40


def pick(kinds, layers):
    """Names of the layers that `layers` picks, in the order of `kinds`, a dict of every layer's name to what it is.

    `layers` is "blocks", "all", or a list of names and patterns. What is exactly a layer's name picks that layer alone and
    is no pattern: brackets may be part of it.
    """
    if isinstance(layers, str):
        if layers not in KINDS:
            raise InputError(f"layers is {layers!r}, but should be blocks, all, or a list of names and patterns.")
        return [name for name, kind in kinds.items() if kind in KINDS[layers]]
    patterns = [wanted for wanted in layers if wanted not in kinds]
    return [name for name in kinds if name in layers or any(fnmatchcase(name, pattern) for pattern in patterns)]


def enumerated(names, wanted=""):
    """The `names` of layers as text, the first of them where they are many, and the one most like `wanted` if any is."""
    names = list(names)
    more, alike = len(names) - NAMED, get_close_matches(wanted, names, 1)
    text = ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
    return f"{text} (did you mean {alike[0]}?)" if alike else text
