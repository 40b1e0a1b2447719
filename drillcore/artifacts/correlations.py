"""correlations.h5: Pearson's r between the units of all layers, over the epochs and under augmentation.

`layer_of_unit`, `order` int64 (all units); `epochs/NNN/`: `mean`, `mean_abs` float64 (layers, layers), `dead` int64
(layers) and, of some epochs, `matrix` float32 (all units, all units); `augmented/<layer>/`: `features` float32 (units,
units), `samples` float32 (augmentations, augmentations); attribute `layers`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import h5py
import numpy as np

from drillcore.artifacts.layers import epoch_name, epochs_in
from drillcore.artifacts.reader import Hdf5Reader, Stored, Variable, known
from drillcore.base.arrays import row_blocks
from drillcore.base.names import escaped
from drillcore.base.store import create, new_group, reserve, write

PAIRS = "layer", "other_layer"
"""The axes of the means."""


class Correlations(Hdf5Reader):
    """correlations.h5: `file[layer]` is r between the units of a layer at the last epoch, `file[layer, other]` between two.

    Attributes
    ----------
    layers : list of str
        In the network's order.
    epochs : list of int
        0 is before training.
    layer_of_unit : int64 array (all units)
        The position in `layers` of each unit's layer.
    order : int64 array (all units)
        The units, layer by layer, in the order in which figures show them.
    """

    FILE = "correlations.h5"

    @cached_property
    def layers(self) -> list[str]:
        """The names of the layers."""
        return self.names("layers")

    @cached_property
    def epochs(self) -> list[int]:
        """The stored epochs."""
        return epochs_in(self.file["epochs"])

    @cached_property
    def with_matrix(self) -> list[int]:
        """The epochs of which all correlations are stored, not only the means."""
        return [epoch for epoch in self.epochs if "matrix" in self.file[f"epochs/{epoch_name(epoch)}"]]

    @cached_property
    def layer_of_unit(self) -> np.ndarray:
        """The position in `layers` of each unit's layer."""
        return self.array("layer_of_unit")

    @cached_property
    def order(self) -> np.ndarray:
        """The units, layer by layer, in the order in which figures show them."""
        return self.array("order") if "order" in self.file else np.arange(len(self.layer_of_unit))

    def of_epoch(self, name: str, epoch: int | None = None) -> Stored:
        """The dataset `matrix`, `mean`, `mean_abs` or `dead` of `epoch`, by default the last that has it."""
        epochs = self.with_matrix if name == "matrix" else self.epochs
        epoch = known(epochs[-1] if epoch is None else epoch, epochs, f"{name} of epoch", self.path)
        return self.dataset(f"epochs/{epoch_name(epoch)}/{name}")

    def over_epochs(self, name: str) -> np.ndarray:
        """`mean` or `mean_abs` (epochs, layers, layers), or `dead` (epochs, layers)."""
        return np.array([self.of_epoch(name, epoch)[:] for epoch in self.epochs])

    def augmented(self, layer: str, of: str) -> Stored:
        """r between the `features` (units) of `layer` over the augmentations of one image, or between its `samples`."""
        return self.dataset(f"augmented/{escaped(known(layer, self.layers, 'layer', self.path))}/{of}")

    def __getitem__(self, layers: str | tuple[str, str]) -> np.ndarray:
        a, b = layers if isinstance(layers, tuple) else (layers, layers)
        rows, columns = (
            np.flatnonzero(self.layer_of_unit == self.layers.index(known(layer, self.layers, "layer", self.path)))
            for layer in (a, b)
        )
        return self.of_epoch("matrix")[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]

    def __iter__(self) -> Iterator[str]:
        return iter(self.layers)

    def variables(self) -> dict[str, Variable]:
        """The means and the dead units of every epoch, and all correlations of those that have them."""
        found = {
            name: Variable.stacked("epoch", axes, [self.of_epoch(name, epoch) for epoch in self.epochs])
            for name, axes in (("mean", PAIRS), ("mean_abs", PAIRS), ("dead", PAIRS[:1]))
        }
        matrices = [self.of_epoch("matrix", epoch) for epoch in self.with_matrix]
        return {
            **found,
            "matrix": Variable.stacked("epoch_with_matrix", ("unit", "other_unit"), matrices),
            "layer_of_unit": Variable.of(("unit",), self.dataset("layer_of_unit")),
        }

    def coordinates(self) -> dict[str, list]:
        """The epochs and the layers."""
        return {
            "epoch": self.epochs,
            "epoch_with_matrix": self.with_matrix,
            **dict.fromkeys(PAIRS, self.layers),
        }

    def columns(self) -> dict[str, np.ndarray]:
        """The means, a row for each epoch and pair of layers."""
        epoch, a, b = np.indices((len(self.epochs), len(self.layers), len(self.layers))).reshape(3, -1)
        layers = np.array(self.layers, object)
        pairs = {"epoch": np.array(self.epochs)[epoch], PAIRS[0]: layers[a], PAIRS[1]: layers[b]}
        return pairs | {name: self.over_epochs(name).reshape(-1) for name in ("mean", "mean_abs")}


class CorrelationsWriter:
    """Stores one epoch after the other, then the augmentations, in an open file."""

    def __init__(self, file: h5py.File):
        self.file = file

    def store(
        self, epoch: int, mean: np.ndarray, mean_abs: np.ndarray, dead: np.ndarray, matrix: np.ndarray | None
    ) -> None:
        """Store the means (layers, layers) of r and abs(r), the numbers of dead units (layers), and all correlations
        (all units, all units), unless they are None."""
        group = new_group(self.file, f"epochs/{epoch_name(epoch)}")
        for name, values in (("mean", mean), ("mean_abs", mean_abs), ("dead", dead)):
            write(group, name, values)
        if matrix is not None:
            stored = reserve(group, "matrix", matrix.shape, np.float32)
            for rows in row_blocks(len(matrix), matrix[0].nbytes):
                stored[rows] = matrix[rows]

    def store_units(self, layer_of_unit: np.ndarray, order: np.ndarray) -> None:
        """Store the position of each unit's layer, and the units in the order in which figures show them."""
        write(self.file, "layer_of_unit", layer_of_unit)
        write(self.file, "order", order)

    def store_augmented(self, layer: str, features: np.ndarray, samples: np.ndarray) -> None:
        """Store the correlations of a layer's units over the augmentations, and of the augmentations over its units."""
        for name, values in (("features", features), ("samples", samples)):
            write(self.file, f"augmented/{escaped(layer)}/{name}", values.astype(np.float32))


@contextmanager
def write_correlations(path: str | Path, layers: list[str]) -> Iterator[CorrelationsWriter]:
    """Yield the writer of a new file of the `layers` at `path`."""
    with create(path) as file:
        file.attrs["layers"] = [escaped(layer) for layer in layers]
        yield CorrelationsWriter(file)
