"""The samples of a data set that layers are compared on."""

from typing import NamedTuple

import numpy as np

from drillcore.extraction.probe import choose_probe
from stages.rig.images import load_split


class ProbeSet(NamedTuple):
    """Samples that layers are compared on: their numbers, labels and images, the classes' names, and the source."""

    sample: np.ndarray
    labels: np.ndarray
    images: np.ndarray
    classes: list[str]
    source: str


def probe_of(card, split, samples):
    """The `ProbeSet` of so many samples of the "train" or "test" part of the data of `card`."""
    whole = load_split(card, split)
    chosen = choose_probe(len(whole.targets), samples, card.seed)
    return ProbeSet(chosen, whole.targets[chosen], whole.inputs[chosen], whole.classes, whole.source)
