"""The samples of a data set that layers are compared on."""

from typing import NamedTuple

import numpy as np

from drillcore.extraction.probe import choose_probe, choose_tokens
from stages.rig.images import load_split


class ProbeSet(NamedTuple):
    """Samples that layers are compared on: their numbers, labels and images, the classes' names, and the source.

    Where the data are no classified images, `inputs` stand for the images and `targets` for the labels, with what their
    `columns` are called or the texts of the `vocabulary`. Where tokens are samples, `sample` is the number of a token's
    sequence and `position` the token's within it; those of one sequence follow each other.
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
    position: np.ndarray | None = None

    @property
    def seen(self):
        """The images, or the other inputs."""
        return self.inputs if self.images is None else self.images

    def stream(self, stream):
        """Iterate over what `stream`, a function of inputs, yields of the samples in batches; of tokens it gets each sequence
        once, and yields all tokens of one after the other."""
        if self.position is None:
            yield from stream(self.seen)
            return
        firsts, sequence = np.unique(self.sample, return_index=True)[1], 0
        of_sequences, tokens = np.split(self.position, np.sort(firsts)[1:]), self.inputs.shape[1]
        for batch in stream(self.inputs[np.sort(firsts)]):
            count = len(next(iter(batch.values()))) // tokens
            chosen = of_sequences[sequence : sequence + count]
            rows = np.concatenate([number * tokens + positions for number, positions in enumerate(chosen)])
            yield {layer: array[rows] for layer, array in batch.items()}
            sequence += count


def probe_of(card, split, samples):
    """The `ProbeSet` of so many samples, or tokens of them, of the "train" or "test" part of the data of `card`."""
    whole = load_split(card, split)
    chosen, position = choose_probe(len(whole.targets), samples, card.seed), None
    if getattr(card, "samples", None) == "tokens":
        chosen, position = choose_tokens(len(whole.targets), whole.inputs.shape[1], samples, card.seed)
    inputs, targets = whole.inputs[chosen], whole.targets[chosen]
    if position is not None and targets.shape[1:] == inputs.shape[1:2]:  # each token has its own
        targets = targets[np.arange(len(position)), position]
    labels, targets = (targets, None) if whole.classes else (None, targets)
    images, inputs = (inputs, None) if card.kind == "images" else (None, inputs)
    return ProbeSet(
        chosen, labels, images, whole.classes, whole.source, inputs, targets, whole.columns, whole.vocabulary, position
    )
