"""What a recorder counted, a row a step: gathered in memory, and handed on when there are enough for a chunk."""

import numpy as np

from drillcore.artifacts.gradients import GradientsWriter, chunk_length, stored
from drillcore.recording.kernel import sum_pieces


class Rows:
    """What is stored of one `kind` of gradients: counted in pieces, a row a step, written in chunks."""

    def __init__(self, kind, tensor_of_piece, bins, null=True):
        self.kind, self.ends, self.filled = kind, np.cumsum(np.bincount(tensor_of_piece)), 0
        length = chunk_length(len(self.ends), bins)
        self.pieces, self.rows = {}, {}
        for name, (numbers, dtype) in stored(kind, null).items():
            self.pieces[name] = np.zeros((len(tensor_of_piece), bins, bins, *numbers), dtype)
            self.rows[name] = np.zeros((length, len(self.ends), bins, bins, *numbers), dtype)

    def piece(self, number):
        """What is counted of a piece, to be written to at every step."""
        return tuple(pieces[number] for pieces in self.pieces.values())

    def append(self):
        """Make what was counted of the pieces the next row."""
        for name, pieces in self.pieces.items():
            row = self.rows[name][self.filled]
            sum_pieces(pieces.reshape(len(pieces), -1), self.ends, row.reshape(len(row), -1))
        self.filled += 1

    def full(self):
        """Whether it is time to flush."""
        return self.filled == len(self.rows["counts"])

    def totals(self):
        """The last step over all tensors: counts (bins, bins, 4) and weight changes (bins, bins, 2)."""
        return [self.pieces[name].sum(0) for name in ("counts", "weight_change")]

    def flush(self, writer: GradientsWriter):
        """Append the complete rows to a file."""
        for name, rows in self.rows.items():
            writer.append(self.kind, name, rows[: self.filled])
        self.filled = 0
