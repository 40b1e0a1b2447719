"""A window of a training, lived through once more: what instruments measured, step by step."""

from collections.abc import Mapping
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter
from numpy.typing import ArrayLike

from drillcore.artifacts.replay import ReplayFile
from drillcore.base.errors import InputError
from drillcore.figures.curvature import EDGE, LARGEST, NOISE, PRECONDITIONED, signed_axis
from drillcore.figures.gradients import REPEATED
from drillcore.figures.log_axes import log_axis
from drillcore.figures.scalars import CURVATURE, NORMS
from drillcore.figures.step_axes import positive, step_axis, step_panels
from drillcore.figures.style import legend_beside, styled
from drillcore.landscape.edge import window_edge

LOSS, PROBE = "#333333", "#56B4E9"
GRADIENT, UPDATE = NORMS["gradient_norm"][1], NORMS["update_norm"][1]
PANELS = {
    "loss": ({"loss": ("loss of the step's batch", LOSS), "curvature/loss": ("loss of the probe", PROBE)}, "loss"),
    "norms": (
        {
            "gradient_norm": ("gradient of the step", GRADIENT),
            "noise/gradient_norm": ("of its batch, in evaluation mode", NOISE),
            "update_norm": ("update", UPDATE),
        },
        "norm",
    ),
    "sharpness": (
        {
            "curvature/largest": ("largest eigenvalue", LARGEST),
            "curvature/preconditioned": ("largest, preconditioned", PRECONDITIONED),
            "edge": ("edge of stability", EDGE),
        },
        "eigenvalue",
    ),
    "along": ({"curvature/along_step": ("curvature along the step", CURVATURE)}, "curvature along the step"),
    "noise": ({"noise/scale": ("gradient noise scale", NOISE)}, "noise scale (samples)"),
    "flips": ({"same_batch/flipped": ("flips with the same batch", REPEATED["color"])}, "share of gradients"),
}
"""The panels in order: of each its lines, by what they draw, each with its name and colour, and what is along y."""
SIGNED = {"sharpness", "along"}


def figures(path):
    """The name and function of the figure of the replay at `path`."""
    with ReplayFile(path) as file:
        yield from drawings(file)


def drawings(file):
    """The name and function of the figure of a `ReplayFile`."""
    known = {name for lines, _ in PANELS.values() for name in lines} & set(file)
    measured = {name: file[name][()] for name in known}
    if "curvature/largest" in measured:
        measured["curvature/largest"] = measured["curvature/largest"][:, 0]
        measured["edge"] = window_edge(file.optimizer, file["learning_rate"][()])
    step, epoch = file.step, file.epoch
    starts = step[1:][np.diff(epoch) > 0]
    subtitle = f"{file.title}, steps {step[0]} to {step[-1]}, {file.proof}"
    yield "replay", partial(replay, step, measured, starts, subtitle)


@styled
def replay(
    step: ArrayLike,
    measured: Mapping[str, ArrayLike],
    starts: ArrayLike = (),
    subtitle: str = "",
    title: str = "A window of the training once more",
) -> Figure:
    """Draw loss, norms, sharpness beside its edge, curvature along the step, noise and flips over the steps of a replay.

    Parameters
    ----------
    step : int array (steps)
        The numbers of the steps.
    measured : mapping of str to array_like (steps)
        "loss", "gradient_norm", "update_norm", "noise/gradient_norm", "curvature/loss", "curvature/largest",
        "curvature/preconditioned", "curvature/along_step", "noise/scale", "same_batch/flipped" and "edge", the edge of
        stability; what is missing is not drawn.
    starts : int array
        The first steps of epochs, where a line is drawn.
    subtitle : str
        The line below the headline, such as the network and the window.
    title : str
        The headline.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        If nothing that can be drawn was measured.

    Examples
    --------
    >>> import drillcore
    >>> measured = {"loss": [0.5, 2.0, 0.7], "curvature/largest": [9.0, 40.0, 30.0], "edge": [20.0, 20.0, 20.0]}
    >>> figure = drillcore.figures.replay([100, 101, 102], measured)
    >>> [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()]
    ['loss', 'eigenvalue']
    """
    panels = {
        name: {key: look for key, look in lines.items() if np.isfinite(np.asarray(measured.get(key, ()), float)).any()}
        for name, (lines, _) in PANELS.items()
    }
    panels = {name: lines for name, lines in panels.items() if lines and set(lines) != {"edge"}}
    if not panels:
        raise InputError(f"nothing that can be drawn was measured: give one or more of {', '.join(known_names())}.")
    rows = -(-len(panels) // 2)
    figure, grid, legend = step_panels(rows, title, subtitle, share=False)
    places, handles = [axes for row in grid for axes in row], [[] for _ in range(rows)]
    for number, (name, lines) in enumerate(panels.items()):
        axes = places[number]
        for key, (text, colour) in lines.items():
            look = {
                "color": colour,
                "linestyle": "--" if key == "edge" else "-",
                "marker": "" if key == "edge" else "o",
            }
            values = np.asarray(measured[key], np.float64)
            axes.plot(step, positive(values) if name == "norms" else values, **look, lw=0.9)
            handles[number // 2].append(Line2D([], [], label=text, **look))
        step_axis(axes, starts)
        axes.set_xlim(step[0] - 0.5, step[-1] + 0.5)
        if name in SIGNED:
            signed_axis(axes, PANELS[name][1])
        axes.set_ylabel(PANELS[name][1])
        if name == "norms":
            log_axis(axes.yaxis)
        if name == "flips":
            axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    for axes in places[len(panels) :]:
        axes.axis("off")
    for row, entries in enumerate(handles):
        legend_beside(legend(row), entries)
    return figure


def known_names():
    """What can be drawn."""
    return [key for lines, _ in PANELS.values() for key in lines]
