"""How noisy the gradient of every step's batch is."""

import numpy as np

from drillcore.landscape.noise import noise_scale


class Noise:
    """Measures the gradient of every sample of a step's batch, in evaluation mode, at the weights before the update.

    Its rows are `norms` (batch), NaN behind a batch that is smaller than others, `gradient_norm` of their mean, and
    `variance`, `signal` and `scale` as `drillcore.noise_scale` has them; NaN for a batch of one sample.
    """

    def begin(self, training):
        self.surface, self.batch_size = training.surface, training.batch_size

    def before_update(self, step):
        squares = self.surface.squared_norms(step.inputs, step.targets)
        gradient = self.surface.gradient(step.inputs, step.targets)[1].astype(np.float64)
        norm, norms = float(np.linalg.norm(gradient)), np.full(self.batch_size, np.nan)
        norms[: len(squares)] = np.sqrt(squares)
        known = noise_scale(squares, norm)._asdict() if len(squares) > 1 else {}
        self.found = {"norms": norms, "gradient_norm": norm, "variance": np.nan, "signal": np.nan, "scale": np.nan}
        self.found |= known

    def after_update(self, step):
        pass

    def rows(self):
        return self.found
