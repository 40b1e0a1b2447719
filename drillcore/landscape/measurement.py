"""The curvature and the gradient noise of a model's loss at its weights, whichever of the two frameworks it is from."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from drillcore.base.errors import InputError
from drillcore.frameworks import NotTwiceDifferentiable, framework_of
from drillcore.landscape.lanczos import lanczos, length, random_start
from drillcore.landscape.noise import Noise, noise_scale
from drillcore.landscape.trace import Estimate, hutchinson

COMPLETE = "complete"
"""The status of what was measured without any gap."""


class Curvature(NamedTuple):
    """What `curvature` measured; NaN where `status` says why it is not known, as of a layer without a second derivative.

    `loss` and `gradient_norm` are of the mean loss. `largest` (k) descending and `smallest` are eigenvalues of its Hessian,
    each no further from a true one than its `residual`, `residuals` (k + 1) in the same order. `trace` is an `Estimate`,
    `noise` a `Noise`. `entries` are by tensor some positions in it, and `diagonal` the Hessian's entries there.
    """

    loss: float
    gradient_norm: float
    largest: NDArray[np.float64]
    smallest: float
    residuals: NDArray[np.float64]
    trace: Estimate
    noise: Noise
    entries: dict[str, NDArray[np.int64]]
    diagonal: dict[str, NDArray[np.float64]]
    status: str


def curvature(
    model: Any,
    loss: Callable[[Any, Any], Any],
    inputs: ArrayLike,
    targets: ArrayLike,
    eigenvalues: int = 3,
    iterations: int = 16,
    probes: int = 8,
    entries: int = 4,
    seed: int = 0,
) -> Curvature:
    """Measure the Hessian and the gradient noise of a model's loss at its weights.

    In evaluation mode: batch norm takes its running statistics and dropout drops nothing. Nothing of the model changes.

    Parameters
    ----------
    model : torch.nn.Module or keras.Model
        Its Hessian is that of all trainable weights.
    loss : function
        The mean over the samples, or one value of each: of outputs and targets in PyTorch, as
        `torch.nn.functional.cross_entropy`; of targets and outputs in Keras, as `keras.losses.MeanSquaredError()`.
    inputs, targets : array_like (n, ...)
        Some samples, two or more, as model and loss take them.
    eigenvalues : int
        How many of the largest are kept: signed, so a negative one of large size is not among them.
    iterations : int
        Of Lanczos; as many vectors of the size of the weights are in memory.
    probes : int
        Of the trace's estimate.
    entries : int
        So many entries of the Hessian's diagonal are computed of each tensor, at random positions.
    seed : int
        Of the positions, of Lanczos' first vector and of the probes.

    Returns
    -------
    Curvature

    Raises
    ------
    InputError
        If no weight is trainable, there are fewer than two samples, or `eigenvalues` is not below `iterations`.

    References
    ----------
    Pearlmutter 1994, "Fast Exact Multiplication by the Hessian"; `lanczos`, `hutchinson` and `noise_scale` have their own.

    Examples
    --------
    >>> import torch
    >>> import drillcore
    >>> model = torch.nn.Linear(2, 1, bias=False)
    >>> inputs = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    >>> found = drillcore.curvature(model, torch.nn.functional.mse_loss, inputs, torch.zeros(2, 1), eigenvalues=1)
    >>> round(float(found.largest[0]), 4), round(found.smallest, 4)
    (4.0, 1.0)
    """
    if len(inputs) < 2 or len(inputs) != len(targets):
        raise InputError(f"{len(inputs)} inputs and {len(targets)} targets: give two or more, as many of each.")
    if not 1 <= eigenvalues < iterations:
        raise InputError(f"eigenvalues is {eigenvalues}, but should be from 1 to below iterations, {iterations}.")
    surface = framework_of(model).surface(model, loss)
    chosen = choose_entries(surface, entries, seed)
    return measure(surface, inputs, targets, chosen, eigenvalues, iterations, probes, seed)


def choose_entries(surface, entries, seed):
    """By tensor of a `Surface` the ascending positions of at most `entries` of its weights, drawn from `seed`."""
    if not surface.shapes:
        raise InputError("None of the model's weights is trainable: there is nothing that its loss is a function of.")
    random = np.random.default_rng(seed)
    sizes = {name: math.prod(shape) for name, shape in surface.shapes.items()}
    return {name: np.sort(random.choice(size, min(entries, size), replace=False)) for name, size in sizes.items()}


def measure(surface, inputs, targets, entries, eigenvalues, iterations, probes, seed):
    """The `Curvature` of a `Surface`; see `curvature`. `entries` are positions by tensor."""
    loss, gradient = surface.gradient(inputs, targets)
    norm, size, dtype = length(gradient), len(gradient), gradient.dtype
    del gradient  # the Hessian takes the memory of several vectors
    noise = noise_scale(surface.squared_norms(inputs, targets), norm)
    hidden = "" if noise.signal > 0 else "the noise of the gradient hides its norm: the noise scale is not known"
    first = {"loss": loss, "gradient_norm": norm, "noise": noise, "entries": entries}
    try:
        if not np.isfinite([loss, norm]).all():
            raise Undefined("the loss or its gradient is not finite")
        hessian = surface.hessian(inputs, targets)
        eigen = spectrum(hessian, size, dtype, eigenvalues, iterations, probes, seed)
        diagonal = dict(zip(entries, hessian.diagonal([*entries.values()]), strict=True))
        return Curvature(**first, **eigen, diagonal=diagonal, status=hidden or COMPLETE)
    except (Undefined, NotTwiceDifferentiable) as reason:
        second = {
            "largest": np.full(eigenvalues, np.nan),
            "smallest": np.nan,
            "residuals": np.full(eigenvalues + 1, np.nan),
            "trace": Estimate(np.nan, np.nan),
            "diagonal": {name: np.full(len(positions), np.nan) for name, positions in entries.items()},
        }
        return Curvature(**first, **second, status=str(reason))


class Undefined(Exception):
    """There are no second derivatives, for a reason."""


def spectrum(hessian, size, dtype, eigenvalues, iterations, probes, seed):
    """What a `Curvature` says of the eigenvalues and the trace of a `Hessian` of `size` weights of a `dtype`."""
    krylov = lanczos(hessian.product, random_start(size, dtype, seed), iterations)
    if not np.isfinite([*krylov.alpha, *krylov.beta]).all():
        raise Undefined("the Hessian is not finite")
    values, residuals = krylov.ritz()
    missing = np.full(max(0, eigenvalues - len(values)), np.nan)
    return {
        "largest": np.concatenate([values[::-1][:eigenvalues], missing]),
        "smallest": float(values[0]),
        "residuals": np.concatenate([residuals[::-1][:eigenvalues], missing, residuals[:1]]),
        "trace": hutchinson(hessian.product, size, probes, seed + 1, krylov),
    }
