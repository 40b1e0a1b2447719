"""Which samples a network learns easily, which it is torn about, and whose labels are likely wrong."""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from drillcore.artifacts.dataset import kind_of
from drillcore.artifacts.network import Network, read_network
from drillcore.artifacts.predictions import CROSS_ENTROPY, NUMBERS, SQUARED_ERROR, Predictions
from drillcore.base.arrays import evenly
from drillcore.base.errors import InputError
from drillcore.base.names import printable
from drillcore.figures.style import canvas, epochs_text, plain, styled
from drillcore.residuals import OUTLYING, Errors
from drillcore.samples import COMPLETE, ONE_EPOCH, Dynamics

MOST_POINTS, ROWS, COLUMNS, LONGEST = 5000, 2, 3, 10
"""So many samples are drawn, of each corner so many images, and of a class's name so many letters."""
CORNERS = {"easy": "#0072B2", "suspect": "#D55E00", "ambiguous": "#AA3377"}
SAID = {
    "easy": "learned easily: most confident",
    "suspect": "label likely wrong: lowest margin",
    "ambiguous": "ambiguous: most variable",
}
CORNERS_OF_ERRORS = {
    NUMBERS: {
        "easy": "answered best: least mean error",
        "suspect": "target likely wrong: largest residual",
        "ambiguous": "most variable error",
    },
    "losses": {
        "easy": "answered best: least mean loss",
        "suspect": "hardest: largest mean loss",
        "ambiguous": "most variable loss",
    },
}
TITLES = {
    NUMBERS: "Which samples are answered well, and whose targets are likely wrong",
    "losses": "Which samples are answered well, and which are hard",
}
MEASURED = {
    NUMBERS: "absolute error",
    CROSS_ENTROPY: "cross-entropy (nats a token)",
    SQUARED_ERROR: "squared error",
}
"""By what a predictions.h5 holds, what its errors are called."""


class Corner(NamedTuple):
    """Samples at a corner of the map.

    Parameters
    ----------
    points : int array (k)
        Their positions among the map's points.
    images : uint8 array (k, height, width, channels), or None
        Their images, of one or three channels; None of samples that are no images, of which the texts alone are shown.
    texts : list of str (k)
        What is said of each.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> corner = drillcore.figures.Corner(np.array([3]), np.zeros((1, 8, 8, 1), np.uint8), ["7"])
    >>> corner.images.shape
    (1, 8, 8, 1)
    """

    points: np.ndarray
    images: np.ndarray | None
    texts: list[str]


def figures(folder):
    """Names and functions of the figures of predictions.h5 in `folder`, a network's artifacts."""
    with Predictions(folder / Predictions.FILE) as file:
        yield from drawings(file)


def drawings(file):
    """Names and functions of the figures of `Predictions`: none of a single trained epoch, which has no variability, and of
    outputs that are no answers."""
    if len(file.trained_epochs(untrained_of(file))) > 1:
        yield "sample_map", partial(draw_map if file.classes else draw_error_map, file)


def untrained_of(file):
    """The epoch from before training, as the card beside the file says, 0 without one."""
    card = file.path.parent / Network.FILE
    return read_network(card).untrained_epoch if card.exists() else 0


def draw_map(file, split="train"):
    """`sample_map` of one split of `Predictions`."""
    untrained = untrained_of(file)
    found, epochs, classes = file.dynamics(split, untrained), file.trained_epochs(untrained), file.classes
    labels, (sample, images) = file.labels(split), file.shown(split)
    names = [shortened(printable(name)) for name in classes]
    pictured = kind_of(images) == "images"

    def said(one, asked):
        head, mark = ("", "\n") if pictured else (f"{one:,}: ", " ")
        return f"{head}{names[labels[one]]}" + (f"{mark}or {names[found.likely[one]]}?" if asked else "")

    corners = {
        "easy": corner(sample, images, np.argsort(-found.confidence, kind="stable"), partial(said, asked=False)),
        "suspect": corner(sample, images, found.suspects(), partial(said, asked=True)),
        "ambiguous": corner(sample, images, np.argsort(-found.variability, kind="stable"), partial(said, asked=True)),
    }
    wrong = np.count_nonzero(found.area < 0)
    kind = "training" if split == "train" else "test"
    subtitle = (
        f"{file.title}, {len(epochs)} stored {epochs_text(epochs)}: {wrong:,} of {len(labels):,} {kind} samples score higher "
        f"for another class than for their label, on average; with random labels {100 - 100 / len(classes):.0f} % would"
    )
    return sample_map(found, len(classes), corners, subtitle)


def corner(sample, images, order, said):
    """The `Corner` of the first in `order` of the samples `sample` whose `images` are kept; `said` says what each is."""
    chosen = [np.flatnonzero(sample == one)[0] for one in order if one in sample][: ROWS * COLUMNS]
    pictured = kind_of(images) == "images"
    return Corner(sample[chosen], images[chosen] if pictured else None, [said(one) for one in sample[chosen]])


