"""What activations.h5, augmented.h5, weights.h5, correlations.h5 and svd.h5 share: epochs, and the outputs of layers."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from drillcore.artifacts.reader import Hdf5Reader, Stored, Variable, known
from drillcore.base.names import escaped
from drillcore.base.store import READING, fill, reserve, write


def epoch_name(epoch: int) -> str:
    """How an epoch's group is called: "004"."""
    return f"{epoch:03d}"


def epochs_in(group: h5py.Group | dict) -> list[int]:
    """The epochs that have a group in `group`, in order."""
    return sorted(map(int, group))


def store_outputs(group: h5py.Group, outputs: Iterable[dict], count: int, units: Any) -> list[str]:
    """Write streamed `outputs` (dicts of layer to (batch, units)) of `count` images to `group`/<layer>, a batch at a time.

    Where `units`, those that were kept, are a subset, the attribute `units` of the dataset names them, and `of` says how many
    there are. Returns the
    layers' names as they are stored, in order. Datasets stay open, for HDF5 writes out the chunk it is filling whenever
    one is closed.
    """
    datasets, begin = {}, 0
    for batch in outputs:
        for layer, array in batch.items():
            if layer not in datasets:
                datasets[layer] = reserve(group, escaped(layer), (count, array.shape[1]), np.float32)
                if units.chosen[layer] is not None:
                    datasets[layer].attrs.update(units=units.chosen[layer], of=units.sizes[layer])
            fill(datasets[layer], begin, array)
        begin += len(array)
    return [escaped(layer) for layer in datasets]


def store_activity(file: h5py.File, path: str, activity: Any) -> None:
    """Write an `Activity` to `path`/<layer>: every unit's mean absolute output, and the fraction of `zeros`."""
    for layer in activity:
        dataset = write(file, f"{path}/{escaped(layer)}", activity.means(layer).astype(np.float32))
        dataset.attrs["zeros"] = activity.zero_fraction(layer)


class ArraysByEpoch(Hdf5Reader):
    """An array for every stored epoch and name, at `epochs/NNN/<name>`; `file[name]` is that of the last epoch, and
    `file[name, epoch]` of another."""

    NAMES, OF, AXES = "", "", ()
    """The attribute that holds the names in order, what each of them is, and the axes of its arrays."""

    def __init__(self, path: str | Path):
        super().__init__(path)
        self.order = self.names(self.NAMES)

    @property
    def epochs(self) -> list[int]:
        """The stored epochs; 0 is before training."""
        try:
            return epochs_in(self.file["epochs"])
        except READING:
            return []

    def at(self, name: str, epoch: int | None = None) -> Stored:
        """The array of `name` at `epoch`, by default the last."""
        name = known(name, self.order, self.OF, self.path)
        epoch = known(self.epochs[-1] if epoch is None else epoch, self.epochs, "epoch", self.path)
        return self.dataset(f"epochs/{epoch_name(epoch)}/{escaped(name)}")

    def __getitem__(self, name: str | tuple[str, int]) -> Stored:
        return self.at(*name) if isinstance(name, tuple) else self.at(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.order)

    def variables(self) -> dict[str, Variable]:
        """By name the arrays of all epochs, one after the other; axes that no two names share have its name in theirs."""
        return {
            name: Variable.stacked(
                "epoch",
                tuple(axis if axis == "sample" else f"{axis}_{name}" for axis in self.AXES),
                [self.at(name, epoch) for epoch in self.epochs],
            )
            for name in (self.order if self.epochs else [])
        }

    def coordinates(self) -> dict[str, list]:
        """The epochs."""
        return {"epoch": self.epochs}
