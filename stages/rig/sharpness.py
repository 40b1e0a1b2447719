"""How sharp the loss is to Adam: where a training kept its second moment."""

import numpy as np

from drillcore.frameworks import NotTwiceDifferentiable
from drillcore.landscape.lanczos import lanczos, random_start
from drillcore.landscape.preconditioned import preconditioned
from stages.rig.frameworks import module
from stages.rig.training.states import load_state, states_of


def preconditioned_sharpness(card, folder, epoch, model, surface, samples, iterations):
    """The largest eigenvalue of the Hessian of the loss over `samples`, inputs and targets, once it is divided as Adam's
    update is, at the weights after `epoch`, which `model` has, by the second moment of the state of that epoch.

    NaN of another optimiser, where the state was not kept in the `folder` of the artifacts, and before the first step.
    """
    path = states_of(folder / "states").get(epoch)
    if path is None or card.pretrained() or card.training.optimizer not in ("adam", "adamw"):
        return np.nan
    divided_by = module(card.framework, "moments").preconditioner(load_state(path), model)
    if divided_by is None:
        return np.nan
    try:
        product = preconditioned(surface.hessian(*samples).product, divided_by)
        return float(lanczos(product, random_start(len(divided_by), np.float32, card.seed), iterations).ritz()[0][-1])
    except NotTwiceDifferentiable:
        return np.nan