def draw_error_map(file, split="train"):
    """`error_map` of one split of `Predictions` of a regression, of the next token or of a reconstruction."""
    untrained = untrained_of(file)
    found, epochs = file.dynamics(split, untrained), file.trained_epochs(untrained)
    sample, images = file.shown(split)
    numbers = file.outputs == NUMBERS
    known = NUMBERS if numbers and np.isfinite(found.standardised).any() else "losses"
    targets, outputs = (file.targets(split), file.at(split)) if numbers else (None, None)
    line = "\n" if kind_of(images) == "images" else " "

    several = numbers and targets.shape[1] > 1

    def said(one):
        if not numbers:
            return f"{one:,}:{line}{found.mean[one]:.3g}"
        which = f", #{found.number[one] + 1}" if several else ""
        target, output = targets[one, found.number[one]], outputs[one, found.number[one]]
        return f"{one:,}{which}:{line}{target:.4g}, answered {output:.4g}"

    orders = {"easy": np.argsort(found.mean, kind="stable"), "suspect": found.suspects()}
    orders["ambiguous"] = np.argsort(-np.nan_to_num(found.variability), kind="stable")
    corners = {name: corner(sample, images, order, said) for name, order in orders.items()}
    kind = "training" if split == "train" else "test"
    subtitle = f"{file.title}, {len(epochs)} stored {epochs_text(epochs)}: {len(found.mean):,} {kind} samples"
    if known == NUMBERS:
        count = np.count_nonzero(np.abs(found.standardised) > OUTLYING)
        subtitle += f", {count:,} with a standardised residual beyond {OUTLYING} (0.05 % of normal errors)"
    if several:
        subtitle += f"; # is which of {targets.shape[1]} numbers is furthest off"
    shown = found, MEASURED[file.outputs], file.constant(split), corners, subtitle, CORNERS_OF_ERRORS[known]
    return error_map(*shown, title=TITLES[known])


@styled
def error_map(
    found: Errors,
    measure: str = "absolute error",
    constant: float | None = None,
    corners: Mapping[str, Corner] | None = None,
    subtitle: str = "",
    said: Mapping[str, str] | None = None,
    title: str = TITLES[NUMBERS],
) -> Figure:
    """Draw how far each sample's answer was off, on average over the training, against how much that varied.

    Parameters
    ----------
    found : Errors
        What `drillcore.sample_errors` returns.
    measure : str
        What the error is called.
    constant : float, optional
        The mean error of an answer that is always the same: what chance alone gives.
    corners : mapping of str to Corner, optional
        Samples that are "easy", "suspect" and "ambiguous", to be ringed and shown beside the map.
    subtitle : str
        The line below the headline, such as the network and its epochs.
    said : mapping of str to str, optional
        What is said above each of the corners.
    title : str
        The headline.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        If the variability is not known, as of a single epoch.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> random = np.random.default_rng(0)
    >>> found = drillcore.sample_errors(random.normal(size=(3, 20)), random.normal(size=20))
    >>> drillcore.figures.error_map(found).axes[0].get_xlabel()
    'variability (standard deviation over epochs)'
    """
    if found.status == ONE_EPOCH:
        raise InputError(f"{found.status}: store the network after two epochs or more.")
    said = said or CORNERS_OF_ERRORS[NUMBERS]
    figure, axes, spaces = framed(corners, title, subtitle)
    kept = evenly(range(len(found.mean)), MOST_POINTS)
    signed = np.isfinite(found.standardised).any()
    values = (found.standardised if signed else found.error)[kept]
    limits = {"vmin": -OUTLYING, "vmax": OUTLYING, "cmap": "PuOr"} if signed else {"cmap": "viridis_r"}
    points = axes.scatter(
        found.variability[kept],
        found.mean[kept],
        c=values,
        s=9,
        linewidths=0.2,
        edgecolors="#555555",
        rasterized=True,
        **limits,
    )
    label = "standardised residual (target - answer)" if signed else f"{measure} at the last epoch"
    figure.colorbar(points, ax=axes, label=label, fraction=0.05, pad=0.02, extend="both" if signed else "neither")
    if constant is not None:
        axes.axhline(constant, color="#333333", lw=0.9, linestyle=":", label="always the same answer")
        axes.legend(loc="lower right")
    axes.set_xlabel("variability (standard deviation over epochs)")
    axes.set_ylabel(f"mean {measure} over epochs")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.grid(True)
    draw_corners(axes, spaces, (found.variability, found.mean), corners or {}, said)
    return figure


def shortened(name):
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"


