"""How a training went: the loss, and the scores of the task, such as accuracy and F1."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import ArrayLike

from drillcore.artifacts.gradients import Gradients
from drillcore.artifacts.network import Network, loss_label, read_network
from drillcore.artifacts.replicates import histories
from drillcore.base.errors import InputError
from drillcore.figures.log_axes import log_axis
from drillcore.figures.style import canvas, epoch_axis, epochs_text, legend_beside, styled
from drillcore.intervals import LEVEL, t_interval
from drillcore.tasks import FRACTIONS, SCORES, TASKS, task_of

TRAIN, VALIDATION = "#0072B2", "#D55E00"
BAND = 0.22
"""How opaque an interval over seeds is."""
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
    history, *others = histories(folder)
    subtitle = f"{history.title}, {epochs_text(history['epoch'])}: {recipe(network)}"
    return training_curves(history, losses, subtitle, network.loss, others=others)


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
    others: Sequence[Mapping[str, ArrayLike]] = (),
) -> Figure:
    """Draw the loss and the scores of the task by epoch, over the loss of every step.

    What was not recorded, as of a network that came trained, is left out.

    Parameters
    ----------
    history : mapping of str to array_like (epochs)
        The columns of history.csv, of a classifier epoch, train_loss, train_accuracy, val_loss, val_accuracy and val_f1;
        NaN where unknown.
    losses : array_like (steps)
        The training loss at every step.
    subtitle : str
        The line below the headline, such as the network and how it was trained.
    loss : str
        Which loss it is: "cross_entropy" or "mse".
    title : str
        The headline.
    others : sequence of mappings
        The histories of trainings with other seeds: test loss and accuracy then have a band, the 95 % t interval for their
        mean over all seeds.

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
    task = TASKS.get(task_of(history))
    if task is None:
        raise InputError(
            f"history has the columns {', '.join(history)}, which are those of no task: give the whole history."
        )
    if not len(epochs):
        raise InputError(f"{subtitle or 'history'} holds no epoch: train for at least one.")
    panels, handles = panels_of(task), [Line2D([], [], marker="o", color=VALIDATION, label="test")]
    handles += [Line2D([], [], label=f"test, {SCORES[name]}", **F1) for panel in panels[1:2] for name in panel[1:]]
    if np.isfinite(history["train_loss"]).any():
        handles.insert(0, Line2D([], [], marker="o", color=TRAIN, label="training"))
    if others:
        label = f"test, mean over {len(others) + 1} seeds,\n{100 * LEVEL:.0f} % t interval"
        handles.append(Patch(facecolor=VALIDATION, alpha=BAND, label=label))
    if len(losses):
        handles.insert(0, Line2D([], [], color="#c4c4c4", lw=0.8, label="loss of each step"))
    figure = canvas(2.6 + 3.1 * len(panels), 2.6, title, subtitle)
    *drawn, legend = figure.subplots(1, len(panels) + 1, width_ratios=[*[1] * len(panels), 0.42])
    # A step's loss is that of the weights before it, an epoch's metrics are drawn at its end.
    drawn[0].plot(np.arange(len(losses)) * epochs[-1] / max(1, len(losses)), losses, color="#c4c4c4", lw=0.6)
    for axes, (main, *beside) in zip(drawn, panels, strict=True):
        for split, colour in (("train", TRAIN), ("val", VALIDATION)):
            if f"{split}_{main}" in history:
                axes.plot(epochs, history[f"{split}_{main}"], marker="o", color=colour)
        if others:
            draw_band(axes, epochs, [one[f"val_{main}"] for one in (history, *others)])
        for name in beside:
            axes.plot(epochs, history[f"val_{name}"], **F1)
        axes.set_ylabel(
            ", ".join(SCORES.get(name, loss_label(loss)).removeprefix("macro ") for name in (main, *beside))
        )
        epoch_axis(axes, [*([0] if len(losses) else []), *epochs])
    if np.nanmax(losses, initial=0) > 0 and np.nanmin(losses, initial=np.inf) > 0:
        log_axis(drawn[0].yaxis)
    legend_beside(legend, handles)
    return figure


def panels_of(task):
    """What each panel shows: the loss; the score, with others that are fractions too; and each of the rest alone."""
    beside = [name for name in task.others if task.score in FRACTIONS and name in FRACTIONS]
    scored = [[task.score, *beside]] if task.score else []
    return [["loss"], *scored, *([name] for name in task.others if name not in beside)]


def draw_band(axes, epochs, trainings):
    """The interval over seeds of a number of several `trainings`, each (epochs), from epoch to epoch."""
    found = [t_interval(values) for values in np.transpose(trainings)]
    low, high = (np.array([one.mean + sign * one.half for one in found]) for sign in (-1, 1))
    axes.fill_between(epochs, low, high, color=VALIDATION, alpha=BAND, lw=0, zorder=0)
