"""data/<dataset>_augmented.h5: one test image of a data set under many random augmentations.

`images` uint8 (augmentations, height, width, channels), or `inputs` that are no images, as in data/<dataset>.h5, and the
`original` without any augmentation; attributes `sample` and, where there are classes, `label`.
"""

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from drillcore.artifacts.dataset import KINDS, axes_of, kind_of
from drillcore.artifacts.reader import Hdf5Reader, Stored, Variable, known
from drillcore.base.store import create, write


def augmentations_path(data: str | Path, dataset: str) -> Path:
    """The path of the file of `dataset` in the folder `data`."""
    return Path(data, f"{dataset}_augmented.h5")


class AugmentedImage(Hdf5Reader):
    """data/<dataset>_augmented.h5: `file["images"]` are the augmentations of one test image.

    Attributes
    ----------
    images : HDF5 dataset uint8 (augmentations, height, width, channels) or None
    inputs : HDF5 dataset
        The images, or the inputs that are none.
    original : array or None
        Of inputs that are no images the one without any augmentation.
    sample, label : int
        The sample's number in the test set, and its class, None where there are no classes.
    """

    @property
    def images(self) -> Stored | None:
        """The augmentations, if they are images."""
        return self.dataset("images") if "images" in self.file else None

    @property
    def inputs(self) -> Stored:
        """The augmentations, whatever they are."""
        return self.dataset("inputs") if self.images is None else self.images

    @property
    def original(self) -> np.ndarray | None:
        """The sample without any augmentation, if it is no image."""
        return self.array("original") if "original" in self.file else None

    @property
    def sample(self) -> int:
        """The sample's number in the test set."""
        return int(self.attribute("sample"))

    @property
    def label(self) -> int | None:
        """The sample's class."""
        return int(self.attribute("label")) if "label" in self.file.attrs else None

    def __getitem__(self, name: str) -> Stored:
        return self.dataset(known(name, list(AugmentedImage.__iter__(self)), "array", self.path))

    def __iter__(self) -> Iterator[str]:
        return iter(["inputs" if self.images is None else "images"])

    def variables(self) -> dict[str, Variable]:
        """The images, or the inputs that are none."""
        (name,) = AugmentedImage.__iter__(self)
        return {
            name: Variable.of(
                ("augmentation", *axes_of(KINDS[kind_of(self.inputs)], self.inputs.ndim - 1)), self.inputs
            )
        }

    def facts(self) -> dict[str, str]:
        """Which sample it is."""
        name = "test sample" if self.images is None else "test image"
        return {name: str(self.sample), **({} if self.label is None else {"class": str(self.label)})}


def write_augmentations(
    path: str | Path, inputs: np.ndarray, sample: int, label: int | None, original: np.ndarray | None = None
) -> None:
    """Write the augmentations of the test sample `sample` of class `label`, None where there are no classes, and the
    `original`, None of images, of which the probe set may have it."""
    with create(path) as file:
        store_augmentations(file, inputs, sample, label, original)


def store_augmentations(
    file: h5py.File, inputs: np.ndarray, sample: int, label: int | None, original: np.ndarray | None
) -> None:
    """Write the augmentations to an open `file`."""
    if original is not None:
        write(file, "original", original)
    write(file, "images" if kind_of(inputs) == "images" else "inputs", inputs)
    file.attrs.update(sample=sample, **({} if label is None else {"label": label}))
