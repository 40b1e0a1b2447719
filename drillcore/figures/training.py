"""How a training went: loss, accuracy and F1."""

from collections.abc import Mapping
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from drillcore.artifacts.gradients import Gradients
from drillcore.artifacts.history import History
from drillcore.artifacts.network import LOSSES, Network, read_network
from drillcore.base.errors import InputError
from drillcore.figures.log_axes import log_axis
from drillcore.figures.style import canvas, epoch_axis, epochs_text, legend_beside, styled

TRAIN, VALIDATION = "#0072B2", "#D55E00"
F1 = {"color": "#333333", "lw": 0.9, "linestyle": ":", "marker": "s", "markersize": 6, "markerfacecolor": "none"}
"""How macro F1 is drawn: around the points of accuracy, on which it often lies."""


def figures(folder):
    """Names and functions of the figures of history.csv and gradients.h5 in `folder`, a network's artifacts."""
    yield "training_curves", partial(draw_curves, folder)


def draw_curves(folder):
    """`training_curves` of the files in `folder`."""
    network = read_network(folder / Network.FILE)
    with Gradients(folder / Gradients.FILE) as file:
        losses = file.loss
    history = History(folder / History.FILE)
    subtitle = f"{history.title}, {epochs_text(history['epoch'])}: {recipe(network)}"
    return training_curves(history, losses, subtitle, network.loss)


def drawings(history):
    """Names and functions of the figures of a `History`, with what lies beside it."""
    if (history.path.parent / Network.FILE).exists() and (history.path.parent / Gradients.FILE).exists():
        yield from figures(history.path.parent)
    else:
        subtitle = f"{history.title}, {epochs_text(history['epoch'])}"
        yield "training_curves", partial(training_curves, history, np.zeros(0), subtitle)


def recipe(network):
    """How a network was trained, as text."""
    if network.pretrained:
        return "it came trained, so only its test metrics are known"
    training = network.values["training"]
    return f"{training['optimizer']}, learning rate {training['learning_rate']:g}, batches of {training['batch_size']}"


@styled
def training_curves(
    history: Mapping[str, ArrayLike],
    losses: ArrayLike = (),
    subtitle: str = "",
    loss: str = "cross_entropy",
    title: str = "Training",
) -> Figure:
    """Draw loss, accuracy and F1 by epoch, over the loss of every step.

    What was not recorded, as of a network that came trained, is left out.

    Parameters
    ----------
    history : mapping of str to array_like (epochs)
        The columns of history.csv: epoch, train_loss, train_accuracy, val_loss, val_accuracy, val_f1; NaN where unknown.
    losses : array_like (steps)
        The training loss at every step.
    subtitle : str
        The line below the headline, such as the network and how it was trained.
    loss : str
        Which loss it is: "cross_entropy" or "mse".
    title : str
        The headline.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import drillcore
    >>> history = {name: [0.5, 0.75] for name in ("train_accuracy", "val_accuracy", "val_f1")}
    >>> history |= {"epoch": [1, 2], "train_loss": [1.0, 0.5], "val_loss": [1.1, 0.75]}
    >>> figure = drillcore.figures.training_curves(history, [1.2, 0.9, 0.6, 0.5])
    >>> figure.axes[1].get_ylabel()
    'accuracy, F1'
    """
    losses, epochs = np.asarray(losses, np.float64), history["epoch"]
    if not len(epochs):
        raise InputError(f"{subtitle or 'history'} holds no epoch: train for at least one.")
    handles = [
        Line2D([], [], marker="o", color=VALIDATION, label="test"),
        Line2D([], [], label="test, macro F1", **F1),
    ]
    if np.isfinite(history["train_loss"]).any():
        handles.insert(0, Line2D([], [], marker="o", color=TRAIN, label="training"))
    if len(losses):
        handles.insert(0, Line2D([], [], color="#c4c4c4", lw=0.8, label="loss of each step"))
    figure = canvas(8.4, 2.6, title, subtitle)
    left, right, legend = figure.subplots(1, 3, width_ratios=[1, 1, 0.33])
    # A step's loss is that of the weights before it, an epoch's metrics are drawn at its end.
    left.plot(np.arange(len(losses)) * epochs[-1] / max(1, len(losses)), losses, color="#c4c4c4", lw=0.6)
    for axes, name in ((left, "loss"), (right, "accuracy")):
        axes.plot(epochs, history[f"train_{name}"], marker="o", color=TRAIN)
        axes.plot(epochs, history[f"val_{name}"], marker="o", color=VALIDATION)
    right.plot(epochs, history["val_f1"], **F1)
    left.set_ylabel(LOSSES[loss])
    right.set_ylabel("accuracy, F1")
    for axes in (left, right):
        epoch_axis(axes, [*([0] if len(losses) else []), *epochs])
    if np.nanmax(losses, initial=0) > 0 and np.nanmin(losses, initial=np.inf) > 0:
        log_axis(left.yaxis)
    legend_beside(legend, handles)
    return figure
