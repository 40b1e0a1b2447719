"""Adam's second moment in a state that a training in Keras kept."""

import numpy as np

from drillcore.frameworks.keras import keras
from drillcore.landscape.preconditioned import BETA_2, divisor

EPSILON = 1e-7


def preconditioner(state, model):
    """What Adam divides by, (parameters), in the state of an epoch; None before the first step.

    Keras adds its epsilon before it takes out the bias.
    """
    if not state["step"]:
        return None
    adam = keras.optimizers.Adam()
    adam.build(model.trainable_variables)
    numbers = [[id(variable) for variable in adam.variables].index(id(moment)) for moment in adam._velocities]
    found = np.concatenate([state["optimizer"][str(number)].astype(np.float64).ravel() for number in numbers])
    bias = 1 - BETA_2 ** state["step"]
    return divisor(found / bias, EPSILON / np.sqrt(bias))
