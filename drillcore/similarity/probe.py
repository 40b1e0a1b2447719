"""The layers of an activations file, and why some of them have no value."""

import numpy as np

from drillcore.base.arrays import row_blocks
from drillcore.base.names import escaped
from drillcore.base.store import CHUNK_BYTES
from drillcore.similarity.representation import Undefined, prepare

INPUT = "input"
"""What the images' pixels are called among the layers."""


class Probe:
    """What a network's `Activations` hold: `layers`, the images' pixels first as "input", at `epochs`.

    At most `samples` of its samples are read, a random part that is the same at every epoch and for networks that saw
    the same images.
    """

    def __init__(self, file, samples, seed):
        self.file, self.epochs, self.subsets = file, file.epochs, file.subsets
        self.layers = [*([INPUT] if file.images is not None else []), *file.layers]
        self.stored = list(map(escaped, self.layers))
        self.rows = np.sort(np.random.default_rng(seed).permutation(len(file.sample))[:samples])

    def layer(self, name, epoch, unit_wise=False):
        """The activations (samples, units) of the layer `name`: of all its units, or `unit_wise` of those that are stored."""
        if name == INPUT:
            images = self.read(self.file.images)
            return images.reshape(len(images), -1) / np.float32(255)
        return self.read((self.file.at if unit_wise else self.file.of_all_units)(name, epoch))

    def size(self, name):
        """The number of all units of the layer `name`."""
        return self.file.images[0].size if name == INPUT else self.file.size(name)

    def read(self, dataset):
        """The probe's rows of a dataset, a chunk at a time: all may not fit in memory, and single rows are slow to pick."""
        parts = []
        for block in row_blocks(len(dataset), dataset.nbytes // len(dataset), CHUNK_BYTES):
            wanted = self.rows[(self.rows >= block.start) & (self.rows < block.stop)] - block.start
            if len(wanted):
                parts.append(dataset[block][wanted])
        return np.concatenate(parts)

    def unchanging(self, family):
        """What the work of a `Family` makes of the layers that no epoch changes, which is the input, by name."""
        return {name: prepare(family.work, self.layer(name, None)) for name in self.layers if name == INPUT}

    def prepared(self, family, epoch, known):
        """What the work of a `Family` makes of all layers at `epoch`, a list; what is `known` by name is not made again."""
        return [
            known[name] if name in known else prepare(family.work, self.layer(name, epoch, family.unit_wise))
            for name in self.layers
        ]


class Status:
    """Why cells are NaN, as the attribute `status` says it: a line for each layer, or pair of layers, and reason.

    `axis` names what the matrices are of, such as "epoch".
    """

    def __init__(self, axis):
        self.axis, self.found = axis, {}

    def note(self, which, values, a, names_a, undefined_pair, b=None, names_b=()):
        """Note the NaN of the matrix `values` of layers `a` and `b` (`a` by default), for the epoch or layer `which`.

        A layer that is `Undefined` gives its own reason; `undefined_pair` is that of two that are not.
        """
        b, names_b = (a, names_a) if b is None else (b, names_b)
        for name, layer in {**dict(zip(names_a, a, strict=True)), **dict(zip(names_b, b, strict=True))}.items():
            if isinstance(layer, Undefined):
                self.found.setdefault((name, str(layer)), []).append(which)
        for row, column in zip(*np.nonzero(np.isnan(values)), strict=True):
            mirrored = b is a and column < row
            if not (mirrored or isinstance(a[row], Undefined) or isinstance(b[column], Undefined)):
                pair = f"{names_a[row]} with {names_b[column]}"
                self.found.setdefault((pair, undefined_pair), []).append(which)

    def __str__(self):
        lines = [f"{name}: {reason} ({self.axis} {', '.join(at)})" for (name, reason), at in self.found.items()]
        return "\n".join(lines) or "complete"
