"""What every layer knows: readouts, neural collapse, intrinsic dimension and dormant units, by layer and by epoch."""

from functools import partial

import numpy as np
from matplotlib.lines import Line2D

from drillcore.artifacts.geometry import Geometry
from drillcore.base.names import printable
from drillcore.figures.log_axes import log_axis
from drillcore.figures.style import (
    CHANCE,
    canvas,
    epoch_axis,
    epochs_text,
    inches,
    layer_handles,
    layer_lines,
    legend_beside,
    legend_height,
    letters,
    name_ticks,
    number,
    styled,
)
from drillcore.geometry.catalogue import COLLAPSE, MEASURES
from drillcore.intervals import LEVEL

EARLY = {"color": "#000000", "marker": "s", "markerfacecolor": "white", "lw": 0.7}
LATE = {"color": "#000000", "marker": "s"}
BY_CHANCE = {"linestyle": (0, (1, 2)), "lw": 1.0}
OF_LAYERS = {**CHANCE, "marker": "_", "markersize": 10, **BY_CHANCE}
"""How chance is drawn: by epoch in the colour of its layer, by layer with a mark that shows where a layer is alone."""
BARS = {"color": "#CC3311", "fmt": "_", "capsize": 2, "lw": 1.1, "markersize": 4}
"""How means and intervals over seeds are drawn: nothing where they are NaN."""
FAR = 30
"""Values that differ by more than this factor have a logarithmic axis."""


def figures(folder):
    """Names and functions of the figures of geometry.h5 in `folder`, a network's artifacts."""
    with Geometry(folder / Geometry.FILE) as file:
        yield from drawings(file)


def drawings(file):
    """Names and functions of the figures of `Geometry`; without what has no value, as the collapse of a regression."""
    for name, draw in (
        ("probes", probes),
        ("neural_collapse", neural_collapse),
        ("intrinsic_dimension", intrinsic_dimension),
        ("dormancy", dormancy),
    ):
        if any(np.isfinite(file[measure]).any() for measure in SHOWN[name]):
            yield name, partial(draw, file)


SHOWN = {
    "probes": ("probe", "nearest_mean"),
    "neural_collapse": COLLAPSE,
    "intrinsic_dimension": ("dimension",),
    "dormancy": ("dormant", "zeros", "revived"),
}
"""By figure the measures in it."""


def subtitle(file, more):
    """The line below a headline: which network and epochs, and on which samples."""
    return f"{file.title}, {epochs_text(file.epochs)}: {more}"


@styled
def probes(file):
    """How well the labels, or the targets of a regression, are read from every layer."""
    shown = [name for name in SHOWN["probes"] if np.isfinite(file[name]).any()]
    said = f"fitted to {file.samples:,} training samples, scored on {file.test_samples:,} test samples"
    said += f"; chance: {MEASURES['probe'].by_chance(file.task)}"
    return by_layer_and_epoch(file, shown, "What can be read from a layer", subtitle(file, said), len(shown))


@styled
def neural_collapse(file):
    """How far every layer is from neural collapse."""
    shown = [name for name in COLLAPSE if np.isfinite(file[name]).any()]
    said = (
        f"{file.samples:,} training samples; all are 0 where a layer has collapsed; chance: shuffled labels, for NC3 and NC4 "
        "unrelated directions and decisions"
    )
    return by_layer_and_epoch(file, shown, "Neural collapse", subtitle(file, said), 1)


def by_layer_and_epoch(file, measures, title, line, rows):
    """A panel by layer and one by epoch of each of the `measures`: beside each other in so many `rows`, or below."""
    below = 0.05 * longest(file)
    lines, across = layer_lines(layers(file)), rows == 1
    shape = (2, len(measures)) if across else (rows, 2)
    width = 2.4 * shape[1] + legend_width(file) if across else 6.8 + legend_width(file)
    figure = canvas(width, 2.1 * shape[0] + below * (1 if across else rows), title, line)
    grid = figure.add_gridspec(
        shape[0], shape[1] + 1, width_ratios=[*[1] * shape[1], legend_width(file) / (2.4 if across else 3.4)]
    )
    for position, measure in enumerate(measures):
        first, second = (grid[0, position], grid[1, position]) if across else (grid[position, 0], grid[position, 1])
        panel = figure.add_subplot(first)
        by_layer(panel, file, measure)
        by_epoch(figure.add_subplot(second, sharey=panel), file, measure, lines)
    legend_beside(figure.add_subplot(grid[:, -1]), handles(file, lines, measures), layers=len(file.layers))
    return figure


@styled
def intrinsic_dimension(file):
    """On how many dimensions the samples lie, and whether that depends on how many there are."""
    said = (
        f"how many dimensions {file.test_samples:,} test samples spread over around each of them (TwoNN, without "
        "duplicates); chance: the same spectrum, each component shuffled"
    )
    lines = layer_lines(layers(file))
    width = legend_width(file)
    figure = canvas(8.7 + width, height(file), "Intrinsic dimension", subtitle(file, said))
    left, middle, right, legend = figure.subplots(1, 4, width_ratios=[1, 1, 1, width / 2.9])
    by_layer(left, file, "dimension")
    left.set_title("by layer")
    by_epoch(middle, file, "dimension", lines)
    middle.set_title("by epoch")
    middle.sharey(left)
    sizes, curves = file.curve()
    for name, size, curve in zip(lines, sizes[-1], curves[-1], strict=True):
        right.plot(size[size > 0], curve[size > 0], **lines[name])
    log_axis(right.xaxis)
    right.set_title(f"of fewer samples, epoch {file.epochs[-1]}")
    right.set_xlabel("samples, in disjoint parts")
    right.set_ylabel("dimensions")
    right.set_ylim(bottom=0)
    right.grid(True)
    legend_beside(legend, handles(file, lines, ["dimension"]), layers=len(file.layers))
    return figure


