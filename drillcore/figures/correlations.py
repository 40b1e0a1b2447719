"""Maps of Pearson's r: between the units of all layers, over the epochs, and over the augmentations of one image."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

import drillcore
from drillcore.artifacts.activations import Activations
from drillcore.artifacts.correlations import Correlations
from drillcore.artifacts.layers import epoch_name
from drillcore.artifacts.network import Network, noun_of, read_network
from drillcore.base.arrays import evenly
from drillcore.base.names import printable
from drillcore.correlation import abs_by_chance, typical_range
from drillcore.figures.style import (
    CHANCE,
    CORRELATION,
    DEAD,
    EDGE,
    box,
    canvas,
    epoch_axis,
    epochs_text,
    inches,
    layer_handles,
    layer_lines,
    legend_beside,
    legend_height,
    letters,
    pairs_of,
    plain,
    samples_text,
    styled,
)


class Colours(NamedTuple):
    """From which r to which the colours of a map go, and the colours."""

    scale: Normalize
    colours: Colormap


R, TYPICAL_R = Normalize(-1, 1), matplotlib.colormaps["viridis"]
MOST_SAID = 4
"""Of how many layers the numbers of units are said, at most."""
MOST_LAYERS = 24
"""Of more layers, `intra` is drawn for so many, evenly chosen."""
LARGEST, LEGIBLE = 9.0, 0.3
"""Of the map of all units, in inches: its largest side, and from which side of a square its means are numbers."""


def figures(folder):
    """Names and functions of the figures of correlations.h5 in `folder`, a network's artifacts."""
    sizes = read_network(folder / Network.FILE).sizes()
    with Activations(folder / Activations.FILE) as file:
        samples = len(file.sample)
    with Correlations(folder / Correlations.FILE) as file:
        yield from drawings(file, sizes, samples)


def of_all(file, sizes, layers):
    """How many of how many units are compared of those of the `layers` that are not stored whole; `sizes` by layer."""
    stored = dict(zip(file.layers, np.bincount(file.layer_of_unit, minlength=len(file.layers)), strict=True))
    parts = [(layer, stored[layer], sizes[layer]) for layer in layers if sizes.get(layer, 0) > stored[layer]]
    said = [
        f"{count:,} of {size:,} units{f' of {printable(name)}' if len(layers) > 1 else ''}"
        for name, count, size in parts
    ]
    return "".join(f", {one}" for one in (said if len(said) < MOST_SAID else [*said[: MOST_SAID - 1], "..."]))


def drawings(file, sizes=None, samples=None):
    """Names and functions of the figures of `Correlations`; `sizes` are by layer the numbers of all units, `samples` is over
    how many samples they are correlated, where that is known."""
    layers, epochs, last, sizes = list(map(printable, file.layers)), file.epochs, file.epochs[-1], sizes or {}
    for epoch in file.with_matrix:
        matrix, mean_abs = (file.of_epoch(name, epoch) for name in ("matrix", "mean_abs"))
        subtitle = f"{file.title}, epoch {epoch}{of_all(file, sizes, file.layers)}"
        draw = partial(
            layer_feature_correlation, matrix, file.layer_of_unit, layers, mean_abs, subtitle, order=file.order
        )
        yield f"layer_feature_correlation/epoch_{epoch_name(epoch)}", draw
        if epoch == last:
            yield "layer_feature_correlation", draw
    mean, mean_abs = (file.over_epochs(name) for name in ("mean", "mean_abs"))
    subtitle = f"{file.title}, {epochs_text(epochs)}{of_all(file, sizes, file.layers)}"
    yield (
        "correlation_evolution",
        partial(correlation_evolution, epochs, mean, mean_abs, layers, subtitle, samples=samples),
    )
    noun = noun_of(file.path.parent)
    for number, layer in evenly(list(enumerate(file.layers, 1)), MOST_LAYERS):
        features, images = (file.augmented(layer, of) for of in ("features", "samples"))
        subtitle = f"{file.title}, {printable(layer)}, epoch {last}, one {noun} augmented {len(images)} times"
        of_units = f"{subtitle}{of_all(file, sizes, [layer])}"
        yield f"intra/l{number}_ff", partial(intra, features, "unit", of_units)
        yield f"intra/l{number}_bb", partial(intra, images, "augmentation", subtitle)


