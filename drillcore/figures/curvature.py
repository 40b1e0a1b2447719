"""How sharp and how noisy the loss is around a network's weights, by epoch."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullLocator, PercentFormatter
from numpy.typing import ArrayLike

from drillcore.artifacts.curvature import CurvatureFile
from drillcore.artifacts.gradients import Gradients
from drillcore.base.arrays import evenly
from drillcore.base.errors import InputError
from drillcore.base.names import printable
from drillcore.colours import SERIES
from drillcore.figures.gradients import CHANCE, REPEATED
from drillcore.figures.style import (
    MOST_NAMED,
    canvas,
    epoch_axis,
    epochs_text,
    inches,
    legend_beside,
    plain,
    styled,
)
from drillcore.landscape.edge import OF_HESSIAN
from drillcore.landscape.verdict import Verdict, sentences, verdict

LARGEST, SMALLEST, EDGE, TRACE, NOISE = "#0072B2", "#D55E00", "#555555", "#117733", "#AA3377"
PRECONDITIONED = "#882255"


def figures(folder):
    """Names and functions of the figures of curvature.h5 in `folder`, a network's artifacts."""
    with CurvatureFile(folder / CurvatureFile.FILE) as file, Gradients(folder / Gradients.FILE) as gradients:
        yield from drawings(file)
        if len(gradients.step()):
            yield "minima_verdict", partial(draw_verdict, gradients, file)


def drawings(file):
    """Names and functions of the figures of `CurvatureFile`."""
    yield "sharpness", partial(draw_sharpness, file)


def draw_sharpness(file):
    """`sharpness` of `CurvatureFile`."""
    names = "largest", "smallest", "residual", "trace", "trace_error", "noise_scale", "preconditioned"
    known = file.edge_of == OF_HESSIAN or np.isfinite(file.array("preconditioned")).any()
    edge = file.array("edge") if known else None
    samples = file.dataset("sample").shape[0]
    subtitle = f"{file.title}, {epochs_text(file.epochs)}: {samples} training samples, in evaluation mode; "
    subtitle += "noise scale: about the batch at which noise and signal of the gradient are equal"
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
        "trace" and its standard "trace_error", and "noise_scale" (E); "preconditioned" (E), if there is one, the largest
        eigenvalue once the Hessian is divided as Adam's update is. NaN where they are not known.
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
    divided = bool(np.isfinite(found.get("preconditioned", np.nan)).any())
    if divided:
        left.plot(epochs, found["preconditioned"], marker="^", linestyle="-", color=PRECONDITIONED)
    if edge is not None and np.isfinite(edge).any():
        left.plot(epochs, edge, linestyle="--", color=EDGE)
    signed_axis(left, "eigenvalue of the Hessian")
    middle.errorbar(epochs, found["trace"], found["trace_error"], marker="o", capsize=2, color=TRACE)
    signed_axis(middle, "trace of the Hessian")
    right.plot(epochs, found["noise_scale"], marker="o", color=NOISE)
    right.set_ylabel("gradient noise scale (samples)")
    right.set_ylim(0, 1.08 * right.dataLim.y1 if np.isfinite(right.dataLim.y1) else None)
    right.set_title(unknown(epochs, found["noise_scale"]))
    for axes in (left, middle, right):
        epoch_axis(axes, epochs)
    legend_beside(legend, handles(count, edge, divided))
    return figure


def unknown(epochs, values):
    """At which of the `epochs` a value is not known, in words; empty where all are."""
    missing = [str(epoch) for epoch, value in zip(epochs, values, strict=True) if not np.isfinite(value)]
    if len(missing) > 5:
        return f"not known at {len(missing)} of {len(epochs)} epochs"
    return f"not known at epoch{'s'[: len(missing) > 1]} {', '.join(missing)}" if missing else ""


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


def handles(count, edge, divided):
    """The legend's entries for so many of the largest eigenvalues, with the `edge` of stability where there is one, and the
    largest eigenvalue that is `divided` as Adam's update is, if it is known."""
    found = [
        Line2D([], [], marker="o", color=LARGEST, label=f"largest eigenvalue{'s'[: count > 1]}"),
        Line2D([], [], marker="s", color=SMALLEST, label="smallest eigenvalue"),
        *[Line2D([], [], marker="^", color=PRECONDITIONED, label="largest, preconditioned\nby Adam's moment")]
        * divided,
        Line2D([], [], linestyle="--", color=EDGE, label="edge of stability"),
        Line2D([], [], marker="o", color=TRACE, label="trace ± standard error"),
        Line2D([], [], marker="o", color=NOISE, label="noise scale"),
    ]
    return found if edge is not None else [handle for handle in found if handle.get_label() != "edge of stability"]


