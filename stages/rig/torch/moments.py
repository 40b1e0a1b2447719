"""Adam's second moment in a state that a training in PyTorch kept."""

import numpy as np

from drillcore.landscape.preconditioned import BETA_2, divisor

EPSILON = 1e-8


def preconditioner(state, model):
    """What Adam divides by, (parameters), in the state of an epoch; None before the first step."""
    moments = state["trainer"]["optimizer"]
    numbers = [str(number) for number, weight in enumerate(model.parameters()) if weight.requires_grad]
    if not state["step"] or not all("exp_avg_sq" in moments.get(number, {}) for number in numbers):
        return None
    found = np.concatenate([moments[number]["exp_avg_sq"].astype(np.float64).ravel() for number in numbers])
    return divisor(found / (1 - BETA_2 ** state["step"]), EPSILON)
