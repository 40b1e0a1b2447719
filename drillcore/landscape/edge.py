"""The edge of stability: the sharpness beyond which an optimiser's steps grow."""

import numpy as np

MOMENTUM, FIRST_MOMENT = 0.9, 0.9
"""The decay of momentum, and of Adam's first moment, as the trainings have them."""
OF_HESSIAN = "of the Hessian"
OF_PRECONDITIONED = (
    "of the Hessian preconditioned by Adam's second moment, which is known after epoch 0 where keep_states kept it"
)


def window_edge(optimizer, learning_rates):
    """The edge of stability at each of the `learning_rates` of a window's steps, float64 (steps)."""
    return np.array([edge_of_stability(optimizer, rate)[0] for rate in learning_rates])


def edge_of_stability(optimizer, learning_rate):
    """The largest eigenvalue that a quadratic may have for `optimizer` to be stable on it, and what it is an eigenvalue of.

    2 / lr of gradient descent, 2 (1 + b) / lr of momentum b (Cohen et al. 2021, "Gradient Descent on Neural Networks
    Typically Occurs at the Edge of Stability", arXiv 2103.00065), and (2 + 2 b) / ((1 - b) lr), 38 / lr at b = 0.9, of Adam
    (Cohen et al. 2022, "Adaptive Gradient Methods at the Edge of Stability", arXiv 2207.14484). NaN and "" without an
    optimiser.

    >>> edge_of_stability("momentum", 0.1)
    (38.0, 'of the Hessian')
    >>> round(edge_of_stability("adam", 0.001)[0])
    38000
    """
    if optimizer == "sgd":
        return 2 / learning_rate, OF_HESSIAN
    if optimizer == "momentum":
        return 2 * (1 + MOMENTUM) / learning_rate, OF_HESSIAN
    if optimizer in ("adam", "adamw"):
        return 2 * (1 + FIRST_MOMENT) / ((1 - FIRST_MOMENT) * learning_rate), OF_PRECONDITIONED
    return np.nan, ""
