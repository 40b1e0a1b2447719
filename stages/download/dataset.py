"""What every source returns, and the file that it becomes."""

from typing import NamedTuple

import numpy as np

from stages.shared.base.command import InputError
from stages.shared.base.store import create, write

STUDIES = {"mnist": (28, 28, 1), "cifar10": (32, 32, 3)}
"""The (height, width, channels) of the data sets of the studies, which networks may rely on."""


class Dataset(NamedTuple):
    """Images uint8 (samples, height, width, channels), labels int64 (samples) that index `classes`."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    classes: list[str]
    source: str


def write_dataset(path, name, dataset):
    """Write `dataset` to the HDF5 file at `path`; an `InputError` refuses one where there is nothing to tell apart."""
    label = dataset.train_labels[0]
    if (dataset.train_labels == label).all():
        raise InputError(
            f"params.yaml: datasets.{name} ({dataset.source}) has training images of the class {dataset.classes[label]!r} "
            "alone: add those of another, or name another source."
        )
    with create(path) as file:
        for split in ("train", "test"):
            write(file, f"{split}/images", getattr(dataset, f"{split}_images"))
            write(file, f"{split}/labels", getattr(dataset, f"{split}_labels"))
        file.attrs.update(name=name, source=dataset.source, classes=dataset.classes)
