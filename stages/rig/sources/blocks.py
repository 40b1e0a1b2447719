"""Arrays of a source that may be larger than memory: written to a data set's file block by block."""

import os
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import NamedTuple

import numpy as np

from drillcore.base.arrays import row_blocks
from drillcore.base.store import naming

IN_MEMORY = 256 << 20
"""Bytes of gathered rows that are kept in memory; of more, all are in a temporary file."""
BLOCK = 16 << 20
"""Bytes that are unpacked at a time."""
GAP = 64 << 10
"""Bytes between two rows up to which they are read in one go."""


class Blockwise:
    """An array that does not exist as a whole: `read` returns the rows of a slice with a start and a stop."""

    def __init__(self, shape, dtype, read):
        self.shape, self.dtype, self.read = tuple(shape), np.dtype(dtype), read

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, rows):
        return self.read(slice(*rows.indices(len(self))[:2]))


class Streamed(NamedTuple):
    """An array that is read once, from the front to the back: `blocks` are its rows."""

    shape: tuple[int, ...]
    dtype: np.dtype
    blocks: Iterator[np.ndarray]

    @classmethod
    def of(cls, items):
        """The array whose shape and type are the first of the `items`, and whose blocks are the others."""
        return cls(*next(items), items)


class Gathered:
    """Rows of one shape as they come, in memory, beyond `IN_MEMORY` bytes in a temporary file of the current folder.

    Not where temporary files usually are: that is memory too on many systems.
    """

    def __init__(self, shape, dtype):
        self.dtype, self.count, self.row_shape = np.dtype(dtype), 0, tuple(shape)
        self.row_bytes = int(self.dtype.itemsize * np.prod(self.row_shape))
        self.file = SpooledTemporaryFile(IN_MEMORY, dir=os.curdir)  # noqa: SIM115, it goes with this object

    @property
    def shape(self):
        """Of all rows."""
        return self.count, *self.row_shape

    def __len__(self):
        return self.count

    def add(self, rows):
        """Put `rows` (n, ...) behind those that are there."""
        if rows.shape[1:] != self.row_shape:
            raise ValueError(
                f"a sample has the shape {rows.shape[1:]}, those before it {self.row_shape}; pad or scale them to one"
            )
        with naming(os.getcwd()):
            self.file.write(np.ascontiguousarray(rows, self.dtype).tobytes())
        self.count += len(rows)

    def mapped(self, convert):
        """The rows gathered anew as `convert` turns a block of them."""
        made = None
        for block in row_blocks(self.count, self.row_bytes):
            rows = convert(self[block])
            made = made or Gathered(rows.shape[1:], rows.dtype)
            made.add(rows)
        return made

    def __getitem__(self, rows):
        """The rows of a slice, or those of the ascending numbers `rows`."""
        if isinstance(rows, slice):
            begin, end, _ = rows.indices(self.count)
            return self.span(begin, end)
        parts = np.split(rows, np.flatnonzero(np.diff(rows) > max(1, GAP // max(1, self.row_bytes))) + 1)
        return np.concatenate([self.span(part[0], part[-1] + 1)[part - part[0]] for part in parts])

    def span(self, begin, end):
        """The rows from `begin` to `end`."""
        self.file.seek(begin * self.row_bytes)
        content = self.file.read((end - begin) * self.row_bytes)
        self.file.seek(0, os.SEEK_END)
        return np.frombuffer(content, self.dtype).reshape(end - begin, *self.row_shape)

    def rows(self):
        """All of them: as an array where they are in memory, else to be read in blocks."""
        return self[:] if self.count * self.row_bytes <= IN_MEMORY else self


def together(blocks, dtype, shape=()):
    """All rows, of a `shape`, of the `blocks`, behind each other."""
    whole = Gathered(shape, dtype)
    for rows in blocks:
        whole.add(rows)
    return whole.rows()


def chosen(array, rows):
    """Those `rows` of `array`, a slice or ascending numbers; in blocks where it is not in memory."""
    if isinstance(array, np.ndarray):
        return array[rows]
    if isinstance(rows, slice):
        begin, end, _ = rows.indices(len(array))
        count, read = end - begin, lambda part: array[begin + part.start : begin + part.stop]
    else:
        count, read = len(rows), lambda part: array[rows[part]]
    return Blockwise((count, *array.shape[1:]), array.dtype, read)
