"""geometry.h5: what every layer knows at every stored epoch, with what chance alone gives.

`scores/<measure>` float64 (epochs, layers), with the attribute `status`, which says why some are NaN; `null/<measure>`
float64 (epochs, layers, draws); `dimension/samples` int64 and `dimension/curve` float64 (epochs, layers, sizes), 0 and NaN
where there are no more; `seeds/<measure>` float64 (trainings, layers), at the last epoch, first of the network's
own training, then of those with further seeds; attributes `layers`, `epochs`, `task`, `samples`, `test_samples`, `threshold`.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from drillcore.artifacts.reader import LayersReader, Stored, Variable, known
from drillcore.base.names import escaped, printable
from drillcore.base.store import create, write
from drillcore.geometry.catalogue import MEASURES
from drillcore.intervals import t_intervals

COMPLETE = "complete"


class Geometry(LayersReader):
    """geometry.h5: `file[measure]` is a score of every layer, (epochs, layers).

    Attributes
    ----------
    layers : list of str
        In the network's order.
    epochs : list of int
        0 is before training.
    measures : list of str
        In the catalogue's order.
    task : str
        What the probe's score is: "accuracy" of labels or "R2" of a regression.
    samples, test_samples : int
        The numbers of training samples, on which all is fitted and measured, and of those that probes are scored on.

    Examples
    --------
    >>> import drillcore
    >>> file = drillcore.open("artifacts/mine/geometry.h5")  # doctest: +SKIP
    >>> file["probe"][-1], file.chance("probe")[-1]  # doctest: +SKIP
    """

    FILE = "geometry.h5"

    @cached_property
    def measures(self) -> list[str]:
        """The stored measures."""
        return [name for name in MEASURES if name in self.file["scores"]]

    @property
    def task(self) -> str:
        """What the probe's score is."""
        return str(self.attribute("task"))

    @property
    def samples(self) -> int:
        """The number of training samples."""
        return int(self.attribute("samples"))

    @property
    def test_samples(self) -> int:
        """The number of test samples."""
        return int(self.attribute("test_samples"))

    @property
    def threshold(self) -> float:
        """Up to which part of its layer's mean absolute output a unit is dormant."""
        return float(self.attribute("threshold"))

    def null(self, measure: str) -> np.ndarray:
        """What chance gives in each draw, (epochs, layers, draws); of some measures there is none."""
        return self.array(f"null/{known(measure, self.measures, 'measure', self.path)}")

    def chance(self, measure: str) -> np.ndarray:
        """What chance gives, the mean over draws, (epochs, layers); NaN where there is none."""
        null = self.null(measure)
        return null.mean(2) if null.shape[2] else np.full(null.shape[:2], np.nan)

    def status(self, measure: str) -> str:
        """Why some scores are NaN; "complete" where none is."""
        return str(self[measure].attrs["status"])

    @property
    def seeds(self) -> int:
        """The number of trainings that differ in the seed alone, the network's own included."""
        return self.of_seeds(self.measures[0]).shape[0]

    def of_seeds(self, measure: str) -> Stored:
        """A score at the last epoch in the network's own training, and in those with further seeds, (trainings, layers)."""
        return self.dataset(f"seeds/{known(measure, self.measures, 'measure', self.path)}")

    def interval(self, measure: str) -> tuple[np.ndarray, np.ndarray]:
        """Over all trainings the mean of a score at the last epoch, and the half width of its t interval, both
        (layers), which are NaN without further seeds."""
        mean, half = t_intervals(self.of_seeds(measure)[()])
        return np.where(np.isfinite(half), mean, np.nan), half

    def curve(self) -> tuple[np.ndarray, np.ndarray]:
        """The intrinsic dimension of fewer samples: their numbers and it, both (epochs, layers, sizes), all of them first."""
        return self.array("dimension/samples"), self.array("dimension/curve")

    def __getitem__(self, measure: str) -> Stored:
        return self.dataset(f"scores/{known(measure, self.measures, 'measure', self.path)}")

    def __iter__(self) -> Iterator[str]:
        return iter(self.measures)

    def variables(self) -> dict[str, Variable]:
        """Every measure, as `chance_<measure>` its null, and the curve of the intrinsic dimension."""
        by_layer = "epoch", "layer"
        chance = {
            f"chance_{name}": Variable.of((*by_layer, f"draw_{name}"), self.dataset(f"null/{name}"))
            for name in self.measures
        }
        curves = {
            f"dimension_{name}": Variable.of((*by_layer, "size"), self.dataset(f"dimension/{name}"))
            for name in ("samples", "curve")
        }
        of_seeds = {f"seeds_{name}": Variable.of(("training", "layer"), self.of_seeds(name)) for name in self.measures}
        return {name: Variable.of(by_layer, self[name]) for name in self.measures} | chance | curves | of_seeds

    def coordinates(self) -> dict[str, list]:
        """The epochs and the layers."""
        return {"epoch": self.epochs, "layer": self.layers}

    def columns(self) -> dict[str, np.ndarray]:
        """A row for each epoch and layer: every measure, and as `<measure>_chance` what chance gives."""
        epoch, layer = np.meshgrid(self.epochs, np.array(self.layers, object), indexing="ij")
        columns = {"epoch": epoch.ravel(), "layer": layer.ravel()}
        for name in self.measures:
            columns |= {name: self[name][:].ravel(), f"{name}_chance": self.chance(name).ravel()}
        return columns

    def facts(self) -> dict[str, str]:
        """Numbers of samples."""
        return {"training samples": str(self.samples), "test samples": str(self.test_samples)}


