"""similarity/A--B.h5: the layers of one network compared with those of another that saw the same images.

`<measure>` float64 (layers of A, layers of B), with the attributes `range` and `status`; `null/<measure>/quantile`,
`null/debiased_cka/p_value` and `q_value`, `floor/linear_cka` and `floor/permuted_linear_cka`, of the same shape;
`null/<measure>/best_a` (layers of A) and `best_b` (layers of B); `by_epoch/<measure>` (epochs, layers of A, layers of B) at
the attribute `epochs` of `by_epoch`; attributes `source`, `samples`,
`network_a`, `network_b`, `layers_a`, `layers_b`, `epoch_a`, `epoch_b`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from drillcore.artifacts.about import read_about
from drillcore.artifacts.layers import epoch_name
from drillcore.artifacts.network import axis_of, noun_of
from drillcore.artifacts.reader import Hdf5Reader, Stored, Variable, known
from drillcore.artifacts.similarity import (
    FLOOR,
    P_VALUES,
    PERMUTED,
    Q_VALUES,
    store_floor,
    store_measure,
    store_null,
    store_quantiles,
)
from drillcore.base.names import escaped
from drillcore.base.store import create, write
from drillcore.similarity.catalogue import calibrated, catalogued

FOLDER = "similarity"
"""The folder of these files, beside those of the networks."""
CONTROLS = {"null", "floor", "by_epoch"}
"""What the file holds beside the measures."""
SIDES = "ab"


def pair_path(artifacts: str | Path, a: str, b: str) -> Path:
    """The path of the file of the networks `a` and `b` in the folder `artifacts`."""
    return Path(artifacts, FOLDER, f"{a}--{b}.h5")


def pair_files(artifacts: str | Path, networks: list[str]) -> dict[str, Path]:
    """The files of compared pairs of `networks` that exist, by the pair's name."""
    paths = [pair_path(artifacts, a, b) for a, b in product(networks, networks)]
    return {path.stem: path for path in paths if path.exists()}


class Pair(Hdf5Reader):
    """similarity/A--B.h5: `file[measure]` is how alike the layers of two networks are, (layers of A, layers of B).

    Attributes
    ----------
    networks, titles, axes : list of two str
        Their names, what a reader calls them, and what counts their checkpoints, "epoch" or "step".
    noun : str
        What a reader calls a sample: image, sample or text.
    layers : list of two lists of str
        "input", the images' pixels, and each network's layers in order.
    epochs : list of two int
    measures : list of str
    samples : int
    source : str
        Where the data came from.
    """

    @property
    def networks(self) -> list[str]:
        """The names of the networks."""
        return [str(self.attribute(f"network_{side}")) for side in SIDES]

    @property
    def titles(self) -> list[str]:
        """What a reader calls the networks, whose folders lie beside that of the file."""
        return [read_about(folder).title for folder in self.folders]

    @property
    def folders(self) -> list[Path]:
        """The folders of the networks."""
        return [self.path.parent.parent / network for network in self.networks]

    @property
    def axes(self) -> list[str]:
        """What counts the checkpoints of either, as its card says."""
        return [axis_of(folder) for folder in self.folders]

    @property
    def noun(self) -> str:
        """What a reader calls a sample, which is of one data set."""
        return noun_of(self.folders[0])

    @cached_property
    def layers(self) -> list[list[str]]:
        """The layers of either."""
        return [self.names(f"layers_{side}") for side in SIDES]

    @cached_property
    def epochs(self) -> list[int]:
        """The epoch of either."""
        return [int(self.attribute(f"epoch_{side}")) for side in SIDES]

    @cached_property
    def measures(self) -> list[str]:
        """The stored measures."""
        return catalogued(set(self.file) - CONTROLS)

    @property
    def samples(self) -> int:
        """The number of samples that the layers were compared on."""
        return int(self.attribute("samples"))

    @property
    def source(self) -> str:
        """Where the data came from."""
        return str(self.attribute("source"))

    @property
    def shared(self) -> list[int]:
        """The epochs of `by_epoch`, which both networks have; none where one counts epochs and the other steps."""
        return [int(epoch) for epoch in self.attribute("epochs", "by_epoch")]

    def by_epoch(self, measure: str) -> Stored:
        """`measure` at every one of the `shared` epochs, (epochs, layers of A, layers of B)."""
        return self.dataset(f"by_epoch/{known(measure, self.measures, 'measure', self.path)}")

    def quantile(self, measure: str) -> np.ndarray:
        """What `measure` scores by chance, (layers of A, layers of B): the 95 % quantile of its permutation null."""
        return self.array(f"null/{known(measure, self.measures, 'measure', self.path)}/quantile")

    def best(self, measure: str) -> list[np.ndarray]:
        """The same of the best match of each layer of A, (layers of A), and of B, (layers of B)."""
        return [self.array(f"null/{known(measure, self.measures, 'measure', self.path)}/best_{side}") for side in SIDES]

    def calibrated(self, measure: str) -> np.ndarray:
        """`measure` relative to chance, (layers of A, layers of B): 0 at its quantile, 1 where layers are alike."""
        return calibrated(self[measure][:], self.quantile(measure), measure)

    @property
    def q_values(self) -> Stored:
        """False-discovery rates of debiased CKA's permutation null."""
        return self.dataset(Q_VALUES)

    @property
    def floor(self) -> np.ndarray:
        """What independent noise of the layers' shapes scores in linear CKA."""
        return self.array(FLOOR)

    def __getitem__(self, measure: str) -> Stored:
        return self.dataset(known(measure, self.measures, "measure", self.path))

    def __iter__(self) -> Iterator[str]:
        return iter(self.measures)

    def variables(self) -> dict[str, Variable]:
        """The measures and the controls."""
        paths = {name: name for name in self.measures} | {
            "p_value": P_VALUES,
            "q_value": Q_VALUES,
            FLOOR.replace("/", "_"): FLOOR,
            PERMUTED.replace("/", "_"): PERMUTED,
        }
        paths |= {f"quantile_{name}": f"null/{name}/quantile" for name in self.measures}
        axes = "layer_a", "layer_b"
        best = {
            f"best_{side}_{name}": Variable.of((axis,), values)
            for name in self.measures
            for side, axis, values in zip(SIDES, axes, self.best(name), strict=True)
        }
        epochs = {f"by_epoch_{name}": Variable.of(("epoch", *axes), self.by_epoch(name)) for name in self.measures}
        return {name: Variable.of(axes, self.dataset(path)) for name, path in paths.items()} | best | epochs

    def coordinates(self) -> dict[str, list]:
        """The layers of either network, and the epochs that both have."""
        return {**dict(zip(("layer_a", "layer_b"), self.layers, strict=True)), "epoch": self.shared}

    def columns(self) -> dict[str, np.ndarray]:
        """The measures and the q-values, a row for each pair of layers."""
        a, b = np.indices(tuple(map(len, self.layers))).reshape(2, -1)
        first, second = (np.array(layers, object) for layers in self.layers)
        values = {name: self[name][()].reshape(-1) for name in self.measures}
        return {"layer_a": first[a], "layer_b": second[b], **values, "q_value": self.q_values[()].reshape(-1)}

    def facts(self) -> dict[str, str]:
        """The networks and their epochs, and the number of samples."""
        sides = zip(self.networks, self.epochs, strict=True)
        return {
            "networks": " and ".join(f"{name} at epoch {epoch}" for name, epoch in sides),
            "samples": str(self.samples),
        }


