"""similarity.h5: a network's layers compared with each other, and with themselves over the epochs, with the controls.

`between_layers/<measure>` float64 (epochs, layers, layers), `across_epochs/<measure>` (layers, epochs, epochs),
`null/<measure>/quantile` (layers, layers) and `best` (layers), `null/debiased_cka/p_value` and `q_value` (epochs, layers,
layers), `floor/linear_cka` (layers, layers) and `floor/permuted_linear_cka` (epochs, layers, layers), `by_samples/samples`
int64 (sizes) and `by_samples/<measure>` (sizes, layers, layers), `outlier/shift` and `outlier/<measure>` (shifts). A
measure's attributes are `range` and `status`, which says why some are NaN. Attributes `layers` ("input" first: the images'
pixels), `epochs`, `samples`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from drillcore.artifacts.layers import epoch_name
from drillcore.artifacts.reader import LayersReader, Stored, Variable, known
from drillcore.base.names import escaped, unescaped
from drillcore.base.store import create, write
from drillcore.similarity.catalogue import BIASED, MEASURES, TESTED, calibrated, catalogued

NULL, FLOOR, PERMUTED = f"null/{TESTED}", f"floor/{BIASED}", f"floor/permuted_{BIASED}"
P_VALUES, Q_VALUES = f"{NULL}/p_value", f"{NULL}/q_value"
"""What chance alone would score."""
PAIRS = "layer", "other_layer"


class Similarity(LayersReader):
    """similarity.h5: `file[measure]` is how alike every two layers are, (epochs, layers, layers).

    Attributes
    ----------
    layers : list of str
        "input", the images' pixels, and the network's layers in order.
    epochs, compared : list of int
        The stored epochs, and those that are compared with each other.
    measures : list of str
        In the catalogue's order.
    samples : int
        The number of samples that the layers were compared on.
    """

    FILE = "similarity.h5"

    @cached_property
    def compared(self) -> list[int]:
        """The epochs that are compared with each other."""
        return [int(epoch) for epoch in self.attribute("epochs", "across_epochs")]

    @cached_property
    def measures(self) -> list[str]:
        """The stored measures."""
        return catalogued(self.file["between_layers"])

    @property
    def samples(self) -> int:
        """The number of samples."""
        return int(self.attribute("samples"))

    def across(self, measure: str) -> Stored:
        """How alike each layer is to itself at other epochs, (layers, epochs, epochs) of the `compared` ones."""
        return self.dataset(f"across_epochs/{known(measure, self.measures, 'measure', self.path)}")

    def outlier(self, measure: str) -> Stored:
        """How alike the layer of `outlier_at` is to itself with one sample moved away, (shifts)."""
        return self.dataset(f"outlier/{known(measure, self.measures, 'measure', self.path)}")

    @property
    def outlier_at(self) -> tuple[str, int]:
        """The layer and the epoch in which an outlier was planted."""
        return unescaped(self.attribute("layer", "outlier")), int(self.attribute("epoch", "outlier"))

    @property
    def shifts(self) -> np.ndarray:
        """How far the outlier was moved, in root mean square distances of samples from their mean."""
        return self.array("outlier/shift")

    def quantile(self, measure: str) -> np.ndarray:
        """What `measure` scores by chance at the last epoch, (layers, layers): the 95 % quantile of its permutation null."""
        return self.array(f"null/{known(measure, self.measures, 'measure', self.path)}/quantile")

    def best(self, measure: str) -> np.ndarray:
        """The same of the best match of each layer among the others, (layers)."""
        return self.array(f"null/{known(measure, self.measures, 'measure', self.path)}/best")

    def calibrated(self, measure: str) -> np.ndarray:
        """`measure` at the last epoch relative to chance, (layers, layers): 0 at its quantile, 1 where layers are alike."""
        return calibrated(self[measure][-1], self.quantile(measure), measure)

    @property
    def p_values(self) -> Stored:
        """Of debiased CKA's permutation null, (epochs, layers, layers)."""
        return self.dataset(P_VALUES)

    @property
    def q_values(self) -> Stored:
        """The p-values as false-discovery rates, (epochs, layers, layers); NaN on the diagonal."""
        return self.dataset(Q_VALUES)

    @property
    def floor(self) -> np.ndarray:
        """What independent noise of the layers' shapes scores in linear CKA, (layers, layers)."""
        return self.array(FLOOR)

    @property
    def permuted(self) -> Stored:
        """The mean of linear CKA over all permutations of one layer's samples, (epochs, layers, layers)."""
        return self.dataset(PERMUTED)

    @property
    def sizes(self) -> np.ndarray:
        """Numbers of samples, the last of all, of `by_samples`."""
        return self.array("by_samples/samples")

    def by_samples(self, measure: str) -> np.ndarray:
        """`linear_cka` or `debiased_cka` at the last epoch on fewer samples, (sizes, layers, layers)."""
        return self.array(f"by_samples/{known(measure, [BIASED, TESTED], 'measure', self.path)}")

    def status(self, measure: str) -> str:
        """Why some values of `measure` are NaN; "complete" where none is."""
        return str(self[measure].attrs["status"])

    def __getitem__(self, measure: str) -> Stored:
        return self.dataset(f"between_layers/{known(measure, self.measures, 'measure', self.path)}")

    def __iter__(self) -> Iterator[str]:
        return iter(self.measures)

    def variables(self) -> dict[str, Variable]:
        """Every measure between layers, the controls and, as `across_<measure>` and `outlier_<measure>`, the others."""
        between = {name: Variable.of(("epoch", *PAIRS), self[name]) for name in self.measures}
        across = {
            f"across_{name}": Variable.of(("layer", "compared_epoch", "other_compared_epoch"), self.across(name))
            for name in self.measures
        }
        controls = {
            "p_value": Variable.of(("epoch", *PAIRS), self.p_values),
            "q_value": Variable.of(("epoch", *PAIRS), self.q_values),
            f"floor_{BIASED}": Variable.of(PAIRS, self.floor),
            f"floor_permuted_{BIASED}": Variable.of(("epoch", *PAIRS), self.permuted),
        }
        controls |= {f"quantile_{name}": Variable.of(PAIRS, self.quantile(name)) for name in self.measures}
        controls |= {f"best_{name}": Variable.of(PAIRS[:1], self.best(name)) for name in self.measures}
        fewer = {
            f"by_samples_{name}": Variable.of(("samples", *PAIRS), self.by_samples(name)) for name in (BIASED, TESTED)
        }
        outlier = {f"outlier_{name}": Variable.of(("shift",), self.outlier(name)) for name in self.measures}
        return between | across | controls | fewer | outlier

    def coordinates(self) -> dict[str, list]:
        """The epochs, the layers, the numbers of samples and the outlier's shifts."""
        return {
            "epoch": self.epochs,
            **dict.fromkeys(PAIRS, self.layers),
            **dict.fromkeys(("compared_epoch", "other_compared_epoch"), self.compared),
            "samples": self.sizes.tolist(),
            "shift": self.shifts.tolist(),
        }

    def columns(self) -> dict[str, np.ndarray]:
        """The measures between layers and their q-values, a row for each epoch and pair."""
        epoch, a, b = np.indices((len(self.epochs), len(self.layers), len(self.layers))).reshape(3, -1)
        layers = np.array(self.layers, object)
        pairs = {"epoch": np.array(self.epochs)[epoch], PAIRS[0]: layers[a], PAIRS[1]: layers[b]}
        values = {name: self[name][()].reshape(-1) for name in self.measures}
        return pairs | values | {"q_value": self.q_values[()].reshape(-1)}

    def facts(self) -> dict[str, str]:
        """The number of samples."""
        return {"samples": str(self.samples)}


