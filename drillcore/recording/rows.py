"""What a recorder counted, a row a step: gathered in memory, written to the file of an epoch, joined when all are there."""

import numpy as np

from drillcore.base.store import CHUNK_BYTES, create, new_group, read, write
from drillcore.recording.kernel import sum_pieces

STORED = {"counts": (4, np.uint32), "weight_change": (2, np.float64)}
"""What a row holds of every tensor and pair of bins: how many numbers, of what type."""


class Rows:
    """The `counts` and `weight_change` of one group of the file: counted in pieces, a row a step, written in chunks."""

    def __init__(self, tensor_of_piece, bins):
        self.ends, self.filled = np.cumsum(np.bincount(tensor_of_piece)), 0
        length = chunk_length(len(self.ends), bins)
        self.pieces, self.rows = {}, {}
        for name, (numbers, dtype) in STORED.items():
            self.pieces[name] = np.zeros((len(tensor_of_piece), bins, bins, numbers), dtype)
            self.rows[name] = np.zeros((length, len(self.ends), bins, bins, numbers), dtype)

    def begin(self, group):
        """From now on write to `group`, an empty one."""
        self.group = group
        for name, rows in self.rows.items():
            create_rows(group, name, rows.shape[1:])

    def piece(self, number):
        """Counts and weight changes of a piece, to be written to at every step."""
        return tuple(pieces[number] for pieces in self.pieces.values())

    def append(self):
        """Make the pieces' counts and weight changes the next row."""
        for name, pieces in self.pieces.items():
            row = self.rows[name][self.filled]
            sum_pieces(pieces.reshape(len(pieces), -1), self.ends, row.reshape(len(row), -1))
        self.filled += 1

    def full(self):
        """Whether it is time to flush."""
        return self.filled == len(self.rows["counts"])

    def totals(self):
        """The last step over all tensors: counts (bins, bins, 4) and weight changes (bins, bins, 2)."""
        return [pieces.sum(0) for pieces in self.pieces.values()]

    def flush(self):
        """Append the complete rows to the file."""
        for name, rows in self.rows.items():
            extend(self.group[name], rows[: self.filled])
        self.filled = 0


def chunk_length(tensors, bins):
    """How many rows make a chunk of about a megabyte."""
    return max(1, CHUNK_BYTES // (16 * tensors * bins * bins))


def create_rows(group, name, shape):
    """A dataset of no rows yet, each of `shape` (tensors, bins, bins, numbers)."""
    dtype = STORED[name][1]
    return group.create_dataset(
        name,
        (0, *shape),
        dtype,
        maxshape=(None, *shape),
        chunks=(chunk_length(*shape[:2]), *shape),
        compression="gzip",
        compression_opts=1,
        shuffle=dtype is np.uint32,  # it helps integers alone
        fletcher32=True,
    )


def extend(dataset, rows):
    """Append `rows` to a dataset."""
    begin = len(dataset)
    dataset.resize(begin + len(rows), axis=0)
    dataset[begin:] = rows


def join(parts, path):
    """Make one file at `path` of those of all parts: rows and losses one after the other, and every snapshot."""
    with create(path) as file:
        for group in ("raw", "ema"):
            for name in STORED:
                copy_rows(parts, f"{group}/{name}", file)
            for name in ("step", "epoch", *["nonfinite"] * (group == "raw")):
                write(file, f"{group}/{name}", concatenated(parts, f"{group}/{name}"))
        write(file, "loss", concatenated(parts, "loss"))
        for part in parts:
            with read(part) as source:
                for epoch in source.get("snapshots", ()):
                    source.copy(f"snapshots/{epoch}", new_group(file, "snapshots"))
                file.attrs.update(source.attrs)


def copy_rows(parts, name, file):
    """Append the dataset `name` of every part to that of `file`, whole chunks at a time, so that none is packed twice."""
    folder, _, kind = name.partition("/")
    target, waiting = None, None
    for part in parts:
        with read(part) as source:
            rows = source[name]
            if target is None:
                target = create_rows(new_group(file, folder), kind, rows.shape[1:])
                waiting = np.empty((0, *rows.shape[1:]), rows.dtype)
            length = rows.chunks[0]
            for begin in range(0, len(rows), length):
                waiting = np.concatenate([waiting, rows[begin : begin + length]])
                if len(waiting) >= length:
                    extend(target, waiting[:length])
                    waiting = waiting[length:]
    extend(target, waiting)


def concatenated(parts, name):
    """The dataset `name` of all parts, one after the other."""
    arrays = []
    for part in parts:
        with read(part) as source:
            arrays.append(source[name][:])
    return np.concatenate(arrays)
