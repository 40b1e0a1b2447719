"""data/<dataset>.h5: the images and labels of a data set.

`train/images`, `test/images` uint8 (samples, height, width, channels), `train/labels`, `test/labels` int64 (samples), which
index `classes`; attributes `name`, `source`, `classes`.
"""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from drillcore.artifacts.reader import Hdf5Reader, Stored, Variable, known
from drillcore.base.store import create, write

SPLITS = "train", "test"
ARRAYS = [f"{split}/{name}" for split in SPLITS for name in ("images", "labels")]


def dataset_path(data: str | Path, dataset: str) -> Path:
    """The path of the file of `dataset` in the folder `data`."""
    return Path(data, f"{dataset}.h5")


class DatasetFile(Hdf5Reader):
    """data/<dataset>.h5: `file["train/images"]`, `file["test/labels"]` ...

    Attributes
    ----------
    classes : list of str
    source : str
        Where the data came from.
    shape : tuple of int
        Height, width and channels of the images.
    """

    @cached_property
    def classes(self) -> list[str]:
        """The names of the classes."""
        return list(self.attribute("classes"))

    @property
    def source(self) -> str:
        """Where the data came from."""
        return self.attribute("source")

    @property
    def shape(self) -> tuple[int, ...]:
        """Height, width and channels of the images."""
        return self.images("train").shape[1:]

    def images(self, split: str) -> Stored:
        """The images of "train" or "test"."""
        return self[f"{split}/images"]

    def labels(self, split: str) -> Stored:
        """The labels of "train" or "test"."""
        return self[f"{split}/labels"]

    def __getitem__(self, name: str) -> Stored:
        return self.dataset(known(name, ARRAYS, "array", self.path))

    def __iter__(self) -> Iterator[str]:
        return iter(ARRAYS)

    def variables(self) -> dict[str, Variable]:
        """The images and labels of both splits."""
        return {
            name.replace("/", "_"): Variable.of(
                (f"{name.partition('/')[0]}_sample", "height", "width", "channel")[: self[name].ndim], self[name]
            )
            for name in ARRAYS
        }

    def facts(self) -> dict[str, str]:
        """The classes and the source."""
        return {"classes": ", ".join(self.classes), "data": self.source}


def write_dataset_file(path: str | Path, name: str, dataset: Any) -> None:
    """Write a data set with the attributes `train_images`, `train_labels`, `test_images`, `test_labels`, `classes` and
    `source`, called `name`."""
    with create(path) as file:
        for split in SPLITS:
            write(file, f"{split}/images", getattr(dataset, f"{split}_images"))
            write(file, f"{split}/labels", getattr(dataset, f"{split}_labels"))
        file.attrs.update(name=name, source=dataset.source, classes=dataset.classes)
