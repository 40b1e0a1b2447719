"""svd.h5: the singular values of every layer's features and of every weight, at every stored epoch.

`features/NNN/<layer>/singular_values` and `weights/NNN/<tensor>/singular_values` float64 (values), descending; those of
the product of a squeeze and its expansion are `weights/NNN/<layer>.product`; `seeds/<s>/<layer>/singular_values` are those of
features at the last epoch of the training with the further seed s. A group's attributes are the ranks of its
spectrum and, of a weight, its tail. Attributes `layers`, `tensors`, `fraction`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import h5py
import numpy as np

from drillcore.artifacts.layers import epoch_name, epochs_in
from drillcore.artifacts.reader import Hdf5Reader, Stored, Variable, known
from drillcore.base.names import escaped, unescaped
from drillcore.base.store import create, new_group, write
from drillcore.intervals import Interval, t_interval

PARTS = {"features": "layers", "weights": "tensors"}
"""By group, the attribute with the names in it, but for the products."""
RANKS = (
    "participation_ratio",
    "effective_rank",
    "effective_rank_of_variances",
    "stable_rank",
    "numerical_rank",
    "components",
)
"""The attributes of a spectrum."""
TAIL = (
    "power_law_alpha",
    "power_law_smallest",
    "power_law_tail",
    "power_law_distance",
    "noise_edge",
    "above_noise_edge",
)
"""The attributes of a weight's spectrum besides."""


def product_of(expand: str) -> str:
    """What the product of the weights of a squeeze and of the layer `expand` after it is called."""
    return f"{expand}.product"


class Spectra(Hdf5Reader):
    """svd.h5: `file[name]` are the singular values of a layer's features or of a weight at the last epoch, and
    `file[name, epoch]` at another.

    Attributes
    ----------
    layers, tensors : list of str
        In the network's order; after the tensors those products of two that are one linear map.
    epochs : list of int
        0 is before training.
    fraction : float
        Of the variance, that so many `components` explain.
    """

    FILE = "svd.h5"

    @cached_property
    def layers(self) -> list[str]:
        """The names of the layers."""
        return self.named("features")

    @cached_property
    def tensors(self) -> list[str]:
        """The names of the weights and of products of weights."""
        return self.named("weights")

    def named(self, part: str) -> list[str]:
        """The names in the group `part`, "features" or "weights"; products of weights follow those."""
        names = self.names(PARTS[part])
        stored = {unescaped(name) for name in self.file[f"{part}/{epoch_name(self.epochs_of(part)[-1])}"]}
        return names + sorted(stored - set(names))

    def epochs_of(self, part: str) -> list[int]:
        """The epochs of which spectra of `part` are stored."""
        return epochs_in(self.file[part])

    @cached_property
    def epochs(self) -> list[int]:
        """The stored epochs."""
        return self.epochs_of("features")

    @property
    def fraction(self) -> float:
        """The fraction of the variance of `components`."""
        return float(self.attribute("fraction"))

    def group(self, name: str, epoch: int | None = None) -> str:
        """The path of the group of `name` at `epoch`, by default the last."""
        part = "features" if name in self.layers else "weights"
        name = known(name, [*self.layers, *self.tensors], "layer or tensor", self.path)
        epochs = self.epochs_of(part)
        epoch = known(epochs[-1] if epoch is None else epoch, epochs, "epoch", self.path)
        return f"{part}/{epoch_name(epoch)}/{escaped(name)}"

    def rank(self, name: str, rank: str, epoch: int | None = None) -> float:
        """A rank, one of RANKS, or of a weight one of TAIL, of the spectrum of `name` at `epoch`, by default the last."""
        return float(self.attribute(rank, self.group(name, epoch)))

    def rank_over_epochs(self, name: str, rank: str) -> np.ndarray:
        """A rank of `name` at every epoch, (epochs)."""
        return np.array([self.rank(name, rank, epoch) for epoch in self.epochs])

    @property
    def seeds(self) -> int:
        """The number of trainings that differ in the seed alone, the network's own included."""
        return 1 + len(self.file.get("seeds", {}))

    def of_seeds(self, layer: str, rank: str) -> list[float]:
        """A rank of a layer's features at the last epoch in the network's own training, and in those with further seeds."""
        group = self.file.get("seeds", {})
        return [
            self.rank(layer, rank),
            *(float(group[seed][escaped(layer)].attrs[rank]) for seed in sorted(group, key=int)),
        ]

    def interval(self, layer: str, rank: str) -> Interval:
        """Over all trainings the `Interval` of a rank of a layer's features at the last epoch; its half width is NaN without
        further seeds."""
        return t_interval(self.of_seeds(layer, rank))

    def __getitem__(self, name: str | tuple[str, int]) -> Stored:
        name, epoch = name if isinstance(name, tuple) else (name, None)
        return self.dataset(f"{self.group(name, epoch)}/singular_values")

    def __iter__(self) -> Iterator[str]:
        return iter([*self.layers, *self.tensors])

    def variables(self) -> dict[str, Variable]:
        """The singular values of every layer and tensor."""
        return {
            name: Variable.stacked("epoch", (f"index_{name}",), [self[name, epoch] for epoch in self.epochs])
            for name in self
        }

    def coordinates(self) -> dict[str, list]:
        """The epochs."""
        return {"epoch": self.epochs}

    def columns(self) -> dict[str, np.ndarray]:
        """The ranks, a row for each epoch and layer or tensor."""
        rows = [(epoch, name) for epoch in self.epochs for name in self]
        index = {
            "epoch": np.array([epoch for epoch, _ in rows]),
            "part": np.array(["features" if name in self.layers else "weights" for _, name in rows], object),
            "name": np.array([name for _, name in rows], object),
        }
        held = [self.file[self.group(name, epoch)].attrs for epoch, name in rows]
        stored = [rank for rank in (*RANKS, *TAIL) if any(rank in attributes for attributes in held)]
        return index | {rank: np.array([float(one.get(rank, np.nan)) for one in held]) for rank in stored}


