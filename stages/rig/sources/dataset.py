"""What every source returns, and the file that it becomes."""

from typing import NamedTuple

import numpy as np

from drillcore.artifacts.dataset import write_dataset_file
from drillcore.base.errors import InputError

STUDIES = {"mnist": (28, 28, 1), "cifar10": (32, 32, 3)}
"""The (height, width, channels) of the data sets of the studies, which networks may rely on."""


TEST_SHARE = 0.2
"""Of each class, where a source does not separate training from testing."""

SEED = 0  # not that of params.yaml: the data set is one, whatever a network is initialised with


class Dataset(NamedTuple):
    """A data set as drillcore/artifacts/dataset.py stores it; `classes` are empty where the targets are none.

    What is larger than memory is `Blockwise`, but for classes.
    """

    train_inputs: np.ndarray
    train_targets: np.ndarray
    test_inputs: np.ndarray
    test_targets: np.ndarray
    classes: list[str]
    source: str
    kind: str = "images"
    task: str = "classification"
    columns: list[str] = []
    vocabulary: list[str] = []


def hold_out(name, source, labels):
    """Return the indices, ascending, of the samples to train on and of a fifth of every class to test on.

    The choice is random and always the same. An `InputError` says that no class of the data set `name`, which comes from
    `source`, has enough samples.
    """
    rng, test = np.random.default_rng(SEED), np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        test[members[: round(TEST_SHARE * len(members))]] = True
    if not test.any():
        raise InputError(
            f"{source} has no split and {len(labels)} images, too few of each class to hold out a fifth for testing: "
            f"add images, or give datasets.{name} in params.yaml another source."
        )
    return np.flatnonzero(~test), np.flatnonzero(test)


def hold_out_any(name, source, count):
    """Return the indices, ascending, of `count` samples without classes to train on and of a fifth of them to test on."""
    test, order = np.zeros(count, bool), np.arange(count, dtype=np.uint32)  # half the memory of a permutation
    np.random.default_rng(SEED).shuffle(order)
    test[order[: round(TEST_SHARE * count)]] = True
    if not test.any():
        raise InputError(
            f"{source} has {count} samples, too few to hold out a fifth for testing: add some, or give datasets.{name} in "
            "params.yaml another source."
        )
    return np.flatnonzero(~test), np.flatnonzero(test)


HELD_OUT = ", a random fifth of each class for testing"
"""What a source says of itself where `hold_out` separated its images."""


def write_dataset(path, name, dataset):
    """Write `dataset` to the HDF5 file at `path`; an `InputError` refuses classes of which there is only one."""
    if dataset.task == "classification" and (dataset.train_targets == dataset.train_targets[0]).all():
        label = dataset.train_targets[0]
        raise InputError(
            f"params.yaml: datasets.{name} ({dataset.source}) has training images of the class {dataset.classes[label]!r} "
            "alone: add those of another, or name another source."
        )
    write_dataset_file(path, name, dataset)
