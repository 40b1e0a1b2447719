"""How much every unit of a layer answers, over all of its units and samples, streamed."""

import numpy as np


class Activity:
    """Sums of the absolute outputs of every unit, and counts of those that are exactly zero, by layer."""

    def __init__(self):
        self.sums, self.zeros, self.samples = {}, {}, 0

    def add(self, totals, samples):
        """Add the `totals` of a batch of so many `samples`: by layer the sums (units) and the number of zeros."""
        self.samples += samples
        for layer, (sums, zeros) in totals.items():
            self.sums[layer] = self.sums.get(layer, 0.0) + np.asarray(sums, np.float64)
            self.zeros[layer] = self.zeros.get(layer, 0) + zeros

    def __iter__(self):
        return iter(self.sums)

    def means(self, layer):
        """The mean absolute output of every unit of `layer`, float64 (units)."""
        return self.sums[layer] / self.samples

    def zero_fraction(self, layer):
        """The fraction of the outputs of `layer`, of all units and samples, that are exactly zero."""
        return self.zeros[layer] / (self.samples * len(self.sums[layer]))
