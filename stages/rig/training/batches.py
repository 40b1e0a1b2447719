"""Batches of a data set as a network sees them, made one at a time, so that a dataset is held only once and as bytes."""

from itertools import pairwise

import numpy as np

from drillcore.base.errors import InputError
from stages.rig.augmentations import deviations_of, noisy, replaced
from stages.rig.images import batch_of, learned, prepare, standardise
from stages.rig.rows import Rows

VALIDATION_BATCH = 1000
MARGIN = 8
"""A crop may move by the image's size divided by this: 4 pixels of 32, as He et al. 2016, section 4.2."""


class Batches:
    """Batches of a `Split` as `card` takes them: inputs, of images float32 (batch, height, width, channels), and targets, of
    classes int64 (batch).

    Iterating once is one epoch. With a `seed` every epoch has its own random order; `augmentation` names what is done to
    the images, anew in every epoch and before they are standardised, and `disturb` (inputs, random) what is done to
    inputs that the network should make out all the same: targets are those of the inputs without it. `epoch` is the
    number of those already past. With a `seed`, a rest of one image joins the batch before it: batch norm cannot train on
    a single one.
    """

    def __init__(self, split, card, size, seed=None, augmentation=(), epoch=0, disturb=None):
        self.disturb = disturb
        self.split, self.card = split, card
        self.seed, self.augmentation, self.epoch = seed, augmentation, epoch
        self.orders = None if seed is None else np.random.default_rng(seed)
        count = len(split.targets)
        alone = seed is not None and count > size > 1 and count % size == 1
        self.bounds = [*range(0, count - alone, size), count]
        for _ in range(epoch):
            self.order()

    def __len__(self):
        return len(self.bounds) - 1

    def __iter__(self):
        self.epoch += 1
        order = self.order()
        random = np.random.default_rng([self.seed or 0, self.epoch])
        for begin, end in pairwise(self.bounds):
            rows = order[begin:end]
            inputs = prepare(self.split.inputs[rows], self.card.input)
            for name in self.augmentation:
                inputs = AUGMENTATIONS[name](inputs, random)
            clean = standardise(inputs, self.card.normalize)
            seen = standardise(self.disturb(inputs, random), self.card.normalize) if self.disturb else clean
            yield seen, learned(self.card, clean, self.split.targets[rows])

    def order(self):
        """The order of the samples in the next epoch."""
        count, inputs = len(self.split.targets), self.split.inputs
        if self.orders is None:
            return np.arange(count)
        return inputs.shuffled(self.orders) if isinstance(inputs, Rows) else self.orders.permutation(count)


def flip(images, random):
    """Mirror every other of `images` (n, h, w, c), at random, left to right."""
    mirrored = random.random(len(images)) < 0.5
    return np.where(mirrored[:, None, None, None], images[:, :, ::-1], images)


def crop(images, random):
    """Move each of `images` (n, h, w, c) at random by up to an eighth of its size; what comes in from outside is 0."""
    count, height, width, _ = images.shape
    down, right = height // MARGIN, width // MARGIN
    padded = np.pad(images, ((0, 0), (down, down), (right, right), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2))
    tops, lefts = random.integers(2 * down + 1, size=count), random.integers(2 * right + 1, size=count)
    return np.moveaxis(windows[np.arange(count), tops, lefts], 1, -1)


AUGMENTATIONS = {"flip": flip, "crop": crop}


def shuffled(card, split, epoch=0):
    """The training batches of `card`, one for each step of the optimiser, in an order that its seed sets, as they come after
    `epoch` epochs."""
    training = card.training
    disturb = disturbance(card, split)
    return Batches(split, card, training.step_size(), card.seed, training.augmentation, epoch, disturb)


def disturbance(card, split):
    """A function (inputs, random) that gives features noise or replaces tokens as the training of `card` says, or None."""
    training = card.training
    if training.noise:
        deviations = deviations_of(split.inputs)
        return lambda inputs, random: noisy(inputs, deviations, training.noise, random)
    if not training.replaced:
        return None
    if training.mask is not None and training.mask not in split.vocabulary:
        raise InputError(
            f"params.yaml: networks.{card.name}.training.mask is {training.mask!r}, no token of {card.dataset}: name one, or "
            "leave it out."
        )
    mask = None if training.mask is None else split.vocabulary.index(training.mask)
    return lambda inputs, random: replaced(inputs, card.vocabulary, training.replaced, random, mask)


def in_order(card, split):
    """The validation batches of `card`, smaller where inputs or outputs are large."""
    outputs = [*card.input, card.vocabulary] if card.task == "next_token" else card.input
    return Batches(split, card, batch_of(VALIDATION_BATCH, outputs))