class SpectraWriter:
    """Stores one spectrum after the other in an open file."""

    def __init__(self, file: h5py.File):
        self.file = file

    def store_features(self, epoch: int, layer: str, singular_values: np.ndarray, ranks: Mapping[str, float]) -> None:
        """Store the spectrum of a layer's features and its ranks, by the names of RANKS."""
        self.store(f"features/{epoch_name(epoch)}/{escaped(layer)}", singular_values, ranks)

    def store_of_seed(self, seed: int, layer: str, singular_values: np.ndarray, ranks: Mapping[str, float]) -> None:
        """Store the same of the last epoch of the training with a further seed."""
        self.store(f"seeds/{seed}/{escaped(layer)}", singular_values, ranks)

    def store_weight(
        self,
        epoch: int,
        tensor: str,
        singular_values: np.ndarray,
        ranks: Mapping[str, float],
        tail: Mapping[str, float],
    ) -> None:
        """Store the spectrum of a weight or of a product, its ranks, by the names of RANKS, and its tail, by TAIL's."""
        group = self.store(f"weights/{epoch_name(epoch)}/{escaped(tensor)}", singular_values, ranks)
        group.attrs.update({name: tail[name] for name in TAIL})

    def store(self, path: str, singular_values: np.ndarray, ranks: Mapping[str, float]) -> h5py.Group:
        group = new_group(self.file, path)
        write(group, "singular_values", singular_values)
        group.attrs.update({rank: ranks[rank] for rank in RANKS})
        return group


@contextmanager
def write_spectra(path: str | Path, layers: list[str], tensors: list[str], fraction: float) -> Iterator[SpectraWriter]:
    """Yield the writer of a new file at `path`."""
    with create(path) as file:
        file.attrs.update(
            layers=[escaped(layer) for layer in layers],
            tensors=[escaped(tensor) for tensor in tensors],
            fraction=fraction,
        )
        yield SpectraWriter(file)