@styled
def layer_feature_correlation(
    correlation: ArrayLike | Mapping[str, ArrayLike],
    layer_of_unit: ArrayLike | None = None,
    layers: Sequence[str] = (),
    mean_abs: ArrayLike | None = None,
    subtitle: str = "",
    title: str | None = None,
    order: ArrayLike | None = None,
) -> Figure:
    """Draw Pearson's r between the units of every two layers, each pair a square of the same size.

    Parameters
    ----------
    correlation : mapping of str to array_like (samples, units), or array_like or h5py.Dataset (F, F)
        By layer its activations, of which everything else is computed; or the correlations of all units, NaN for dead
        ones, as `compute_layerwise_cross_correlation` returns them.
    layer_of_unit : array_like of int (F), optional
        The position in `layers` of each unit's layer; of correlations.
    layers : sequence of str
        The layers' names; of correlations.
    mean_abs : array_like (L, L), optional
        Mean of abs(r) of every pair, written in the squares below the diagonal; by default that of `layer_means`.
    subtitle : str
        The line below the headline, such as the network and its epochs.
    title : str, optional
        The headline, by default one that names the figure.
    order : array_like of int (F), optional
        All units in the order in which to show them, such as that of `cluster_units`, in which groups show; by default
        that of their index.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        If the activations of a layer are not (samples, units), or the layers differ in their number of samples.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> random = np.random.default_rng(0)
    >>> outputs = {"fc1": random.normal(size=(50, 6)), "fc2": random.normal(size=(50, 3))}
    >>> figure = drillcore.figures.layer_feature_correlation(outputs)
    >>> figure.texts[1].get_text()
    '50 samples'
    """
    if isinstance(correlation, Mapping):
        subtitle, layers = subtitle or samples_text(correlation), list(correlation)
        correlation, layer_of_unit = drillcore.compute_layerwise_cross_correlation(correlation)
    if mean_abs is None:
        mean_abs = drillcore.layer_means(correlation, layer_of_unit).mean_abs
    mean_abs, layer_of_unit, count = np.asarray(mean_abs), np.asarray(layer_of_unit), len(layers)
    cell = min(float(np.clip(7.2 / count, 0.75, 1.7)), LARGEST / count)
    pixels = max(2, round(cell * matplotlib.rcParams["figure.dpi"]))
    order = np.arange(len(layer_of_unit)) if order is None else np.asarray(order)
    members = [order[layer_of_unit[order] == layer] for layer in range(count)]
    image, dead = pair_squares(correlation, members, pixels)
    grey = bool((image == dead_pixel()).all(2).any())
    texts = layers
    if cell >= LEGIBLE:
        texts = [label(*values) for values in zip(layers, map(len, members), dead, strict=True)]
    longest = max(inches(line) for text in texts for line in text.split("\n")) + 0.1
    size, below, upright = cell * count, 0.72, cell < longest
    above, right = (max(0.5, longest) if upright else 0.5), max(longest, 4.6 - size)
    title = title or "Correlation between the units of every two layers"
    figure = canvas(EDGE + size + right, size + above + below, title, subtitle, layout=None)

    axes = box(figure, EDGE, below, pixels * count / figure.dpi, pixels * count / figure.dpi)
    if cell < LEGIBLE:
        colour_means(image, mean_abs, pixels)
    axes.imshow(image, extent=(0, count, count, 0), interpolation="nearest")
    axes.axis("off")
    label_squares(axes, texts, mean_abs, cell, upright)
    bar = colour_bar(figure, EDGE + 0.1, 0.36, min(2.4, size + right - 1.6), 0.1)
    note = "In grey: dead units,\nwhich have no r.\n" if grey else ""
    note += f"Below the diagonal: mean |r|{'' if cell >= LEGIBLE else ' as a colour'}." if count > 1 else ""
    bar.text(1.15, 1.2, note.strip(), transform=bar.transAxes, size=7, va="top")
    return figure


