"""data/<dataset>_augmented.h5: one test image of a data set under many random augmentations.

`images` uint8 (augmentations, height, width, channels); attributes `sample`, `label`.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from drillcore.artifacts.reader import Hdf5Reader, Stored, Variable, known
from drillcore.base.store import create, write


def augmentations_path(data: str | Path, dataset: str) -> Path:
    """The path of the file of `dataset` in the folder `data`."""
    return Path(data, f"{dataset}_augmented.h5")


class AugmentedImage(Hdf5Reader):
    """data/<dataset>_augmented.h5: `file["images"]` are the augmentations of one test image.

    Attributes
    ----------
    images : HDF5 dataset uint8 (augmentations, height, width, channels)
    sample, label : int
        The image's number in the test set, and its class.
    """

    @property
    def images(self) -> Stored:
        """The augmentations."""
        return self.dataset("images")

    @property
    def sample(self) -> int:
        """The image's number in the test set."""
        return int(self.attribute("sample"))

    @property
    def label(self) -> int:
        """The image's class."""
        return int(self.attribute("label"))

    def __getitem__(self, name: str) -> Stored:
        return self.dataset(known(name, ["images"], "array", self.path))

    def __iter__(self) -> Iterator[str]:
        return iter(["images"])

    def variables(self) -> dict[str, Variable]:
        """The images."""
        return {"images": Variable.of(("augmentation", "height", "width", "channel"), self.images)}

    def facts(self) -> dict[str, str]:
        """Which image it is."""
        return {"test image": str(self.sample), "class": str(self.label)}


def write_augmentations(path: str | Path, images: np.ndarray, sample: int, label: int) -> None:
    """Write the augmentations of the test image `sample` of class `label`."""
    with create(path) as file:
        write(file, "images", images)
        file.attrs.update(sample=sample, label=label)
