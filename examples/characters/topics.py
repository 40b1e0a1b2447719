"""The reference of the Python language, as `help()` shows it: half a million characters that ship with Python."""

from itertools import pairwise
from pydoc_data.topics import topics

import numpy as np


def make(length=64, most=200_000):
    """Windows of `length` characters of the first `most`, and for each character the next one; the last fifth for testing."""
    text = "\n\n".join(topics[name] for name in sorted(topics))[:most]
    codes = np.frombuffer(text.encode("ascii", "replace"), np.uint8).astype(np.int32)
    cuts = [0, len(codes) * 4 // 5, len(codes)]
    parts = [windows(codes[begin:end], length) for begin, end in pairwise(cuts)]
    return {"train": parts[0], "test": parts[1], "vocabulary": list(map(chr, range(128)))}


def windows(codes, length):
    """Inputs and targets (windows, length), one window after the other."""
    count = (len(codes) - 1) // length
    return codes[: count * length].reshape(count, length), codes[1 : count * length + 1].reshape(count, length)
