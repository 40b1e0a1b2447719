"""The samples of a data set that layers are compared on."""

from typing import NamedTuple

import numpy as np

from drillcore.extraction.probe import choose_probe
from stages.rig.images import load_split


class ProbeSet(NamedTuple):
    """Samples that layers are compared on: their numbers, labels and images, the classes' names, and the source.

    Where the data are no classified images, `inputs` stand for the images and `targets` for the labels, with what their
    `columns` are called or the texts of the `vocabulary`.
    """

    sample: np.ndarray
    labels: np.ndarray | None
    images: np.ndarray | None
    classes: list[str]
    source: str
    inputs: np.ndarray | None = None
    targets: np.ndarray | None = None
    columns: list[str] = []
    vocabulary: list[str] = []

    @property
    def seen(self):
        """The images, or the other inputs."""
        return self.inputs if self.images is None else self.images


def probe_of(card, split, samples):
    """The `ProbeSet` of so many samples of the "train" or "test" part of the data of `card`."""
    whole = load_split(card, split)
    chosen = choose_probe(len(whole.targets), samples, card.seed)
    inputs, targets = whole.inputs[chosen], whole.targets[chosen]
    labels, targets = (targets, None) if whole.classes else (None, targets)
    images, inputs = (inputs, None) if card.kind == "images" else (None, inputs)
    return ProbeSet(
        chosen, labels, images, whole.classes, whole.source, inputs, targets, whole.columns, whole.vocabulary
    )