def label_squares(axes, texts, mean_abs, cell, upright):
    """Name each layer, or as many as are legible, and write the means of pairs below the diagonal where there is room."""
    gap, every = 0.06 / cell, int(np.ceil(0.11 / cell))
    for layer, text in list(enumerate(map(plain, texts)))[::every]:
        style = {"size": 7, "linespacing": 1.15}
        axes.text(layer + 0.5, -gap, text, ha="center", va="bottom", rotation=90 if upright else 0, **style)
        axes.text(len(texts) + gap, layer + 0.5, text, ha="left", va="center", **style)
        for other in range(layer + 1, len(texts)) if cell >= LEGIBLE else ():
            style = {"size": min(8, 20 * cell), "ha": "center", "va": "center", "color": "#555"}
            mean = mean_abs[layer, other]
            axes.text(layer + 0.5, other + 0.5, f"{mean:.2f}" if np.isfinite(mean) else "–", **style)


def label(layer, units, dead):
    """What is written beside a layer's squares."""
    return f"{layer}\n{units} unit{'s'[: units != 1]}" + (f"\n{dead} dead" if dead else "")


def pair_squares(matrix, members, pixels):
    """The maps of all pairs of layers i <= j as one uint8 image (L * pixels, L * pixels, 4), white below the diagonal.

    Each pair's map is resampled by index to a square of `pixels`, less a margin, so that a layer of width 1 is as
    legible as one of width 256. `members` are the units of each layer in the order in which they are shown. Read layer by
    layer, so that the matrix may be larger than memory.

    Returns the image, and how many units of each layer are dead.
    """
    count, margin = len(members), max(1, pixels // 50)
    inner = pixels - margin
    sampled = [units[np.arange(inner) * len(units) // inner] for units in members]
    image, dead = np.full((count, pixels, count, pixels, 4), 255, np.uint8), []
    square = slice(margin // 2, margin // 2 + inner)
    for i, units in enumerate(members):
        first = units.min()
        rows = matrix[first : units.max() + 1]
        dead.append(int(np.isnan(rows[units - first, units]).sum()))
        drawn = correlation_colours(rows[np.ix_(sampled[i] - first, np.concatenate(sampled[i:]))])
        image[i, square, i:, square] = drawn.reshape(inner, count - i, inner, 4)
    image = image.reshape(count * pixels, count * pixels, 4)
    return image, dead


def colour_means(image, mean_abs, pixels):
    """Colour the squares of `pixels` below the diagonal of an `image` by the pair's mean."""
    below = np.tri(len(mean_abs), k=-1, dtype=bool).repeat(pixels, 0).repeat(pixels, 1)
    image[below] = correlation_colours(mean_abs.T).repeat(pixels, 0).repeat(pixels, 1)[below]


def correlation_colours(values, scale=R, colours=CORRELATION):
    """RGBA bytes of correlations, grey where NaN."""
    return colours.with_extremes(bad=DEAD)(scale(np.ma.masked_invalid(values)), bytes=True)


def dead_pixel():
    """The RGBA bytes that stand for NaN."""
    return correlation_colours(np.array([np.nan]))[0]


def colour_bar(figure, left, bottom, width, height):
    """A horizontal colour bar of r, labelled, at inches from the left edge and above the footer."""
    axes = box(figure, left, bottom, width, height)
    bar = figure.colorbar(
        ScalarMappable(R, CORRELATION), cax=axes, orientation="horizontal", ticks=[-1, -0.5, 0, 0.5, 1]
    )
    bar.outline.set_linewidth(0.4)
    bar.set_label("Pearson's r", labelpad=1)
    return axes


@styled
def correlation_evolution(
    numbers: Sequence[int],
    mean: ArrayLike,
    mean_abs: ArrayLike,
    layers: Sequence[str],
    subtitle: str = "",
    title: str | None = None,
    samples: int | None = None,
) -> Figure:
    """Draw the means of r and of abs(r) of every pair of layers, by epoch.

    Parameters
    ----------
    numbers : sequence of int (E)
        The epochs.
    mean : array_like (E, L, L)
        Means of Pearson's r; NaN where a layer is dead.
    mean_abs : array_like (E, L, L)
        Means of abs(r).
    layers : sequence of str (L)
        The layers' names.
    subtitle : str
        The line below the headline, such as the network and its epochs.
    title : str, optional
        The headline, by default one that names the figure.
    samples : int, optional
        Over so many samples r is: abs(r) of independent units is then drawn as chance.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> mean = np.random.default_rng(0).uniform(0, 0.5, (3, 2, 2))
    >>> figure = drillcore.figures.correlation_evolution([0, 1, 2], mean, mean, ["fc1", "fc2"])
    >>> figure.axes[1].get_ylabel()
    'mean r'
    """
    pairs, some = pairs_of(layers)
    lines = layer_lines(layers)
    height = 0.7 + 0.15 * max(4, len(pairs))
    title = title or "Mean correlation between layers, by epoch"
    mean, mean_abs = np.asarray(mean), np.asarray(mean_abs)
    longest = max(map(letters, layers))
    heights = [max(2.0, legend_height(len(layers))), *([height] if pairs else [])]
    figure = canvas(6.6 + 0.35 * longest, sum(heights), title, subtitle)
    grid = figure.add_gridspec(len(heights), 5, width_ratios=[1, 0.03, 1, 0.03, 0.04 * longest], height_ratios=heights)
    undefined = [layer for position, layer in enumerate(layers) if np.isnan(mean[:, position, position]).all()]
    handles = layer_handles(lines, undefined) + [Line2D([], [], label="chance", **CHANCE)] * bool(samples)
    legend_beside(figure.add_subplot(grid[0, 4]), handles, "within a layer", layers=len(lines))
    for column, values, name in ((0, mean, "mean r"), (2, mean_abs, "mean |r|")):
        axes = figure.add_subplot(grid[0, column], title=f"{name} between units of one layer", ylabel=name)
        for position, layer in enumerate(layers):
            axes.plot(numbers, values[:, position, position], **lines[layer])
        epoch_axis(axes, numbers)
        if samples and name == "mean |r|":
            axes.axhline(abs_by_chance(samples), **CHANCE)
        if pairs:
            by_pair = np.array([values[:, i, j] for i, j in pairs])
            axes = figure.add_subplot(grid[1, column], title=f"{name} between units of two layers{some}")
            evolution_map(axes, figure.add_subplot(grid[1, column + 1]), numbers, by_pair, name)
            if column == 0 and np.isnan(by_pair).any():
                legend_beside(figure.add_subplot(grid[1, 4]), [Patch(color=DEAD, label="undefined:\na dead layer")])
            axes.set_yticks(range(len(pairs)), [plain(f"{layers[i]}, {layers[j]}") for i, j in pairs])
    return figure


def evolution_map(axes, beside, numbers, by_pair, name):
    """Draw `by_pair` (pairs, epochs) as a map, and its own colour bar in the axes `beside`."""
    largest = np.nanmax(np.abs(by_pair), initial=1e-9, where=np.isfinite(by_pair))
    colours, scale = (CORRELATION, (-largest, largest)) if name == "mean r" else ("viridis", (0, largest))
    axes.set_facecolor(DEAD)
    image = axes.imshow(by_pair, aspect="auto", interpolation="nearest", cmap=colours, vmin=scale[0], vmax=scale[1])
    shown = range(0, len(numbers), -(-len(numbers) // 8))
    axes.set_xticks(shown, [numbers[position] for position in shown])
    axes.set_xlabel("epoch")
    axes.spines[:].set_visible(False)
    bar = axes.figure.colorbar(image, cax=beside)
    bar.outline.set_linewidth(0.4)
    bar.set_label(name)


@styled
def intra(matrix: ArrayLike, kind: str = "unit", subtitle: str = "", title: str | None = None) -> Figure:
    """Draw Pearson's r between every two units of a layer, or every two samples, over the augmentations of one image.

    Colours go from -1 to 1; of samples, which may all be alike, from the 2nd to the 98th percentile of the pairs.

    Parameters
    ----------
    matrix : array_like or h5py.Dataset (n, n)
        Correlations; NaN for units without variance.
    kind : str
        What is correlated: "unit" or "augmentation".
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
    >>> outputs = np.random.default_rng(0).normal(size=(30, 8))
    >>> figure = drillcore.figures.intra(drillcore.correlation_matrix(outputs), subtitle="fc1")
    >>> figure.axes[0].get_xlabel()
    'unit'
    """
    matrix = np.asarray(matrix)
    count = len(matrix)
    over = "augmentations" if kind == "unit" else "units"
    colours = Colours(R, CORRELATION) if kind == "unit" else Colours(Normalize(*typical_range(matrix)), TYPICAL_R)
    title = title or f"Correlation between {kind}s, over {over}"
    figure = canvas(6.2, 4.35 if kind == "unit" else 4.5, title, subtitle, layout=None)
    pixels = round(3.7 * figure.dpi)
    axes = box(figure, 0.62, 0.5, pixels / figure.dpi, pixels / figure.dpi)
    shown = np.arange(min(count, pixels)) * count // min(count, pixels)
    edge = (-0.5, count - 0.5)
    axes.imshow(
        correlation_colours(matrix[np.ix_(shown, shown)], *colours),
        extent=(*edge, *edge[::-1]),
        interpolation="nearest",
    )
    axes.spines[:].set_visible(False)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(7, integer=True, min_n_ticks=1))
        axis.set_label_text(kind)
    count_dead(axes, matrix)
    distribution(figure, matrix, colours)
    return figure


def count_dead(axes, matrix):
    """Say above a map how many rows of the `matrix` have no variance, if any."""
    dead = np.isnan(np.diag(matrix))
    if dead.any():
        entry = Patch(color=DEAD, label=f"{dead.sum()} of {len(dead)} without variance")
        axes.legend(handles=[entry], loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.1, fontsize=7)


def distribution(figure, matrix, colours):
    """Beside a map: its colour bar, and along it how many pairs have which r."""
    low, high = colours.scale.vmin, colours.scale.vmax
    bar = figure.colorbar(ScalarMappable(*colours), cax=box(figure, 4.5, 0.5, 0.12, 3.7), ticks=[])
    bar.outline.set_linewidth(0.4)
    whole = (low, high) == (-1, 1)
    bar.ax.set_title("Pearson's r" if whole else "Pearson's r, 2nd to\n98th percentile", size=8, loc="left")
    values = matrix[np.triu_indices(len(matrix), 1)]
    values = values[np.isfinite(values)]
    counts, edges = np.histogram(values.clip(-1, 1) if whole else values, 80, (low, high))
    axes = box(figure, 4.7, 0.5, 0.85, 3.7)
    axes.stairs(100 * counts / max(1, len(values)), edges, orientation="horizontal", fill=True, color="#777777")
    axes.set_ylim(low, high)
    axes.yaxis.tick_right()
    axes.spines["left"].set_visible(False)
    axes.spines["right"].set_visible(True)
    axes.set_xlabel("pairs (%)" if len(values) else "no pairs")
    axes.set_xlim(left=0)
    if not len(values):
        axes.set_xticks([])
