"""activations.h5: the outputs of every chosen layer for the probe set, at every stored epoch.

`sample` int64 (samples), `labels` int64 (samples), `images` uint8 (samples, height, width, channels),
`epochs/NNN/<layer>` float32 (samples, units) with the attributes `units` and `of` where they are a subset; of these layers
`all_units/NNN/<layer>` float32 (samples, dimensions), coordinates with the inner products over all units; attributes
`classes`, `source`, `layers`.

Inputs that are no images are `inputs` float32 (samples, ...) or int32 (samples, positions), with the names of their `columns`
or the texts of the `vocabulary`; targets that are no classes are `targets` (samples, ...). Where tokens are samples, `sample`
is the number of a token's sequence and `position` int64 (samples) the token's within it.

train_activations.h5: the same of training samples, without `images`, and `activity/NNN/<layer>` float32 (units), of all
units the mean absolute output, with the attribute `zeros`, the fraction of the outputs that are exactly zero.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from drillcore.artifacts.layers import ArraysByEpoch, epoch_name, store_activity, store_outputs
from drillcore.artifacts.reader import Stored, write_texts
from drillcore.base.names import escaped
from drillcore.base.store import create, new_group, write

SAMPLES = "sample", "labels", "images", "inputs", "targets", "position"
"""The datasets with a row for each sample: its number in the test set, its class, its pixels; or other inputs and targets;
of a token its position, `sample` being the number of its sequence."""


class Activations(ArraysByEpoch):
    """activations.h5: `file[layer]` is a layer's outputs (samples, units) at the last epoch, `file[layer, epoch]` at another.

    Attributes
    ----------
    layers : list of str
        In the network's order.
    epochs : list of int
        0 is before training.
    classes, column_names, vocabulary : list of str
        Empty where the data have none.
    source : str
        Where the data came from.
    sample, labels : int64 array (samples)
        The samples' numbers in the test set, and their classes; None where there are no classes.
    images : HDF5 dataset uint8 (samples, height, width, channels) or None
    inputs, targets : HDF5 dataset or None
        Those that are no images and no classes.
    position : int64 array (samples) or None
        Of samples that are tokens their positions in their sequences, whose numbers `sample` has.

    Examples
    --------
    >>> import drillcore
    >>> file = drillcore.open("artifacts/mine/activations.h5")  # doctest: +SKIP
    >>> file.layers, file["layer1"].shape, file["layer1", 0][:10]  # doctest: +SKIP
    """

    FILE, NAMES, OF, AXES = "activations.h5", "layers", "layer", ("sample", "unit")

    @property
    def layers(self) -> list[str]:
        """The names of the layers."""
        return self.order

    @property
    def classes(self) -> list[str]:
        """The names of the classes."""
        return list(self.attribute("classes")) if "classes" in self.file.attrs else []

    @property
    def column_names(self) -> list[str]:
        """The names of the features."""
        return self.texts("columns")

    @property
    def vocabulary(self) -> list[str]:
        """The text of every token."""
        return self.texts("vocabulary")

    @property
    def source(self) -> str:
        """Where the data came from."""
        return str(self.attribute("source"))

    @property
    def sample(self) -> np.ndarray:
        """The samples' numbers in the test set."""
        return self.array("sample")

    @property
    def labels(self) -> np.ndarray | None:
        """The samples' classes."""
        return self.array("labels") if "labels" in self.file else None

    @property
    def images(self) -> Stored | None:
        """The samples' images."""
        return self.dataset("images") if "images" in self.file else None

    @property
    def inputs(self) -> Stored | None:
        """The samples' inputs that are no images."""
        return self.dataset("inputs") if "inputs" in self.file else None

    @property
    def targets(self) -> Stored | None:
        """The samples' targets that are no classes."""
        return self.dataset("targets") if "targets" in self.file else None

    @property
    def position(self) -> np.ndarray | None:
        """Of samples that are tokens their positions in their sequences."""
        return self.array("position") if "position" in self.file else None

    def units(self, layer: str) -> np.ndarray | None:
        """The positions of the stored units among all of `layer`; None where all are stored."""
        return self.at(layer).attrs.get("units")

    def size(self, layer: str) -> int:
        """The number of all units of `layer`, stored or not."""
        return int(self.at(layer).attrs.get("of", self.at(layer).shape[1]))

    def of_all_units(self, layer: str, epoch: int | None = None) -> Stored:
        """What every analysis reads that turns with a rotation of the units: where few of them are stored, coordinates of the
        samples (samples, dimensions) with the inner products, and the correlations over units, of all; else the outputs."""
        name = self.at(layer, epoch).name.replace("/epochs/", "/all_units/", 1)
        return self.dataset(name) if name in self.file else self.at(layer, epoch)

    @property
    def subsets(self) -> bool:
        """Whether some layers have units that are not stored, but coordinates of all."""
        return "all_units" in self.file

    def of_samples(self) -> dict[str, Stored]:
        """What the file holds of each sample but the outputs: some of SAMPLES."""
        return {name: self.dataset(name) for name in SAMPLES if name in self.file}

    def coordinates(self) -> dict[str, list]:
        """The epochs, the samples' numbers, and the positions of stored units."""
        return {
            "epoch": self.epochs,
            "sample": self.sample.tolist(),
            **{f"unit_{layer}": list(chosen) for layer in self.layers if (chosen := self.units(layer)) is not None},
        }

    def facts(self) -> dict[str, str]:
        """Number of samples and classes, and the source."""
        return {
            "samples": str(self.dataset("sample").shape[0]),
            **({"classes": str(len(self.classes))} if self.classes else {}),
            "data": self.source,
        }


