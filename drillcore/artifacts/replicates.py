"""replicates/ and replicates.h5: trainings of a network that differ from it in nothing but the seed.

`replicates/last.csv` has the last metrics of all trainings, the network's first; `replicates/seed_<s>/` holds history.csv,
the last checkpoint and the transitions of gradients of the training with seed s. replicates.h5 holds their last activations:
`seeds/<s>/<layer>` float32 (samples, units), of the samples and units of activations.h5, `all_units/<s>/<layer>` as there;
`train/<s>/<layer>` and `activity/<s>/<layer>` of the samples of train_activations.h5, as there; `weights/<s>/<tensor>`
float32 (outputs, inputs) of the weights with as many rows as the network has outputs; attribute `layers`.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from drillcore.artifacts.history import History
from drillcore.artifacts.layers import store_activity, store_outputs
from drillcore.artifacts.reader import Hdf5Reader, Stored, Variable, known
from drillcore.base.names import escaped
from drillcore.base.store import READING, create, new_group, write
from drillcore.intervals import Interval, t_interval

FOLDER, LAST = "replicates", "last.csv"


def folder_of(folder: str | Path, seed: int) -> Path:
    """What is kept of the training with `seed` of the network in `folder`."""
    return Path(folder, FOLDER, f"seed_{seed}")


def seeds_of(folder: str | Path) -> list[int]:
    """The seeds of the further trainings of the network in `folder`, without that of the network itself."""
    return sorted(int(path.name.removeprefix("seed_")) for path in Path(folder, FOLDER).glob("seed_*"))


def histories(folder: str | Path) -> list[History]:
    """The histories of all trainings of the network in `folder`, the network's first."""
    paths = [Path(folder), *(folder_of(folder, seed) for seed in seeds_of(folder))]
    return [History(path / History.FILE) for path in paths]


def interval_of(folder: str | Path, column: str) -> Interval:
    """The interval over all trainings of the network in `folder` of a column's last value."""
    return t_interval([history[column][-1] for history in histories(folder)])


class Replicates(Hdf5Reader):
    """replicates.h5: `file[layer]` are the outputs of a layer at the last epoch in each further training, a list of HDF5
    datasets (samples, units).

    Attributes
    ----------
    layers : list of str
    seeds : list of int
    """

    FILE = "replicates.h5"

    @cached_property
    def layers(self) -> list[str]:
        """The names of the layers; none where there is no further training."""
        return self.names("layers")

    @cached_property
    def seeds(self) -> list[int]:
        """The seeds of the further trainings."""
        try:
            return sorted(map(int, self.file["seeds"]))
        except READING:
            return []

    def __getitem__(self, layer: str) -> list[Stored]:
        return [self.of(layer, seed) for seed in self.seeds]

    def of(self, layer: str, seed: int, part: str = "seeds") -> Stored:
        """What `part` has of a layer in the training with `seed`: its outputs for the test samples or, of `train`, for the
        training samples."""
        name = escaped(known(layer, self.layers, "layer", self.path))
        return self.dataset(f"{part}/{known(seed, self.seeds, 'seed', self.path)}/{name}")

    def of_all_units(self, layer: str, seed: int) -> Stored:
        """As that of `Activations`, in the training with `seed`."""
        name = self.of(layer, seed).name.replace("/seeds/", "/all_units/", 1)
        return self.dataset(name) if name in self.file else self.of(layer, seed)

    def activity(self, layer: str, seed: int) -> np.ndarray:
        """The mean absolute output of each of all units of `layer` in the training with `seed`, (units)."""
        return self.of(layer, seed, "activity")[()]

    def zero_fraction(self, layer: str, seed: int) -> float:
        """The fraction of the outputs of `layer`, of all units and training samples, that are exactly zero."""
        return float(self.of(layer, seed, "activity").attrs["zeros"])

    def weight(self, tensor: str, seed: int) -> np.ndarray:
        """The weight that maps to the outputs, (outputs, inputs), in the training with `seed`."""
        return self.array(f"weights/{known(seed, self.seeds, 'seed', self.path)}/{escaped(tensor)}")

    def __iter__(self) -> Iterator[str]:
        return iter(self.layers)

    def variables(self) -> dict[str, Variable]:
        """By layer the outputs of all further trainings."""
        return {layer: Variable.stacked("seed", ("sample", f"unit_{layer}"), self[layer]) for layer in self.layers}

    def coordinates(self) -> dict[str, list]:
        """The seeds."""
        return {"seed": self.seeds}


class ReplicatesWriter:
    """Stores the outputs of one training after the other in an open file."""

    def __init__(self, file: Any):
        self.file = file

    def store(
        self, seed: int, outputs: Any, count: int, units: Any, bases: Iterable[tuple[str, np.ndarray]] = ()
    ) -> None:
        """Store the streamed outputs of `count` test samples of the training with `seed`, see `store_outputs`, and the
        coordinates by layer that `AllUnits` yields when it has seen them."""
        self.file.attrs["layers"] = store_outputs(new_group(self.file, f"seeds/{seed}"), outputs, count, units)
        for layer, coordinates in bases:
            write(self.file, f"all_units/{seed}/{escaped(layer)}", coordinates)

    def store_training(self, seed: int, outputs: Any, count: int, units: Any, activity: Any) -> None:
        """Store the same of training samples, and the `Activity` of what was streamed."""
        store_outputs(new_group(self.file, f"train/{seed}"), outputs, count, units)
        store_activity(self.file, f"activity/{seed}", activity)

    def store_weights(self, seed: int, matrices: dict[str, np.ndarray], outputs: int) -> None:
        """Store those of the weights' `matrices` (outputs, inputs) that have so many `outputs`, as a classifier's has."""
        for tensor, matrix in matrices.items():
            if len(matrix) == outputs:
                write(self.file, f"weights/{seed}/{escaped(tensor)}", matrix)


@contextmanager
def write_replicates(path: str | Path) -> Iterator[ReplicatesWriter]:
    """Yield the writer of a new file at `path`."""
    with create(path) as file:
        new_group(file, "seeds")
        file.attrs["layers"] = np.array([], h5py.string_dtype())
        yield ReplicatesWriter(file)
