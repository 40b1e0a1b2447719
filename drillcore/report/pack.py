"""Numbers as the page takes them: blocks of JSON and typed arrays, compressed, as text.

A block is the length of its head (uint32), the head, and its arrays, each from a multiple of 8 bytes on, all
little-endian; gzipped, in base64. The head is JSON: `meta`, and of each array its name, dtype and shape. Names that
people chose are in there too, so that nothing of theirs is ever part of the page's own text.
"""

import base64
import gzip
import json

import numpy as np

from drillcore.base.store import finite
from drillcore.colours import layer_colours, layer_marks

STEPS, LEVELS, NO_VALUE = 64, 127, -128
"""How finely correlations are kept, which decides the size of the page: in so many steps from 0 to 1, or levels either way;
and what stands for NaN among them."""
PIXELS = 32
"""How high and wide an image is at most."""


def block(meta, arrays):
    """The block of `meta`, which JSON can hold, and `arrays`, by name: base64 as bytes, the same for the same content."""
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    named = [[name, str(array.dtype), list(array.shape)] for name, array in arrays.items()]
    head = json.dumps(finite({"meta": meta, "arrays": named}), separators=(",", ":")).encode()
    parts = [len(head).to_bytes(4, "little") + head, *(array.tobytes() for array in arrays.values())]
    whole = b"".join(part + bytes(-len(part) % 8) for part in parts)
    return packed(whole)


def packed(content):
    """Bytes compressed and in base64, always the same: at level 6, for level 9 takes 3.7 times as long to save 0.6 %."""
    return base64.b64encode(gzip.compress(content, 6, mtime=0))


def single(values):
    """`values` as float32, or as float64 where they leave its range."""
    values = np.asarray(values)
    fits = np.abs(values[np.isfinite(values)]).max(initial=0.0) <= np.finfo(np.float32).max
    return values.astype(np.float32 if fits else np.float64)


def quantised(r):
    """Correlations from -1 to 1 as int8 in steps of 1/STEPS, NaN as NO_VALUE."""
    return np.where(np.isnan(r), NO_VALUE, np.rint(np.nan_to_num(r) * STEPS)).astype(np.int8)


def spread_out(r):
    """Correlations as int8 in 2 LEVELS even steps from the least to the largest, NaN as NO_VALUE; and these two, None where
    all are NaN."""
    if np.isnan(r).all():
        return np.full(r.shape, NO_VALUE, np.int8), None
    low, high = float(np.nanmin(r)), float(np.nanmax(r))
    shares = (r - low) / ((high - low) or 1)
    levels = np.rint(np.nan_to_num(shares) * 2 * LEVELS) - LEVELS
    return np.where(np.isnan(r), NO_VALUE, levels).astype(np.int8), [low, high]


def thumbnails(images):
    """Images uint8 (n, h, w, c), of larger ones the means of squares of whole pixels, at most PIXELS high and wide."""
    factor = -(-max(images.shape[1:3]) // PIXELS)
    if factor == 1:
        return images
    count, height, width, channels = images.shape
    rows, columns = max(1, height // factor), max(1, width // factor)
    squares = images[:, : rows * factor, : columns * factor]
    squares = squares.reshape(count, rows, -1, columns, squares.shape[2] // columns, channels)
    return np.stack([np.rint(square.mean((1, 3))).astype(np.uint8) for square in squares])


def looks(names):
    """How the page draws the line of each of a network's layers or tensors, of all of them: colour, dashes and symbol."""
    marks = layer_marks(names).values()
    return [[colour, *mark] for colour, mark in zip(colours(names), marks, strict=True)]


def colours(names):
    """The colours of a network's layers or tensors, of all of them, as a page writes them."""
    return ["#" + "".join(f"{round(255 * part):02x}" for part in colour) for colour in layer_colours(names).values()]
