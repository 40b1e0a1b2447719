"""How sharp and how noisy the loss is around a network's weights, by epoch."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator
from numpy.typing import ArrayLike

from drillcore.artifacts.curvature import CurvatureFile
from drillcore.base.errors import InputError
from drillcore.figures.style import canvas, epoch_axis, epochs_text, legend_beside, styled
from drillcore.landscape.edge import OF_HESSIAN

LARGEST, SMALLEST, EDGE, TRACE, NOISE = "#0072B2", "#D55E00", "#555555", "#117733", "#AA3377"


def figures(folder):
    """Names and functions of the figures of curvature.h5 in `folder`, a network's artifacts."""
    with CurvatureFile(folder / CurvatureFile.FILE) as file:
        yield from drawings(file)


def drawings(file):
    """Names and functions of the figures of `CurvatureFile`."""
    yield "sharpness", partial(draw_sharpness, file)


def draw_sharpness(file):
    """`sharpness` of `CurvatureFile`."""
    names = "largest", "smallest", "residual", "trace", "trace_error", "noise_scale"
    edge = file.array("edge") if file.edge_of == OF_HESSIAN else None
    samples = file.dataset("sample").shape[0]
    subtitle = f"{file.title}, {epochs_text(file.epochs)}: {samples} training samples, in evaluation mode"
    return sharpness(file.epochs, {name: file.array(name) for name in names}, edge, subtitle)


@styled
def sharpness(
    epochs: Sequence[int],
    curvature: Mapping[str, ArrayLike],
    edge: ArrayLike | None = None,
    subtitle: str = "",
    title: str = "Curvature and gradient noise",
) -> Figure:
    """Draw the eigenvalues at both ends of the Hessian's spectrum, its trace, and the gradient noise scale, by epoch.

    Parameters
    ----------
    epochs : sequence of int (E)
        The epochs.
    curvature : mapping of str to array_like
        "largest" (E, k) and "smallest" (E), eigenvalues; "residual" (E, k + 1), how far from a true one each may be;
        "trace" and its standard "trace_error", and "noise_scale" (E). NaN where they are not known.
    edge : array_like (E), optional
        The edge of stability, as 2 / learning rate.
    subtitle : str
        The line below the headline, such as the network and on how many samples.
    title : str
        The headline.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        If there is no epoch.

    Examples
    --------
    >>> import drillcore
    >>> found = {"largest": [[3.0], [9.0]], "smallest": [-1.0, -0.5], "residual": [[0.1, 0.2], [0.1, 0.1]]}
    >>> found |= {"trace": [20.0, 30.0], "trace_error": [2.0, 1.0], "noise_scale": [50.0, 80.0]}
    >>> figure = drillcore.figures.sharpness([0, 1], found, edge=[20.0, 20.0])
    >>> figure.axes[0].get_ylabel()
    'eigenvalue of the Hessian'
    """
    if not len(epochs):
        raise InputError("no epochs to draw: give the curvature of at least one.")
    found = {name: np.asarray(values, np.float64) for name, values in curvature.items()}
    figure = canvas(9.0, 2.6, title, subtitle)
    left, middle, right, legend = figure.subplots(1, 4, width_ratios=[1, 1, 1, 0.75])
    count = found["largest"].shape[1]
    for number in range(count):
        fade = {"color": LARGEST, "alpha": 1 - 0.6 * number / count}
        left.errorbar(epochs, found["largest"][:, number], found["residual"][:, number], marker="o", capsize=2, **fade)
    left.errorbar(epochs, found["smallest"], found["residual"][:, -1], marker="s", capsize=2, color=SMALLEST)
    if edge is not None and np.isfinite(edge).any():
        left.plot(epochs, edge, linestyle="--", color=EDGE)
    signed_axis(left, "eigenvalue of the Hessian")
    middle.errorbar(epochs, found["trace"], found["trace_error"], marker="o", capsize=2, color=TRACE)
    signed_axis(middle, "trace of the Hessian")
    right.plot(epochs, found["noise_scale"], marker="o", color=NOISE)
    right.set_ylabel("gradient noise scale (samples)")
    right.set_ylim(bottom=0)
    for axes in (left, middle, right):
        epoch_axis(axes, epochs)
    legend_beside(legend, handles(count, edge))
    return figure


def signed_axis(axes, label):
    """Of values of either sign: where they differ by orders of magnitude, linear up to 1 and logarithmic beyond."""
    axes.axhline(0, color="#8c8c8c", lw=0.6)
    axes.set_ylabel(label)
    low, high = axes.dataLim.intervaly
    if np.isfinite([low, high]).all() and max(-low, high) > 10:
        powers = 10.0 ** np.arange(np.ceil(np.log10(max(-low, high))) + 1)
        axes.set_yscale("asinh", linear_width=0.5)
        axes.set_yticks([*-powers[::-1], 0, *powers], minor=False)
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter("{x:,.6g}")
        axes.set_ylim(1.6 * low - 0.1, 1.6 * high)


def handles(count, edge):
    """The legend's entries for so many of the largest eigenvalues, with the `edge` of stability where there is one."""
    found = [
        Line2D([], [], marker="o", color=LARGEST, label=f"largest eigenvalue{'s'[: count > 1]}"),
        Line2D([], [], marker="s", color=SMALLEST, label="smallest eigenvalue"),
        Line2D([], [], linestyle="--", color=EDGE, label="edge of stability"),
        Line2D([], [], marker="o", color=TRACE, label="trace ± standard error"),
        Line2D([], [], marker="o", color=NOISE, label="noise scale"),
    ]
    return found if edge is not None else [handle for handle in found if handle.get_label() != "edge of stability"]