@styled
def sample_map(
    found: Dynamics,
    classes: int,
    corners: Mapping[str, Corner] | None = None,
    subtitle: str = "",
    title: str = "Which samples are learned easily, and whose labels are likely wrong",
) -> Figure:
    """Draw how surely each sample's label was predicted against how much that varied over the training.

    The map of Swayamdipta et al. 2020, arXiv 2009.10795, with samples at its corners.

    Parameters
    ----------
    found : Dynamics
        What `drillcore.sample_dynamics` returns.
    classes : int
        The number of classes, of which a guess is right by chance once.
    corners : mapping of str to Corner, optional
        Samples that are "easy", "suspect" and "ambiguous", to be ringed and shown beside the map.
    subtitle : str
        The line below the headline, such as the network and its epochs.
    title : str
        The headline.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        If the variability is not known, as of a single epoch.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> outputs = np.random.default_rng(0).normal(size=(3, 20, 2))
    >>> figure = drillcore.figures.sample_map(drillcore.sample_dynamics(outputs, [0, 1] * 10), 2)
    >>> figure.axes[0].get_xlabel()
    'variability (standard deviation over epochs)'
    """
    if found.status != COMPLETE:
        raise InputError(f"{found.status}: store the network after two epochs or more.")
    figure, axes, spaces = framed(corners, title, subtitle)
    draw_points(figure, axes, found)
    draw_limits(axes, classes)
    draw_corners(axes, spaces, (found.variability, found.confidence), corners or {}, SAID)
    return figure


def framed(corners, title, subtitle):
    """The figure, the axes of its map, and by name the space of each of the `corners` beside it."""
    figure = canvas(9.8 if corners else 4.6, 3.7, title, subtitle)
    if not corners:
        return figure, figure.add_subplot(figure.add_gridspec(1, 1)[0]), {}
    left, middle, right = figure.add_gridspec(1, 3, width_ratios=[1, 1.75, 1])
    easy, suspect = left.subgridspec(2, 1)
    spaces = {"easy": easy, "suspect": suspect, "ambiguous": right.subgridspec(3, 1, height_ratios=[1, 2, 1])[1]}
    return figure, figure.add_subplot(middle), spaces


def draw_corners(axes, spaces, coordinates, corners, said):
    """Ring the samples of the `corners` on the map, by the `coordinates` of all, and show them in the `spaces` beside it."""
    for name, corner in corners.items():
        ringed = [values[corner.points] for values in coordinates]
        axes.plot(*ringed, linestyle="", marker="o", markersize=6, markerfacecolor="none", color=CORNERS[name])
        draw_corner(axes.figure.add_subplot(spaces[name]), corner, said[name], CORNERS[name])


def draw_points(figure, axes, found):
    """Every sample, or an even choice of MOST_POINTS, coloured by the fraction of epochs at which it was right."""
    kept = evenly(range(len(found.confidence)), MOST_POINTS)
    points = axes.scatter(
        found.variability[kept],
        found.confidence[kept],
        c=found.correctness[kept],
        cmap="viridis_r",
        vmin=0,
        vmax=1,
        s=7,
        linewidths=0,
        rasterized=True,
    )
    figure.colorbar(points, ax=axes, label="right, share of epochs", ticks=[0, 0.5, 1], fraction=0.05, pad=0.02)
    axes.set_xlabel("variability (standard deviation over epochs)")
    axes.set_ylabel("confidence (mean probability of the label)")
    axes.grid(True)


def draw_limits(axes, classes):
    """A guess, and the most that a probability of a mean can vary."""
    mean = (1 - np.cos(np.linspace(0, np.pi, 101))) / 2  # dense at the ends, where the curve is steep
    lines = [
        Line2D(np.sqrt(mean * (1 - mean)), mean, color="#b0b0b0", lw=0.9, label="most possible"),
        Line2D([0, 0.5], [1 / classes] * 2, color="#333333", lw=0.9, linestyle=":", label=f"a guess, 1 of {classes}"),
    ]
    for line in lines:
        axes.add_line(line)
    axes.set_xlim(-0.01, 0.52)
    axes.set_ylim(-0.02, 1.02)
    axes.legend(handles=lines, loc="upper right")


def draw_corner(axes, corner, text, colour):
    """The images of a corner in a grid, each with its text above; without images the texts, one below the other."""
    axes.set_title(text, color=colour, loc="left")
    axes.axis("off")
    if corner.images is None:
        for row, name in enumerate(corner.texts):
            axes.text(0, 0.95 - row / (ROWS * COLUMNS), plain(name), fontsize=7, va="top", color="#333333")
        return
    lines = max((name.count("\n") + 1 for name in corner.texts), default=1)
    head = 0.17 * lines
    for position, (image, name) in enumerate(zip(corner.images, corner.texts, strict=True)):
        row, column = divmod(position, COLUMNS)
        height, width = image.shape[:2]
        tall, wide = 0.74 * np.array([height, width]) / max(height, width)
        grey = {"cmap": "gray", "vmin": 0, "vmax": 255} if image.shape[2] == 1 else {}
        top = row * (head + 0.84) + head
        extent = (column + 0.04, column + 0.04 + wide, top + tall, top)
        axes.imshow(image[..., 0] if grey else image, extent=extent, aspect="equal", interpolation="nearest", **grey)
        axes.text(column + 0.04, top - 0.03, plain(name), fontsize=5.5, va="bottom", color="#333333", linespacing=1)
    axes.set_xlim(0, COLUMNS)
    axes.set_ylim(ROWS * (head + 0.84), 0)