class PairWriter:
    """Stores what `drillcore.similarity.pairs` finds in an open file."""

    def __init__(self, file: h5py.File):
        self.file = file

    def store_networks(self, samples: int, networks: list[str], layers: list[list[str]], epochs: list[int]) -> None:
        """Store which networks, with which layers at which epochs, are compared on so many samples."""
        self.file.attrs["samples"] = samples
        for side, network, names, epoch in zip(SIDES, networks, layers, epochs, strict=True):
            self.file.attrs.update(
                {
                    f"network_{side}": network,
                    f"layers_{side}": [escaped(name) for name in names],
                    f"epoch_{side}": epoch_name(epoch),
                }
            )

    def store(self, measure: str, values: np.ndarray, status: Any) -> None:
        """Store a measure, (layers of A, layers of B)."""
        store_measure(self.file, measure, values, status)

    def store_quantiles(self, measure: str, quantiles: Any, permutations: int) -> None:
        """Store the `Quantiles` of a measure's null."""
        names = "quantile", *(f"best_{side}" for side in SIDES)
        store_quantiles(self.file, measure, dict(zip(names, quantiles, strict=True)), permutations)

    def store_by_epoch(self, measure: str, values: np.ndarray) -> None:
        """Store a measure at the epochs that both have, (epochs, layers of A, layers of B)."""
        write(self.file, f"by_epoch/{measure}", values)

    def store_shared(self, epochs: list[int]) -> None:
        """Store which epochs those of `store_by_epoch` are."""
        self.file["by_epoch"].attrs["epochs"] = list(map(epoch_name, epochs))

    def store_null(self, p_values: np.ndarray, q_values: np.ndarray, permutations: int) -> None:
        """Store the p- and q-values of debiased CKA."""
        store_null(self.file, p_values, q_values, permutations)

    def store_floor(self, noise: np.ndarray, permuted: np.ndarray) -> None:
        """Store linear CKA's floors."""
        store_floor(self.file, noise, permuted)


@contextmanager
def write_pair(path: str | Path, source: str) -> Iterator[PairWriter]:
    """Yield the writer of a new file at `path`, of data from `source`."""
    with create(path) as file:
        file.attrs["source"] = source
        yield PairWriter(file)
