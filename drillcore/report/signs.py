"""The signs and sizes of all gradients at the end of each epoch, from the whole network down to single parameters."""

import numpy as np

from drillcore.artifacts.gradients import NOT_A_NUMBER, Gradients, bins_of
from drillcore.base.arrays import evenly, row_blocks
from drillcore.base.names import printable
from drillcore.colours import PALETTES, SIGNS, layers_of
from drillcore.recording.threshold import FAR, NEAR, near_zero, studied_edge
from drillcore.report.pack import colours

MOST_EPOCHS, LEAST_EPOCHS, MOST_WINDOWS = 30, 3, 600
"""So many epochs are kept and, of more tensors than MOST_WINDOWS divided by them, fewer."""
NETWORK_COLUMNS, LAYER_COLUMNS, WINDOW = 1024, 512, 4096
"""The whole network and each layer are kept as the shares of so many columns; of each tensor, so many neighbouring
parameters are kept one by one: those with the fewest gradients of exactly zero."""
STEPS = 65535
"""How finely shares are kept: of a thousand parameters, one near zero must not be lost."""


def snapshots(folder):
    """The shares of each signed bin in every column of the network and of each layer, and a window of every tensor.

    A class is the sign times the bin, counted from -bins + 1, and after the last NaN. `network` uint16 (epochs, columns,
    classes) and `layer/<position>` hold shares in steps of 1/STEPS; `window/<position>` int8 (epochs, parameters) the sign
    times the bin of every parameter.
    """
    with Gradients(folder / Gradients.FILE) as file:
        tensors, sizes, stored = list(map(printable, file.tensors)), file.sizes.tolist(), file.snapshots
        kept, bins = evenly(stored, most_epochs(len(tensors))), bins_of(file.edges) - 1
        layers = list(dict.fromkeys(layers_of(tensors)))
        sums, windows, begins = Columns(layers, tensors, sizes, len(kept), bins), [], []
        for position, tensor in enumerate(file.tensors):
            rows = [file.snapshot(tensor, epoch) for epoch in kept]
            begins.append(sums.add(position, rows))
            window = slice(begins[-1], min(begins[-1] + WINDOW, sizes[position]))
            windows.append(
                np.array([row[window] for row in rows], np.int8).reshape(len(kept), window.stop - window.start)
            )
        meta = {
            "tensors": tensors,
            "sizes": sizes,
            "layers": layers,
            "colours": colours(layers),
            "layer_of": [layers.index(layer) for layer in layers_of(tensors)],
            "window": begins,
            "epochs": kept,
            "stored": len(stored),
            "bins": bins,
            "edges": file.edges,
            "steps": STEPS,
            "first": studied_edge(file.edges),
            "near_bins": [list(near_zero(file.edges, edge).indices(bins_of(file.edges))[:2]) for edge in file.edges],
            "near": NEAR,
            "far": FAR,
            "kinds": SIGNS,
            "not_a_number": NOT_A_NUMBER,
            "palettes": PALETTES,
        }
    named = {f"window/{position}": window for position, window in enumerate(windows)}
    return meta, {**sums.shares(), **named}


def most_epochs(tensors):
    """Of how many epochs the windows of so many tensors are kept."""
    return min(MOST_EPOCHS, max(LEAST_EPOCHS, MOST_WINDOWS // tensors))


class Columns:
    """Counts of classes in the columns of a network and of its layers, summed tensor by tensor."""

    def __init__(self, layers, tensors, sizes, epochs, bins):
        self.bins, self.classes, self.sizes = bins, 2 * bins + 2, sizes
        self.owner = [layers.index(layer) for layer in layers_of(tensors)]
        self.totals = np.bincount(self.owner, sizes, len(layers)).astype(int).tolist()
        self.network = np.zeros((epochs, min(NETWORK_COLUMNS, sum(sizes)), self.classes), np.int64)
        self.layers = [np.zeros((epochs, min(LAYER_COLUMNS, total), self.classes), np.int64) for total in self.totals]

    def add(self, position, rows):
        """Add one tensor's `rows`, an int8 dataset (parameters) for each epoch; returns where its window begins."""
        size, layer = self.sizes[position], self.owner[position]
        before = sum(self.sizes[:position])
        within = sum(self.sizes[p] for p in range(position) if self.owner[p] == layer)
        spans = (before, sum(self.sizes), self.network), (within, self.totals[layer], self.layers[layer])
        nonzero = np.zeros(max(1, -(-size // WINDOW)), np.int64)
        for part in row_blocks(size, 1, WINDOW << 9):
            cells = [self.cells(part, *span) for span in spans]
            windows = np.arange(0, part.stop - part.start, WINDOW)
            for epoch, row in enumerate(rows):
                values = row[part]
                classes = np.where(values == NOT_A_NUMBER, self.bins + 1, values).astype(np.int64) + self.bins
                for (first, cell), (_, _, counts) in zip(cells, spans, strict=True):
                    found = np.bincount(cell + classes)
                    found = np.pad(found, (0, -len(found) % self.classes)).reshape(-1, self.classes)
                    counts[epoch, first : first + len(found)] += found
                among = part.start // WINDOW + np.arange(len(windows))
                nonzero[among] += np.add.reduceat(values != 0, windows, dtype=np.int64)
        return int(nonzero.argmax()) * WINDOW

    def cells(self, part, begin, total, counts):
        """The first of the columns of `counts` that a block of parameters is in, and of each parameter the position of that
        column's first class, counted from there, in int64 (parameters), as `bincount` wants it."""
        # A column begins with the first parameter that is in it: parameter p is in column p * columns // total.
        bounds = -(-np.arange(counts.shape[1] + 1) * total // counts.shape[1])
        widths = np.diff(bounds.clip(begin + part.start, begin + part.stop))
        columns = np.flatnonzero(widths)
        return columns[0], np.repeat((columns - columns[0]) * self.classes, widths[columns])

    def shares(self):
        """The arrays of the page: shares from 0 to STEPS."""
        named = {"network": self.network, **{f"layer/{layer}": counts for layer, counts in enumerate(self.layers)}}
        return {
            name: np.rint(STEPS * counts / counts.sum(2, keepdims=True)).astype(np.uint16)
            for name, counts in named.items()
        }