def store_measure(file: h5py.File, name: str, values: np.ndarray, status: Any) -> None:
    """Write a measure's `values`, with their range and why some are NaN; the last part of `name` is the measure."""
    write(file, name, values).attrs.update(range=MEASURES[name.rpartition("/")[2]].range, status=str(status))


def store_null(file: h5py.File, p_values: np.ndarray, q_values: np.ndarray, permutations: int) -> None:
    """Write the p- and q-values of debiased CKA."""
    write(file, P_VALUES, p_values)
    write(file, Q_VALUES, q_values)
    file[NULL].attrs["permutations"] = permutations


def store_quantiles(file: h5py.File, measure: str, quantiles: dict[str, np.ndarray], permutations: int) -> None:
    """Write the quantiles of the null of a measure, by what they are called."""
    for name, values in quantiles.items():
        write(file, f"null/{measure}/{name}", values)
    file[f"null/{measure}"].attrs["permutations"] = permutations


def store_floor(file: h5py.File, noise: np.ndarray, permuted: np.ndarray) -> None:
    """Write what noise and what permuted samples score in linear CKA."""
    write(file, FLOOR, noise)
    write(file, PERMUTED, permuted)


class SimilarityWriter:
    """Stores what `drillcore.similarity.comparison` finds in an open file."""

    def __init__(self, file: h5py.File):
        self.file = file

    def store_between(self, measure: str, values: np.ndarray, status: Any) -> None:
        """Store a measure between layers, (epochs, layers, layers)."""
        store_measure(self.file, f"between_layers/{measure}", values, status)

    def store_across(self, measure: str, values: np.ndarray, status: Any) -> None:
        """Store a measure across epochs, (layers, epochs, epochs)."""
        store_measure(self.file, f"across_epochs/{measure}", values, status)

    def store_compared(self, epochs: list[int]) -> None:
        """Store which epochs are compared with each other."""
        self.file["across_epochs"].attrs["epochs"] = list(map(epoch_name, epochs))

    def store_null(self, p_values: np.ndarray, q_values: np.ndarray, permutations: int) -> None:
        """Store the p- and q-values of debiased CKA, (epochs, layers, layers)."""
        store_null(self.file, p_values, q_values, permutations)

    def store_quantiles(self, measure: str, pairs: np.ndarray, best: np.ndarray, permutations: int) -> None:
        """Store the quantiles of a measure's null at the last epoch, (layers, layers) and of best matches (layers)."""
        store_quantiles(self.file, measure, {"quantile": pairs, "best": best}, permutations)

    def store_floor(self, noise: np.ndarray, permuted: np.ndarray) -> None:
        """Store linear CKA's floors, (layers, layers) and (epochs, layers, layers)."""
        store_floor(self.file, noise, permuted)

    def store_sizes(self, sizes: np.ndarray) -> None:
        """Store the numbers of samples of `store_by_samples`."""
        write(self.file, "by_samples/samples", sizes)

    def store_by_samples(self, measure: str, values: np.ndarray) -> None:
        """Store a measure on fewer samples, (sizes, layers, layers)."""
        write(self.file, f"by_samples/{measure}", values)

    def store_shifts(self, shifts: np.ndarray, layer: str, epoch: int) -> None:
        """Store how far an outlier is moved, in which layer and at which epoch."""
        write(self.file, "outlier/shift", shifts)
        self.file["outlier"].attrs.update(layer=escaped(layer), epoch=epoch_name(epoch))

    def store_outlier(self, measure: str, values: np.ndarray, status: Any) -> None:
        """Store a measure of the layer with the outlier, (shifts)."""
        store_measure(self.file, f"outlier/{measure}", values, status)


@contextmanager
def write_similarity(
    path: str | Path, layers: list[str], epochs: list[int], samples: int
) -> Iterator[SimilarityWriter]:
    """Yield the writer of a new file at `path`, of `layers` compared on so many `samples` at each of `epochs`."""
    with create(path) as file:
        file.attrs.update(
            layers=[escaped(layer) for layer in layers], epochs=list(map(epoch_name, epochs)), samples=samples
        )
        yield SimilarityWriter(file)
