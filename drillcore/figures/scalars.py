"""The step scalars of a training: how long gradient, weights and update are, and how gradients follow upon each other."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from drillcore.artifacts.gradients import SCALARS, Gradients
from drillcore.artifacts.network import Network, read_network
from drillcore.figures.log_axes import log_axis
from drillcore.figures.step_axes import divided, positive, step_axis, step_panels
from drillcore.figures.style import epochs_text, legend_beside, number, styled
from drillcore.landscape.edge import edge_of_stability
from drillcore.recording.scalars import over_network

NORMS = {
    "weight_norm": ("weights", "#333333"),
    "gradient_norm": ("gradient", "#0072B2"),
    "update_norm": ("update", "#D55E00"),
}
RATIO, COSINE, CURVATURE = "#009E73", "#CC79A7", "#8c6d00"


def figures(folder):
    """The name and function of the figure of gradients.h5 in `folder`, a network's artifacts."""
    with Gradients(folder / Gradients.FILE) as file:
        yield from drawings(file)


def drawings(file):
    """The name and function of the figure of `Gradients`; none where no step or no scalars were recorded."""
    step, epoch = file.step(), file.epoch()
    if len(step) and file.has_null:
        values = np.stack([found[()] for found in file.scalars.values()], -1)
        scalars = dict(zip(SCALARS, over_network(values, step).T, strict=True))
        subtitle = f"{file.title}, {epochs_text(epoch)}"
        yield "step_scalars", partial(step_scalars, step, scalars, file.epoch_starts, edge_beside(file.path), subtitle)


def edge_beside(path):
    """`edge_of` the network whose card is beside the file at `path`, or None."""
    card = path.with_name(Network.FILE)
    return edge_of(read_network(card)) if card.exists() else None


def edge_of(network):
    """The edge of stability of a `Network` that plain gradient descent trained at a constant rate, or None."""
    training = network.values.get("training") or {}
    plain = training.get("optimizer") == "sgd" and training.get("schedule") == "constant"
    plain &= training.keys().isdisjoint({"warmup", "weight_decay", "clip"})  # which a card holds where they are set
    return edge_of_stability("sgd", training["learning_rate"])[0] if plain and not network.pretrained else None


@styled
def step_scalars(
    step: ArrayLike,
    scalars: Mapping[str, ArrayLike],
    starts: Sequence[int],
    edge: float | None = None,
    subtitle: str = "",
    title: str | None = None,
) -> Figure:
    """Draw norms, the ratio of update to weights, the cosine of successive gradients and the curvature along the step.

    Parameters
    ----------
    step : int array (steps)
        The numbers of the recorded steps.
    scalars : mapping
        By name arrays (steps), over all parameters: gradient_norm, weight_norm, update_norm, gradient_cosine,
        curvature_along_step.
    starts : sequence of int
        The first step of each epoch but the first, where a line is drawn.
    edge : float, optional
        The curvature above which the optimiser is unstable, 2 / learning rate of plain gradient descent (Cohen et al. 2021,
        arXiv 2103.00065).
    subtitle : str
        The line below the headline, such as the network and its epochs.
    title : str, optional
        The headline, by default one that names the figure.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> names = "gradient_norm", "weight_norm", "update_norm", "gradient_cosine", "curvature_along_step"
    >>> figure = drillcore.figures.step_scalars(np.arange(2, 6), dict.fromkeys(names, np.ones(4)), [4], edge=20)
    >>> figure.axes[3].get_ylabel()
    'curvature along the step'
    """
    figure, ((norms, ratio), (cosine, curvature)), legend = step_panels(
        2, title or "Norms, cosine and curvature, step by step", subtitle, share=False
    )
    for name, (_, colour) in NORMS.items():
        norms.plot(step, positive(np.asarray(scalars[name])), color=colour, lw=0.9)
    updates = divided(scalars["update_norm"], scalars["weight_norm"])
    ratio.plot(step, positive(updates), color=RATIO, lw=0.9)
    cosine.plot(step, scalars["gradient_cosine"], color=COSINE, lw=0.9)
    curvature.plot(step, scalars["curvature_along_step"], color=CURVATURE, lw=0.9)
    for axes, text in [
        (norms, "norm"),
        (ratio, "update / weights"),
        (cosine, "cosine of successive\ngradients"),
        (curvature, "curvature along the step"),
    ]:
        step_axis(axes, starts)
        axes.set_ylabel(text)
    for axes in (norms, ratio):
        log_axis(axes.yaxis)
    for axes in (cosine, curvature):
        axes.axhline(0, color="#555555", lw=0.6)
    if not np.isfinite(scalars["gradient_cosine"]).any():
        say_unknown(cosine, np.asarray(step))
        cosine.set_xlim(norms.get_xlim())
    handles = [Line2D([], [], color=colour, label=text) for text, colour in NORMS.values()]
    legend_beside(legend(0), handles)
    if edge is not None:
        curvature.axhline(edge, color="#D55E00", lw=0.9, linestyle="--")
        label = f"edge of stability,\n2 / learning rate = {number(edge)}"
        legend_beside(legend(1), [Line2D([], [], color="#D55E00", linestyle="--", label=label)])
    return figure


def say_unknown(axes, step):
    """Say in the panel of cosines why no recorded `step` has one over all parameters."""
    alone = (np.diff(step) != 1).all()
    why = "no two successive steps\nwere recorded" if alone else "gradients are zero or not finite"
    text = axes.text(0.5, 0.75, f"not known: {why}", transform=axes.transAxes, ha="center", va="center")
    text.set_bbox({"facecolor": "white", "edgecolor": "none"})
    axes.set_ylim(-1, 1)
