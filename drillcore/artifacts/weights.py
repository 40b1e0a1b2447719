"""weights.h5: the weights of every layer as matrices, at every stored epoch.

`epochs/NNN/<tensor>` float32 (outputs, inputs); attribute `tensors`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from drillcore.artifacts.layers import ArraysByEpoch, epoch_name
from drillcore.base.names import escaped
from drillcore.base.store import create, write


class Weights(ArraysByEpoch):
    """weights.h5: `file[tensor]` is a weight matrix (outputs, inputs) at the last epoch, `file[tensor, epoch]` at another.

    Attributes
    ----------
    tensors : list of str
        In the network's order.
    epochs : list of int
        0 is before training.
    """

    FILE, NAMES, OF, AXES = "weights.h5", "tensors", "tensor", ("output", "input")

    @property
    def tensors(self) -> list[str]:
        """The names of the weights."""
        return self.order


class WeightsWriter:
    """Stores the matrices of one epoch after the other in an open file."""

    def __init__(self, file: h5py.File):
        self.file = file

    def store(self, epoch: int, matrices: dict[str, np.ndarray]) -> None:
        """Store the `matrices` (outputs, inputs) at `epoch`."""
        self.file.attrs["tensors"] = [escaped(tensor) for tensor in matrices]
        for tensor, matrix in matrices.items():
            write(self.file, f"epochs/{epoch_name(epoch)}/{escaped(tensor)}", matrix)


@contextmanager
def write_weights(path: str | Path) -> Iterator[WeightsWriter]:
    """Yield the writer of a new file at `path`."""
    with create(path) as file:
        yield WeightsWriter(file)
