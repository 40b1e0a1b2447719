"""The rows of a data set that is larger than the memory it may have: read from the file when they are asked for."""

import math

import numpy as np

from drillcore.artifacts.dataset import DatasetFile

IN_MEMORY = 1 << 30
"""Bytes of an array of a data set that are read at once; of more, blocks of rows are."""
BLOCK = 1 << 20
"""Bytes of a block, about a chunk of the file."""
WINDOW = 128
"""Of so many blocks the rows are shuffled together; twice as many are kept in memory."""


def rows_of(path, name, most=None):
    """The array `name` of the data set at `path`, or its first `most` rows: in memory where it fits, else its `Rows`."""
    with DatasetFile(path) as file:
        stored = file[name]
        return Rows(path, name) if most is None and stored.nbytes > IN_MEMORY else stored[:most]


class Rows:
    """An array (rows, ...) of a file that stays open. `rows[numbers]` reads blocks, and keeps the last of them."""

    def __init__(self, path, name):
        self.file = DatasetFile(path)
        self.stored = self.file[name]
        self.shape, self.dtype, self.ndim = self.stored.shape, self.stored.dtype, self.stored.ndim
        self.block = max(1, BLOCK // (self.dtype.itemsize * math.prod(self.shape[1:])))
        self.kept = {}

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, rows):
        """The rows of a slice, or those of the numbers `rows` in their order."""
        if isinstance(rows, slice):
            return self.stored[rows]
        numbers, within = np.divmod(np.asarray(rows), self.block)
        found = np.empty((len(numbers), *self.shape[1:]), self.dtype)
        for number in np.unique(numbers):
            chosen = numbers == number
            found[chosen] = self.read(number)[within[chosen]]
        return found

    def read(self, number):
        """The block of that `number`."""
        if number not in self.kept:
            while len(self.kept) >= 2 * WINDOW:
                self.kept.pop(next(iter(self.kept)))
            self.kept[number] = self.stored[number * self.block : (number + 1) * self.block]
        return self.kept[number]

    def shuffled(self, random):
        """All numbers of rows in a random order that asks for few blocks at a time: blocks are shuffled, and the rows of
        `WINDOW` of them at a time."""
        blocks = random.permutation(-(-len(self) // self.block))
        windows = [blocks[begin : begin + WINDOW] for begin in range(0, len(blocks), WINDOW)]
        rows = [(window[:, None] * self.block + np.arange(self.block)).ravel() for window in windows]
        return np.concatenate([random.permutation(window[window < len(self)]) for window in rows])
