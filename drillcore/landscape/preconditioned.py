"""The Hessian as Adam sees it: divided by the root of its second moment."""

from collections.abc import Callable

import numpy as np

BETA_2 = 0.999
"""The decay of Adam's second moment, as the trainings have it."""


def divisor(second_moment: np.ndarray, epsilon: float) -> np.ndarray:
    """What Adam divides by, the diagonal (parameters) of its preconditioner, from its `second_moment` without the bias.

    Infinite where the root of that is not above `epsilon`: weights that get no gradient in training, such as a bias that
    batch norm takes away again, are no part of what Adam sees, though the loss in evaluation mode depends on them.

    >>> import numpy as np
    >>> divisor(np.array([4.0, 0.0]), 1e-8).tolist()
    [2.00000001, inf]
    """
    root = np.sqrt(second_moment.astype(np.float64))
    return np.where(root > epsilon, root + epsilon, np.inf)


def preconditioned(
    product: Callable[[np.ndarray], np.ndarray], preconditioner: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """The product of P^-1/2 H P^-1/2 with a vector, from the `product` of H and the diagonal of P, (parameters).

    It has the eigenvalues of P^-1 H, and is symmetric. With the `divisor` of Adam as P, Adam is stable on a quadratic while
    the largest is below 38 / lr (Cohen et al. 2022, "Adaptive Gradient Methods at the Edge of Stability", arXiv 2207.14484).

    >>> import numpy as np
    >>> H = np.diag([4.0, 9.0])
    >>> preconditioned(lambda v: H @ v, np.array([2.0, 1.0]))(np.ones(2)).tolist()
    [2.0, 9.0]
    """
    root = 1 / np.sqrt(preconditioner.astype(np.float64))

    def divided(vector):
        return root * np.asarray(product((root * vector).astype(vector.dtype)), np.float64)

    return divided