class TrainActivations(Activations):
    """train_activations.h5: as activations.h5, of training samples, and how much every unit answers to them.

    Attributes
    ----------
    sample, labels : int64 array (samples)
        The samples' numbers in the training set, and their classes.

    Examples
    --------
    >>> import drillcore
    >>> file = drillcore.open("artifacts/mine/train_activations.h5")  # doctest: +SKIP
    >>> file["layer1"].shape, file.activity("layer1").max()  # doctest: +SKIP
    """

    FILE = "train_activations.h5"

    def activity(self, layer: str, epoch: int | None = None) -> np.ndarray:
        """The mean absolute output of each of all units of `layer` at `epoch`, by default the last, (units)."""
        return self.array(self.activity_at(layer, epoch))

    def zero_fraction(self, layer: str, epoch: int | None = None) -> float:
        """The fraction of the outputs of `layer`, of all units and samples, that are exactly zero."""
        return float(self.attribute("zeros", self.activity_at(layer, epoch)))

    def activity_at(self, layer: str, epoch: int | None) -> str:
        return self.at(layer, epoch).name.replace("/epochs/", "/activity/", 1)


class ActivationsWriter:
    """Stores the outputs of one epoch after the other in an open file."""

    def __init__(self, file: h5py.File):
        self.file = file

    def store(
        self,
        epoch: int,
        outputs: Iterable[dict],
        count: int,
        units: Any,
        bases: Iterable[tuple[str, np.ndarray]] = (),
    ) -> None:
        """Store the streamed outputs of `count` samples at `epoch`, see `store_outputs`, and the coordinates by layer that
        `AllUnits` yields when it has seen them."""
        group = new_group(self.file, f"epochs/{epoch_name(epoch)}")
        self.file.attrs["layers"] = store_outputs(group, outputs, count, units)
        for layer, coordinates in bases:
            write(self.file, f"all_units/{epoch_name(epoch)}/{escaped(layer)}", coordinates)

    def store_activity(self, epoch: int, activity: Any) -> None:
        """Store an `Activity`, of what was streamed at `epoch`."""
        store_activity(self.file, f"activity/{epoch_name(epoch)}", activity)


@contextmanager
def write_activations(
    path: str | Path,
    sample: np.ndarray,
    labels: np.ndarray | None,
    images: np.ndarray | None,
    classes: list[str],
    source: str,
    inputs: np.ndarray | None = None,
    targets: np.ndarray | None = None,
    columns: Sequence[str] = (),
    vocabulary: Sequence[str] = (),
    position: np.ndarray | None = None,
) -> Iterator[ActivationsWriter]:
    """Yield the writer of a new file at `path`, with what is known of the samples in it."""
    with create(path) as file:
        for name, values in zip(SAMPLES, (sample, labels, images, inputs, targets, position), strict=True):
            if values is not None:
                write(file, name, values)
        write_texts(file, columns=columns, vocabulary=vocabulary)
        file.attrs.update({"classes": classes} if classes else {}, source=source)
        yield ActivationsWriter(file)