@styled
def dormancy(file):
    """How many units hardly answer, how many outputs are exactly zero, and how many dormant units came back."""
    said = (
        f"all units, on {file.samples:,} training samples; dormant: mean abs(output) at most {number(file.threshold)} of "
        "the layer's; revived: dormant at the stored epoch before; chance: as many at random"
    )
    lines = layer_lines(layers(file))
    width = legend_width(file)
    figure = canvas(10.4 + width, height(file), "Dormant units", subtitle(file, said))
    *panels, legend = figure.subplots(1, 5, width_ratios=[1, 1, 1, 1, width / 2.6])
    by_layer(panels[0], file, "dormant")
    panels[0].set_title("Dormant units, by layer")
    for axes, measure in zip(panels[1:], SHOWN["dormancy"], strict=True):
        by_epoch(axes, file, measure, lines)
        axes.set_title(f"{MEASURES[measure].title}, by epoch")
    legend_beside(legend, handles(file, lines, SHOWN["dormancy"]), layers=len(file.layers))
    return figure


def layers(file):
    """The names of the layers as figures write them."""
    return [printable(layer) for layer in file.layers]


def longest(file):
    """The number of letters of the longest name of a layer, as far as it is drawn."""
    return min(60, max(map(letters, layers(file))))


def height(file):
    """How many inches a row of panels needs with the names of the layers below, and beside it the legend."""
    return max(2.3, legend_height(len(file.layers)) + 0.5) + 0.05 * longest(file)


def legend_width(file):
    """How many inches a legend of the layers needs."""
    return 0.75 + max(inches("95 % t interval"), inches("x" * longest(file)))


def by_layer(axes, file, measure):
    """A measure of all layers, at the first and at the last epoch, with what chance gives at the last."""
    known, values, null = MEASURES[measure], file[measure][:], file.null(measure)[-1]
    places = np.arange(len(file.layers))
    if null.shape[1]:
        null = np.where(np.isfinite(values[-1])[:, None], null, np.nan)
        axes.fill_between(places, null.min(1), null.max(1), color=CHANCE["color"], alpha=0.2, lw=0)
        axes.plot(places, null.mean(1), **OF_LAYERS)
    if len(values) > 1:
        axes.plot(places, values[0], **EARLY)
    axes.plot(places, values[-1], **LATE)
    mean, half = file.interval(measure)
    axes.errorbar(places, mean, half, **BARS)
    axes.set_title(known.title)
    axes.set_xlim(-0.4, len(places) - 0.6)
    axes.tick_params(axis="x", rotation=90)
    name_ticks(axes.xaxis, layers(file), 2.2)
    value_axis(axes, file, measure)


def by_epoch(axes, file, measure, lines):
    """A measure by epoch, a line for each layer, with what chance gives of each as dots."""
    chance = file.chance(measure)
    for position, (name, values) in enumerate(zip(lines, file[measure][:].T, strict=True)):
        if np.isfinite(values).any():
            axes.plot(file.epochs, chance[:, position], color=lines[name]["color"], **BY_CHANCE)
        axes.plot(file.epochs, values, **lines[name])
    epoch_axis(axes, file.epochs)
    value_axis(axes, file, measure)


def value_axis(axes, file, measure):
    """The axis of a measure's values: from 0, or logarithmic where they differ by far."""
    mean, half = file.interval(measure)
    values = np.concatenate([file[measure][:].ravel(), file.null(measure).ravel(), mean + half])
    values = values[np.isfinite(values)]
    axes.set_ylabel(MEASURES[measure].label(file.task))
    axes.grid(True)
    if not len(values):
        return
    low, high = values.min(), values.max()
    if MEASURES[measure].range == (0, None) and 0 < FAR * low < high:
        log_axis(axes.yaxis)
        axes.set_ylim(low / 1.5, high * 1.5)
    else:
        highest = high if high > 0 else 1.0  # of nothing but zeros the ticks would be thousandths
        axes.set_ylim(min(0.0, 1.05 * low), 1.05 * highest)


def handles(file, lines, measures):
    """The legend's entries: the layers, then the epochs and chance of the panels by layer."""
    undefined = [
        name
        for position, name in enumerate(lines)
        if not any(np.isfinite(file[measure][:, position]).any() for measure in measures)
    ]
    of_panels = [Line2D([], [], **LATE, label=f"epoch {file.epochs[-1]}")]
    if len(file.epochs) > 1:
        of_panels.insert(0, Line2D([], [], **EARLY, label=f"epoch {file.epochs[0]}"))
    of_panels.append(Line2D([], [], **OF_LAYERS, label="chance"))
    if file.seeds > 1:
        label = f"mean, {file.seeds} seeds,\n{100 * LEVEL:.0f} % t interval"
        of_panels.append(Line2D([], [], color=BARS["color"], marker="_", lw=1.1, label=label))
    return [*layer_handles(lines, undefined), *of_panels]
