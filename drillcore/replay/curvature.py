"""How sharp the loss is at every step, and along it."""

import numpy as np

from drillcore.frameworks import NotTwiceDifferentiable
from drillcore.landscape.lanczos import lanczos, random_start
from drillcore.landscape.preconditioned import preconditioned
from drillcore.recording.threshold import fraction
from drillcore.replay.instrument import joined


class Curvature:
    """Measures the Hessian of the loss over the probe, in evaluation mode, at the weights before every update.

    Its rows are the `loss` of the probe, `largest` (eigenvalues) descending and `smallest` of the Hessian with their
    `residual`, `preconditioned`, the largest eigenvalue once it is divided as Adam's update is, and `along_step`, sum dw dg /
    sum dw^2 with the change dw of the weights and dg of the probe's gradient in the update. NaN where a layer has no second
    derivative, and `preconditioned` where Adam has taken no step.
    """

    def __init__(self, eigenvalues: int = 2, iterations: int = 8, seed: int = 0) -> None:
        self.eigenvalues, self.iterations, self.seed = eigenvalues, iterations, seed

    def begin(self, training):
        self.surface, self.probe = training.surface, training.probe

    def before_update(self, step):
        loss, self.gradient = self.surface.gradient(*self.probe)
        self.found = {"loss": loss, **self.ends(self.surface.hessian, step.preconditioner)}

    def after_update(self, step):
        moved = joined(step.after) - joined(step.before)
        turned = self.surface.gradient(*self.probe)[1].astype(np.float64) - self.gradient
        self.found["along_step"] = float(fraction(np.dot(moved, turned), np.dot(moved, moved)))

    def ends(self, hessian_of, preconditioner):
        """The ends of the spectrum of the Hessian, and the largest eigenvalue of the preconditioned one."""
        count = self.eigenvalues
        found = {"largest": np.full(count, np.nan), "smallest": np.nan, "residual": np.full(count + 1, np.nan)}
        found["preconditioned"] = np.nan
        start = random_start(len(self.gradient), self.gradient.dtype, self.seed)
        try:
            product = hessian_of(*self.probe).product
            values, residuals = lanczos(product, start, self.iterations).ritz()
            if preconditioner is not None:
                divided = lanczos(preconditioned(product, preconditioner), start, self.iterations)
                found["preconditioned"] = float(divided.ritz()[0][-1])
        except NotTwiceDifferentiable:
            return found
        kept = min(count, len(values))
        found["largest"][:kept], found["residual"][:kept] = values[::-1][:kept], residuals[::-1][:kept]
        return found | {"smallest": float(values[0]), "residual": np.append(found["residual"][:-1], residuals[0])}

    def rows(self):
        return self.found
