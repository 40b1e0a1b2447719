"""Eigenvalues at both ends of a symmetric operator's spectrum, by Lanczos' iteration with full reorthogonalisation."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drillcore.base.errors import InputError

BLOCK = 1 << 13
"""So many entries of vectors are taken at a time, and stay in the processor's cache; their sums are added in float64."""

CANCELLED = 0.7
"""A vector of which less is left is made orthogonal once more, as Daniel, Gragg, Kaufman and Stewart 1976 do."""
ROUNDING = 100
"""What a product has outside the basis is rounding if it is at most so many units in the last place of the largest one."""


class Krylov(NamedTuple):
    """What Lanczos' iteration found of a symmetric operator H.

    `basis` (steps, n) has orthonormal rows Q, `alpha` (steps) and `beta` (steps) are the diagonal of T = Q H Q^T and what
    is below it; the last of `beta` is the norm of what H Q^T has outside the basis.
    """

    basis: np.ndarray
    alpha: NDArray[np.float64]
    beta: NDArray[np.float64]

    def ritz(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The Ritz values, ascending, and of each the `residual`: an eigenvalue of H is no further from it than that.

        Parlett 1980, "The Symmetric Eigenvalue Problem", section 13.2: the norm of H y - t y is beta_m abs(s_m).
        """
        values, vectors = np.linalg.eigh(np.diag(self.alpha) + np.diag(self.beta[:-1], 1) + np.diag(self.beta[:-1], -1))
        return values, self.beta[-1] * np.abs(vectors[-1])


def lanczos(product: Callable[[np.ndarray], np.ndarray], start: np.ndarray, iterations: int = 16) -> Krylov:
    """Run Lanczos' iteration on a symmetric operator.

    Every new vector is made orthogonal to all before it, and once more where little is left of it: without that, eigenvalues
    that have converged come back as copies. It ends sooner where the vectors span all that the operator reaches from `start`.
    Vectors keep the type of `start`; sums over blocks of them are in float64.

    Parameters
    ----------
    product : function
        Maps a vector (n) of the type of `start` to the operator's product with it.
    start : float32 or float64 array (n)
        A random vector that is not zero; the basis has its type.
    iterations : int
        At most so many products; as many vectors are in memory.

    Returns
    -------
    Krylov

    Raises
    ------
    InputError
        If `start` is zero or not finite, or `iterations` is less than 1.

    References
    ----------
    Lanczos 1950, "An iteration method for the solution of the eigenvalue problem of linear differential and integral
    operators"; Golub and Van Loan 2013, "Matrix Computations", section 10.3.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> matrix = np.diag([3.0, 1.0, -5.0])
    >>> values, residuals = drillcore.lanczos(lambda v: matrix @ v, np.ones(3), 3).ritz()
    >>> values.round(6).tolist()
    [-5.0, 1.0, 3.0]
    """
    start = np.asarray(start)
    norm = length(start)
    if iterations < 1 or not 0 < norm < np.inf:
        raise InputError(
            f"iterations is {iterations} and the norm of start {norm:g}: both should be positive and finite."
        )
    steps, largest = min(iterations, len(start)), 0.0
    basis, alpha, beta = np.empty((steps, len(start)), start.dtype), [], []
    np.divide(start, norm, out=basis[0])
    del start  # a vector less while the operator works
    for step in range(steps):
        image = np.array(product(basis[step]), basis.dtype)
        largest = max(largest, size := length(image))
        inside = orthogonalise(image, basis[: step + 1])
        beta.append(length(image))
        if beta[-1] < CANCELLED * size:
            inside += orthogonalise(image, basis[: step + 1])
            beta[-1] = length(image)
        alpha.append(inside[step])
        if not beta[-1] > ROUNDING * np.finfo(basis.dtype).eps * largest or step + 1 == steps:
            break
        np.divide(image, beta[-1], out=basis[step + 1])
    return Krylov(basis[: len(alpha)], np.array(alpha), np.array(beta))


def random_start(size: int, dtype: np.dtype, seed: int) -> np.ndarray:
    """A vector (size) of standard normal numbers drawn from `seed`, for `lanczos` to start from."""
    return np.random.default_rng(seed).standard_normal(size).astype(dtype)


def orthogonalise(vector: np.ndarray, basis: np.ndarray) -> NDArray[np.float64]:
    """Take from `vector`, in place, its parts along the rows of an orthonormal `basis`; returns their lengths."""
    blocks = blocks_of(vector)
    lengths = np.sum([basis[:, block] @ vector[block] for block in blocks], 0, np.float64)
    parts = lengths.astype(vector.dtype)
    for block in blocks:
        vector[block] -= parts @ basis[:, block]
    return lengths


def inner(one: np.ndarray, other: np.ndarray) -> float:
    """The inner product of two vectors (n)."""
    doubled = ((one[block].astype(np.float64), other[block].astype(np.float64)) for block in blocks_of(one))
    return float(sum(np.dot(*pair) for pair in doubled))


def length(vector: np.ndarray) -> float:
    """The norm of a vector (n)."""
    return float(np.sqrt(inner(vector, vector)))


def blocks_of(vector: np.ndarray) -> list[slice]:
    """The slices of BLOCK entries that make up a vector."""
    return [slice(begin, begin + BLOCK) for begin in range(0, len(vector), BLOCK)]
