"""Batches of images as a network sees them, made one at a time, so that a dataset is held only once and as bytes."""

import numpy as np

from stages.shared.images import prepare

VALIDATION_BATCH = 1000


class Batches:
    """Batches (images float32 (batch, height, width, channels) in [0, 1], labels int64 (batch)) of a `Split`.

    Iterating once is one epoch. With a `generator` every epoch has its own random order.
    """

    def __init__(self, split, shape, size, generator=None):
        self.split, self.shape, self.size, self.generator = split, shape, size, generator

    def __len__(self):
        return -(-len(self.split.labels) // self.size)

    def __iter__(self):
        count = len(self.split.labels)
        order = self.generator.permutation(count) if self.generator else np.arange(count)
        for begin in range(0, count, self.size):
            rows = order[begin : begin + self.size]
            yield prepare(self.split.images[rows], self.shape), self.split.labels[rows]


def shuffled(card, split, epoch=0):
    """The training batches of `card`, in an order that its seed sets, as they come after `epoch` epochs."""
    generator = np.random.default_rng(card.seed)
    for _ in range(epoch):
        generator.permutation(len(split.labels))
    return Batches(split, card.input, card.training.batch_size, generator)


def in_order(card, split):
    """The validation batches of `card`."""
    return Batches(split, card.input, VALIDATION_BATCH)
