"""The trace of a symmetric operator that is known by its products with vectors alone."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from drillcore.base.errors import InputError
from drillcore.landscape.lanczos import Krylov, inner, orthogonalise


class Estimate(NamedTuple):
    """An estimated `value` and its `standard_error`, NaN where a single probe tells nothing of it."""

    value: float
    standard_error: float


def hutchinson(
    product: Callable[[np.ndarray], np.ndarray],
    size: int,
    probes: int = 8,
    seed: int = 0,
    known: Krylov | None = None,
) -> Estimate:
    """Estimate the trace of a symmetric operator H by its products with random signs z: the mean of z^T H z is tr H.

    With `known`, a subspace of which Lanczos has found the exact trace, only the rest is estimated, by the part of z that is
    orthogonal to it. As the subspace does not depend on z, the mean is still tr H; the few eigenvalues that stick out, and
    with them most of the variance, are gone. Hutch++ does so with a subspace of products with random vectors.

    Parameters
    ----------
    product : function
        Maps a vector (n) to H times the vector.
    size : int
        n.
    probes : int
        The number of random vectors and of products.
    seed : int
        Of the signs.
    known : Krylov, optional
        What `lanczos` found of the same operator.

    Returns
    -------
    Estimate
        The value and its standard error over the probes.

    Raises
    ------
    InputError
        If `probes` is less than 1.

    References
    ----------
    Hutchinson 1989, "A stochastic estimator of the trace of the influence matrix for Laplacian smoothing splines"; Meyer,
    Musco, Musco and Woodruff 2021, "Hutch++: Optimal Stochastic Trace Estimation", arXiv 2010.09649.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> drillcore.hutchinson(lambda v: np.array([3.0, 1.0, -5.0]) * v, 3)
    Estimate(value=-1.0, standard_error=0.0)
    """
    if probes < 1:
        raise InputError(f"probes is {probes}, but should be at least 1.")
    random = np.random.default_rng(seed)
    dtype = np.float64 if known is None else known.basis.dtype
    samples = []
    for _ in range(probes):
        bits = np.unpackbits(np.frombuffer(random.bytes(-(-size // 8)), np.uint8), count=size)
        signs = 1 - 2 * bits.astype(dtype)
        if known is not None:
            orthogonalise(signs, known.basis)
        samples.append(inner(signs, np.asarray(product(signs), dtype)))
    exact = 0.0 if known is None else known.alpha.sum()
    error = np.std(samples, ddof=1) / np.sqrt(probes) if probes > 1 else np.nan
    return Estimate(float(exact + np.mean(samples)), float(error))
