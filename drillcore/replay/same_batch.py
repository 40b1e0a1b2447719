"""The batch of every step once more at the new weights: which gradients change their sign, without the noise of batches."""

import numpy as np

from drillcore.artifacts.gradients import STAYED
from drillcore.recording.recorder import transitions


class SameBatch:
    """Counts how gradients move between bins when their step's batch is taken once more, with the same dropout masks.

    Its rows are `counts` (tensors, bins, bins, crossings), as those of gradients.h5, and `flipped`, the fraction of all
    gradients that change their sign.
    """

    def begin(self, training):
        self.edges, self.found = training.edges, {}

    def before_update(self, step):
        pass

    def after_update(self, step):
        tensors = zip(step.gradients, step.again(), step.before, step.after, strict=True)
        counts = np.array([transitions(*map(np.ravel, arrays), self.edges).counts for arrays in tensors])
        everything = counts.sum(dtype=np.float64)
        flipped = everything - counts[..., STAYED].sum(dtype=np.float64)
        self.found = {"counts": counts, "flipped": flipped / everything if everything else np.nan}

    def rows(self):
        return self.found