NETWORK = "the network"
GROUPS = (
    "steps over a minimum,\nanother batch",
    "steps over a minimum,\nthe same batch",
    "keeps its sign,\nanother batch",
)

MARKS = {
    "recorded": {"color": SERIES["minima"], "marker": "o", "markersize": 5},
    "chance alone": {"color": CHANCE["color"], "marker": "|", "markersize": 9, "markeredgewidth": 2},
    "another batch": {"color": "#0072B2", "marker": "s", "markersize": 5},
    "the same batch": {"color": REPEATED["color"], "marker": "D", "markersize": 4},
}
"""What the marks of the verdict mean; those that `frac_flip` draws too have its colours."""


def draw_verdict(gradients, file):
    """`minima_verdict` of `Gradients` and `CurvatureFile`."""
    return minima_verdict(verdict(gradients, file), file.title)


@styled
def minima_verdict(
    found: Verdict, name: str = "", title: str = "Are the minima that were stepped over real?"
) -> Figure:
    """Draw the claimed minima against chance, against the same batch, and against the Hessian.

    Parameters
    ----------
    found : Verdict
        What `drillcore.landscape.verdict.verdict` makes of a gradients.h5 and a curvature.h5.
    name : str
        What the line below the headline begins with, such as the network.
    title : str
        The headline.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> from drillcore.landscape.verdict import Verdict
    >>> shares, counts = np.array([0.6, 0.62]), np.array([9, 5, 7])
    >>> found = Verdict(["fc1"], shares, shares - 0.01, shares, np.array([shares, shares / 3]), True, counts, counts + 1)
    >>> figure = drillcore.figures.minima_verdict(found, "net")
    >>> [axes.get_xlabel() for axes in figure.axes]
    ['minima, share of flips', 'flips, share of weights', 'positive diagonal']
    """
    rows = [*evenly(range(len(found.tensors)), MOST_NAMED), len(found.tensors)]
    names = [*map(printable, found.tensors), NETWORK]
    subtitle = ": ".join(filter(None, [name, sentences(found)]))
    figure = canvas(8.2 + max(inches(names[row]) for row in rows), max(2.0, 0.17 * len(rows) + 0.9), title, subtitle)
    left, middle, right = figure.subplots(1, 3, width_ratios=[1, 1, 0.9])
    places = np.arange(len(rows))[::-1]
    pairs = (
        (left, found.minima, found.chance, ("recorded", "chance alone"), "minima, share of flips"),
        (middle, *found.flipped, ("another batch", "the same batch"), "flips, share of weights"),
    )
    for axes, first, second, labels, label in pairs:
        axes.hlines(places, first[rows], second[rows], color="#c4c4c4")
        for values, name in zip((first, second), labels, strict=True):
            axes.plot(values[rows], places, linestyle="", label=name, **MARKS[name])
        axes.set_xlabel(label)
        axes.xaxis.set_major_locator(MaxNLocator(4, min_n_ticks=2))
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
        axes.set_yticks(places, [plain(names[row]) for row in rows] if axes is left else [""] * len(rows))
        axes.grid(True, axis="x")
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, columnspacing=1)
    with np.errstate(invalid="ignore"):
        shares = found.positive / found.counted
    colours = [MARKS["another batch"]["color"], MARKS["the same batch"]["color"], "#bbbbbb"]
    right.barh(range(3)[::-1], np.nan_to_num(shares), color=colours, height=0.6)
    right.set_yticks(range(3)[::-1], GROUPS)
    for place, good, count, colour in zip(range(3)[::-1], found.positive, found.counted, ("w", "w", "k"), strict=True):
        right.text(0.02, place, f"{good} of {count}", va="center", color=colour if good else "k")
    right.set_xlim(0, 1)
    right.set_xticks([0, 0.5, 1])
    right.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    right.set_xlabel("positive diagonal")
    return figure
