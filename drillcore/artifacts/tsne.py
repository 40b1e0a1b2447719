"""tsne.h5: the samples in two dimensions, for every layer of the last epoch.

`labels`, `sample` int64 (samples); `<layer>/`: `embedding` and `pca` float64 (samples, 2), with the attributes `status`,
which says "t-SNE" or what the points are instead, `trustworthiness`, `neighbor_recall` and `kl_divergence`; attributes
`layers`, `epoch`, `classes`. Without classes there are no labels, but in a regression `targets` (samples, numbers).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from drillcore.artifacts.layers import epoch_name
from drillcore.artifacts.reader import Hdf5Reader, Stored, Variable, known
from drillcore.base.names import escaped
from drillcore.base.store import create, new_group, write

COORDINATES = ["1", "2"]


class Maps(Hdf5Reader):
    """tsne.h5: `file[layer]` are the samples in two dimensions, (samples, 2).

    Attributes
    ----------
    layers : list of str
    epoch : int
    classes : list of str
    labels, sample : int64 array (samples)
        The samples' classes, None where there are none, and their numbers in the test set.
    targets : array (samples, numbers) or None
        What a regression should give.
    """

    FILE = "tsne.h5"

    @cached_property
    def layers(self) -> list[str]:
        """The names of the layers, in the network's order."""
        return self.names("layers")

    @property
    def epoch(self) -> int:
        """The epoch of the maps."""
        return int(self.attribute("epoch"))

    @property
    def classes(self) -> list[str]:
        """The names of the classes; none where samples have none."""
        return list(self.attribute("classes")) if "classes" in self.file.attrs else []

    @property
    def labels(self) -> np.ndarray | None:
        """The samples' classes."""
        return self.array("labels") if "labels" in self.file else None

    @property
    def targets(self) -> np.ndarray | None:
        """The samples' numbers to be learnt, where they are no classes, (samples, numbers)."""
        return self.array("targets") if "targets" in self.file else None

    @property
    def sample(self) -> np.ndarray:
        """The samples' numbers in the test set."""
        return self.array("sample")

    def group(self, layer: str) -> str:
        """The path of a layer's group."""
        return escaped(known(layer, self.layers, "layer", self.path))

    def pca(self, layer: str) -> Stored:
        """The samples along the layer's first two principal components, (samples, 2)."""
        return self.dataset(f"{self.group(layer)}/pca")

    def status(self, layer: str) -> str:
        """ "t-SNE", or what the points are instead and why."""
        return str(self.attribute("status", self.group(layer)))

    def quality(self, layer: str, name: str) -> float:
        """How faithful a layer's map is: its `trustworthiness`, `neighbor_recall` or `kl_divergence`."""
        return float(self.attribute(name, self.group(layer)))

    def __getitem__(self, layer: str) -> Stored:
        return self.dataset(f"{self.group(layer)}/embedding")

    def __iter__(self) -> Iterator[str]:
        return iter(self.layers)

    def variables(self) -> dict[str, Variable]:
        """The maps of all layers, the principal components, and the samples' classes."""
        axes = "layer", "sample", "coordinate"
        return {
            "embedding": Variable.stacked(axes[0], axes[1:], [self[layer] for layer in self.layers]),
            "pca": Variable.stacked(axes[0], axes[1:], [self.pca(layer) for layer in self.layers]),
            **({} if self.labels is None else {"labels": Variable.of(("sample",), self.dataset("labels"))}),
            **({} if self.targets is None else {"targets": Variable.of(("sample", "target"), self.dataset("targets"))}),
        }

    def coordinates(self) -> dict[str, list]:
        """The layers, the samples' numbers, and the coordinates."""
        return {"layer": self.layers, "sample": self.sample.tolist(), "coordinate": COORDINATES}

    def columns(self) -> dict[str, np.ndarray]:
        """The points, a row for each layer and sample."""
        count = len(self.sample)
        points = {
            "embedding": [self[layer] for layer in self.layers],
            "pca": [self.pca(layer) for layer in self.layers],
        }
        index = {
            "layer": np.array(self.layers, object).repeat(count),
            "sample": np.tile(self.sample, len(self.layers)),
            **({} if self.labels is None else {"label": np.tile(self.labels, len(self.layers))}),
        }
        return index | {
            f"{name}_{coordinate}": np.concatenate([values[:, position] for values in arrays])
            for name, arrays in points.items()
            for position, coordinate in enumerate(COORDINATES)
        }

    def facts(self) -> dict[str, str]:
        """The epoch, and the number of classes."""
        return {"epoch": str(self.epoch), **({"classes": str(len(self.classes))} if self.classes else {})}


class MapsWriter:
    """Stores the map of one layer after the other in an open file."""

    def __init__(self, file: h5py.File):
        self.file = file

    def store(self, layer: str, embedding: Any, pca: np.ndarray) -> None:
        """Store a layer's map, as `drillcore.embed` makes it, and its first two principal components (samples, 2)."""
        group = new_group(self.file, escaped(layer))
        write(group, "embedding", embedding.points)
        write(group, "pca", pca)
        about = embedding._asdict()
        del about["points"]
        group.attrs.update(about)


@contextmanager
def write_maps(
    path: str | Path,
    layers: list[str],
    epoch: int,
    classes: list[str],
    labels: np.ndarray | None,
    sample: np.ndarray,
    targets: np.ndarray | None = None,
) -> Iterator[MapsWriter]:
    """Yield the writer of a new file at `path`, with what is known of the samples in it."""
    with create(path) as file:
        file.attrs.update(layers=[escaped(layer) for layer in layers], epoch=epoch_name(epoch))
        if classes:
            file.attrs["classes"] = classes
        for name, values in (("labels", labels), ("targets", targets), ("sample", sample)):
            if values is not None:
                write(file, name, values)
        yield MapsWriter(file)
