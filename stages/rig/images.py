"""Images as a network sees them, and the file that holds them."""

import math
from typing import NamedTuple

import numpy as np

from drillcore.artifacts.dataset import DatasetFile, dataset_path
from drillcore.base.errors import InputError

BATCH_BYTES = 16 << 20
"""Of the images of a batch, as float32: what a network makes of an image grows with it."""


def batch_of(most, shape):
    """How many images of `shape` (height, width, channels) are a batch: `most`, fewer of them where they are large."""
    return max(1, min(most, BATCH_BYTES // (4 * math.prod(shape))))


def prepare(images, shape):
    """Return uint8 `images` (n, h, w, c) as float32 in [0, 1] of `shape` (height, width, channels).

    Smaller images are padded with zeros on all sides (the odd row or column below and right), grey ones repeated to
    `shape`'s channels, as the squeeze-expand study feeds MNIST to networks made for CIFAR-10.
    """
    height, width, channels = shape
    below, right = height - images.shape[1], width - images.shape[2]
    padding = ((0, 0), (below // 2, below - below // 2), (right // 2, right - right // 2), (0, 0))
    padded = np.pad(images, padding) if below or right else images
    if channels != padded.shape[3]:
        padded = np.repeat(padded, channels, axis=3)
    return padded.astype(np.float32) / np.float32(255)


def standardise(images, normalize):
    """Return float32 `images` (n, h, w, c) less the mean and divided by the standard deviation that a card's `normalize`
    gives; as they are where it is None."""
    if normalize is None:
        return images
    return (images - np.array(normalize.mean, np.float32)) / np.array(normalize.std, np.float32)


class Split(NamedTuple):
    """The training or the test part of a dataset: its inputs and targets, of images uint8 (n, h, w, c) and int64 (n), the
    classes' names, and where they came from."""

    inputs: np.ndarray
    targets: np.ndarray
    classes: list[str]
    source: str


def load_split(network, split, most=None):
    """Return the `Split` "train" or "test" of the dataset of `network`, from the file that `download` made.

    Of all samples, or of the first `most`.
    """
    path = dataset_path("data", network.dataset)
    with DatasetFile(path) as file:
        inputs, targets = file.inputs(split)[:most], file.targets(split)[:most]
        classes, source = file.classes, file.source
    if inputs.shape[1] > network.input[0] or inputs.shape[2] > network.input[1]:
        raise InputError(
            f"{path} has images of {list(inputs.shape[1:])}, larger than the input {network.input} of {network.name}."
        )
    return Split(inputs, targets, classes, source)
