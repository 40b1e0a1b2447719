"""Samples by their class."""

import numpy as np

from drillcore.similarity.representation import Undefined


class Classes:
    """The classes that `labels` (samples) name.

    Attributes
    ----------
    names : array (classes)
        Those that occur, ascending.
    number : int64 array (samples)
        The position of each sample's class in `names`.
    sizes : int64 array (classes)
    shares : float64 array (classes)
    samples : int64 array (samples)
        0, 1, ... to index with.

    Raises
    ------
    Undefined
        If there is one class alone.
    """

    def __init__(self, labels):
        self.names, self.number, self.sizes = np.unique(labels, return_inverse=True, return_counts=True)
        if len(self.names) < 2:
            raise Undefined("one class alone")
        self.shares, self.samples = self.sizes / len(self.number), np.arange(len(self.number))

    def means(self, rows):
        """The mean of the `rows` (samples, directions) of each class, (classes, directions)."""
        members = np.zeros((len(self.names), len(rows)))
        members[self.number, self.samples] = 1 / self.sizes[self.number]
        return members @ rows