def write_geometry(
    path: str | Path,
    layers: Sequence[str],
    epochs: Sequence[int],
    found: Sequence[Sequence[Any]],
    about: dict[str, Any],
    further: Sequence[Sequence[Any]] = (),
) -> None:
    """Write `found`, by epoch and layer what `measure` returned, to a new file at `path`; `about` are its attributes, and
    `further` is the same by further seed and layer, at the last epoch."""
    with create(path) as file:
        for name in MEASURES:
            dataset = write(file, f"scores/{name}", np.array([[one.scores[name] for one in row] for row in found]))
            dataset.attrs["status"] = status(name, layers, epochs, found)
            of_seeds = [[one.scores[name] for one in row] for row in (found[-1], *further)]
            write(file, f"seeds/{name}", np.array(of_seeds, np.float64))
            write(file, f"null/{name}", stacked([[one.nulls[name] for one in row] for row in found], np.nan))
        sizes = [[one.dimension.sizes for one in row] for row in found]
        write(file, "dimension/samples", stacked(sizes, 0).astype(np.int64))
        write(file, "dimension/curve", stacked([[one.dimension.curve for one in row] for row in found], np.nan))
        file.attrs.update(layers=[escaped(layer) for layer in layers], epochs=epochs, **about)


def stacked(rows: Sequence[Sequence[np.ndarray]], missing: float) -> np.ndarray:
    """Arrays of epochs and layers as one, (epochs, layers, most); the shorter ones end with what is `missing`."""
    most = max(len(array) for row in rows for array in row)
    whole = np.full((len(rows), len(rows[0]), most), missing)
    for epoch, row in enumerate(rows):
        for layer, array in enumerate(row):
            whole[epoch, layer, : len(array)] = array
    return whole


def status(name: str, layers: Sequence[str], epochs: Sequence[int], found: Sequence[Sequence[Any]]) -> str:
    """Why some scores of the measure `name` are NaN, and where: a reason for each, with its layers and epochs."""
    places: dict[str, dict[str, list[str]]] = {}
    for epoch, row in zip(epochs, found, strict=True):
        for layer, one in zip(layers, row, strict=True):
            if name in one.reasons:
                places.setdefault(one.reasons[name], {}).setdefault(printable(layer), []).append(str(epoch))
    if not places:
        return COMPLETE
    return "; ".join(f"{reason}: {listed(where, epochs)}" for reason, where in places.items())


def listed(where: dict[str, list[str]], epochs: Sequence[int]) -> str:
    """Layers with the epochs at which something is so, where it is not at all of them."""
    return ", ".join(
        layer if len(when) == len(epochs) else f"{layer} (epoch {', '.join(when)})" for layer, when in where.items()
    )
