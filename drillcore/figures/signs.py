"""Maps of the signs of all gradients: rows are epochs, columns are parameters from the first layer to the last."""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from drillcore.artifacts.gradients import NOT_A_NUMBER, Gradients, bins_of
from drillcore.base.arrays import evenly, row_blocks
from drillcore.base.names import printable
from drillcore.colours import PALETTES, SIGNS, layer_colours, layers_of
from drillcore.figures.style import LETTER, box, canvas, epochs_text, inches, number, plain, styled
from drillcore.recording.threshold import FAR, NEAR, near_zero, studied_edge

ZOOM = 240
MOST_EPOCHS = 12
"""Of more epochs, the map of the whole network shows so many, evenly chosen."""
STACK, GAP, BALANCE = 40, 4, 24
"""Pixels of an epoch in the map of the whole network: the shares of all kinds, white, the signs of those near zero."""
COLUMN = 3
"""Pixels that a column of that map is wide: few enough columns that the signs of each are of many parameters."""
BESIDE = 1.15
"""Inches at the right of that map, for what its bands are; half of them, above, for names of narrow layers."""


class Snapshots(NamedTuple):
    """Signs and bins of all gradients at the end of each epoch.

    Parameters
    ----------
    epochs : list of int (E)
        The epochs.
    tensors : list of str
        The tensors' names, in the network's order.
    sizes : int array (tensors)
        Their numbers of parameters.
    rows : list of mappings (E)
        Of tensor to an int8 array or h5py.Dataset (parameters), the sign of each gradient times its bin.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> rows = [{"fc1.weight": np.int8([0, 3, -3, 12])}] * 2
    >>> snapshots = drillcore.figures.Snapshots([1, 2], ["fc1.weight"], np.array([4]), rows)
    >>> snapshots.epochs
    [1, 2]
    """

    epochs: list[int]
    tensors: list[str]
    sizes: NDArray[np.integer]
    rows: list[Mapping[str, Any]]


def figures(folder, palette):
    """Names and functions of the sign maps of gradients.h5 in `folder`, a network's artifacts; none without snapshots."""
    with Gradients(folder / Gradients.FILE) as file:
        yield from drawings(file, palette)


def drawings(file, palette="study"):
    """Names and functions of the sign maps of `Gradients`; none without snapshots."""
    if not file.snapshots:
        return
    snapshots = Snapshots(
        file.snapshots,
        list(map(printable, file.tensors)),
        file.sizes,
        [{printable(name): file.snapshot(name, epoch) for name in file.tensors} for epoch in file.snapshots],
    )
    subtitle = f"{file.title}, at the last step of {epochs_text(snapshots.epochs)}"
    arguments = snapshots, file.edges, palette, subtitle
    yield "layer_wise_grad_signs", partial(layer_wise_grad_signs, *arguments)
    yield "zoomed_layer_wise_grad_signs", partial(zoomed_layer_wise_grad_signs, *arguments)


def kinds(snapshot, edges):
    """The kind of each gradient, as a position in SIGNS, from its sign times its bin (int8)."""
    near = np.arange(bins_of(edges))[near_zero(edges, studied_edge(edges))]
    table = np.full(256, SIGNS.index("large"), np.uint8)  # int8 values index it as they are: the negative from the end
    table[near], table[-near] = SIGNS.index("positive"), SIGNS.index("negative")
    table[0], table[NOT_A_NUMBER] = SIGNS.index("zero"), SIGNS.index("nan")
    return table[snapshot]


def column_ranges(sizes, columns):
    """The first parameter of each of `columns` equal columns, and the one after its last: int arrays (columns).

    A tensor is as wide as the square root of its size, so that the largest leaves width to the others. A column has a
    parameter at least: where columns are narrower than parameters, neighbours share one.
    """
    ends = np.cumsum([0, *np.sqrt(sizes)])
    bounds = np.interp(np.linspace(0, ends[-1], columns + 1), ends, np.cumsum([0, *sizes]))
    bounds = np.floor(bounds + 1e-6).astype(np.int64)
    first = np.minimum(bounds[:-1], bounds[-1] - 1)
    return first, np.maximum(bounds[1:], first + 1)


def column_shares(snapshots, edges, columns):
    """Which share of the parameters of each column, of `column_ranges`, is of which kind.

    Read in blocks, so they may be larger than memory.

    Returns
    -------
    float64 array (E, columns, kinds)
    """
    first, after = column_ranges(snapshots.sizes, columns)
    cuts = np.unique([first, after])
    counts = np.zeros((len(snapshots.rows), (len(cuts) - 1) * len(SIGNS)))
    begin = 0
    for tensor, size in zip(snapshots.tensors, snapshots.sizes.tolist(), strict=True):
        for block in row_blocks(size, 16, 8 << 20):
            inside = np.diff(cuts.clip(begin + block.start, begin + block.stop))
            segment = np.repeat(np.arange(len(inside)), inside)
            for row, snapshot in zip(counts, snapshots.rows, strict=True):
                cell = segment * len(SIGNS) + kinds(snapshot[tensor][block], edges)
                row += np.bincount(cell, minlength=len(row))
        begin += size
    below = np.pad(counts.reshape(len(counts), -1, len(SIGNS)).cumsum(1), ((0, 0), (1, 0), (0, 0)))
    found = below[:, np.searchsorted(cuts, after)] - below[:, np.searchsorted(cuts, first)]
    return found / found.sum(2, keepdims=True)


@styled
def layer_wise_grad_signs(
    snapshots: Snapshots,
    edges: Sequence[float],
    palette: str = "colourblind",
    subtitle: str = "",
    title: str | None = None,
) -> Figure:
    """Draw the signs of all gradients: the share of each kind and, among those near zero, negative against positive.

    Every epoch has two bands. In the upper one a column's height is divided by the shares of its parameters that are near
    zero and negative, near zero and positive, exactly zero, not a number; the rest, white, is not near zero. The lower one
    divides the whole height between the negative and the positive of those near zero; it is white where there are none. A
    tensor is as wide as the square root of its number of parameters.

    Parameters
    ----------
    snapshots : Snapshots
        Rows are its epochs, columns its parameters from the first layer to the last.
    edges : sequence of float
        The recorder's edges of abs(gradient).
    palette : str
        "study" (red and green) or "colourblind" (orange and blue).
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
    >>> rows = [{"fc1.weight": np.int8([0, 3, -3, 12])}] * 2
    >>> snapshots = drillcore.figures.Snapshots([1, 2], ["fc1.weight"], np.array([4]), rows)
    >>> figure = drillcore.figures.layer_wise_grad_signs(snapshots, [1e-7, 1e-5, 1e-3])
    >>> figure.axes[0].get_ylabel()
    'epoch'
    """
    widths = np.sqrt(snapshots.sizes)
    total = float(widths.sum())
    shown = evenly(range(len(snapshots.rows)), MOST_EPOCHS)
    snapshots = snapshots._replace(
        epochs=[snapshots.epochs[row] for row in shown], rows=[snapshots.rows[row] for row in shown]
    )
    width, height, left = 8.6, 0.55 * len(shown), 0.5
    layers = layer_ends(snapshots.tensors, widths)
    upright = sum(inches(layer) + LETTER for layer in layers) > width
    above = max(map(inches, layers)) + 0.4 if upright else 0.5
    figure = canvas(
        left + width + BESIDE,
        height + above + 0.65,
        title or "Signs of all gradients",
        subtitle,
        layout=None,
    )
    axes = box(figure, left, 0.65, width, height)
    columns = round(axes.get_position().width * figure.get_figwidth() * figure.dpi) // COLUMN
    shares = column_shares(snapshots, edges, columns)
    image = np.concatenate([bands(row) for row in shares])
    axes.imshow(
        colours(palette)[image], aspect="auto", interpolation="nearest", extent=(0, total, len(shown) - 0.5, -0.5)
    )
    axes.set_xlim(0, total)
    for row in range(1, len(shown)):
        axes.axhline(row - 0.5, color="black", lw=0.5)
    axes.spines[:].set_visible(True)
    label_epochs(axes, snapshots.epochs)
    label_bands(axes)
    axes.set_xticks([])
    said = f"{int(snapshots.sizes.sum()):,} parameters, from the first layer to the last"
    axes.set_xlabel(f"{said}; each tensor as wide as the square root of its number of parameters")
    mark_layers(figure, axes, layers, total, width, height, upright)
    sign_legend(figure, left, edges, palette, shares.any((0, 1)))
    return figure


def bands(shares):
    """The two bands of an epoch as kinds (pixels, columns), from the `shares` (columns, kinds) of each column."""
    near = shares * np.isin(SIGNS, ["negative", "positive"])
    total = near.sum(1, keepdims=True)
    signs = np.divide(near, total, out=np.zeros_like(near), where=total > 0)
    white = np.full((GAP, len(shares)), SIGNS.index("large"))
    return np.concatenate([stacked(shares, STACK), white, stacked(signs, BALANCE)])


def stacked(shares, pixels):
    """Kinds (pixels, columns) that divide each column by its `shares` (columns, kinds), from the bottom up.

    A pixel has the kind that its centre falls in. What is not near zero is on top, and what the shares leave.
    """
    order = [SIGNS.index(kind) for kind in ("negative", "positive", "zero", "nan", "large")]
    ends = np.cumsum(shares[:, order[:-1]], axis=1)
    centres = (np.arange(pixels)[::-1] + 0.5) / pixels
    return np.array(order)[(centres[:, None, None] > ends).sum(2)]


def label_bands(axes):
    """Say at the right of the first epoch what its two bands are."""
    pixels = STACK + GAP + BALANCE
    texts = ("share of all, by kind", STACK / 2), ("signs of those near 0", pixels - BALANCE / 2)
    for text, pixel in texts:
        axes.text(1.008, pixel / pixels - 0.5, text, transform=axes.get_yaxis_transform(), size=6.5, va="center")


def layer_ends(tensors, widths):
    """The layers in order, each with where it begins and ends if its `tensors` have these `widths`."""
    ends, end = {}, 0.0
    for layer, width in zip(layers_of(tensors), widths, strict=True):
        first = ends.get(layer, (end,))[0]
        end += float(width)
        ends[layer] = (first, end)
    return ends


def mark_layers(figure, axes, layers, total, width, height, upright):
    """Above the map: a band in the layers' colours, and their names, moved apart where they would overlap."""
    bottom = 1 + 0.04 / height
    band = 0.07 / height
    transform = axes.get_xaxis_transform()
    widths = [0.2 if upright else inches(layer) + 0.12 for layer in layers]
    centres = [(first + last) / 2 / total * width for first, last in layers.values()]
    positions, colours = spread(centres, widths, width + BESIDE / 2), layer_colours(list(layers))
    for (layer, (first, last)), centre, position in zip(layers.items(), centres, positions, strict=True):
        colour = colours[layer]
        axes.axvspan(first, last, bottom, bottom + band, color=colour, clip_on=False, lw=0.3)
        if first:
            axes.axvline(first, color="black", lw=0.5)
        ends = [centre / width * total, position / width * total], [bottom + band, bottom + band + 0.16 / height]
        axes.plot(*ends, color=colour, lw=0.7, transform=transform, clip_on=False, scalex=False, scaley=False)
        axes.text(
            ends[0][1],
            ends[1][1] + 0.02 / height,
            plain(layer),
            color=colour,
            transform=transform,
            ha="center",
            va="bottom",
            rotation=90 if upright else 0,
        )


def spread(centres, widths, width):
    """Ascending positions (inches) near `centres`, between 0 and `width`, of labels so wide that none overlap if all fit."""
    positions, gaps = list(centres), [(a + b) / 2 for a, b in pairwise(widths)]
    if positions:
        positions[0] = max(positions[0], widths[0] / 2)
    for index, gap in enumerate(gaps):
        positions[index + 1] = max(positions[index + 1], positions[index] + gap)
    if positions:
        positions[-1] = min(positions[-1], width - widths[-1] / 2)
    for index in range(len(gaps) - 1, -1, -1):
        positions[index] = min(positions[index], positions[index + 1] - gaps[index])
    return positions


def colours(palette):
    """The colours of SIGNS (kinds, 3)."""
    return np.array([to_rgb(colour) for colour in PALETTES[palette]])


def label_epochs(axes, epochs):
    """Epochs along y, as many as are legible."""
    rows = range(0, len(epochs), -(-len(epochs) // 12))
    axes.set_yticks(rows, [epochs[row] for row in rows])
    axes.set_ylabel("epoch")


def sign_legend(figure, left, edges, palette, present):
    """What the colours mean, above the footer, of the kinds that are `present` (kinds)."""
    near, far = (text.format(number(studied_edge(edges))) for text in (NEAR, FAR))
    texts = (f"negative, {near}", f"positive, {near}", far, "exactly 0", "NaN")
    handles = [
        Patch(facecolor=colour, edgecolor="#777777", lw=0.5, label=text)
        for shown, colour, text in zip(present, PALETTES[palette], texts, strict=True)
        if shown
    ]
    axes = box(figure, left - 0.05, 0, 6, 0.3)
    axes.axis("off")
    axes.legend(handles=handles, loc="lower left", ncols=5, borderaxespad=0, columnspacing=1.4, handlelength=1.4)


@styled
def zoomed_layer_wise_grad_signs(
    snapshots: Snapshots,
    edges: Sequence[float],
    palette: str = "colourblind",
    subtitle: str = "",
    title: str | None = None,
) -> Figure:
    """Draw of each layer the 240 neighbouring parameters with most near-zero gradients, each parameter visible.

    Parameters
    ----------
    snapshots : Snapshots
        Rows are its epochs, columns its parameters from the first layer to the last.
    edges : sequence of float
        The recorder's edges of abs(gradient).
    palette : str
        "study" (red and green) or "colourblind" (orange and blue).
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
    >>> rows = [{"fc1.weight": np.int8([0, 3, -3, 12])}] * 2
    >>> snapshots = drillcore.figures.Snapshots([1, 2], ["fc1.weight"], np.array([4]), rows)
    >>> figure = drillcore.figures.zoomed_layer_wise_grad_signs(snapshots, [1e-7, 1e-5, 1e-3])
    >>> figure.axes[0].get_title("left") or figure.axes[0].get_title()
    'fc1.weight (4 parameters)'
    """
    chosen = interesting_windows(snapshots, edges)
    windows, shades = list(chosen.values()), list(layer_colours(list(chosen)).values())
    rows = len(snapshots.rows)
    height, pitch, left, width = float(np.clip(0.055 * rows, 0.32, 1.6)), 0.42, 0.5, 8.6
    bottom = 0.75
    longest = max((window.stop - window.start for _, window in windows), default=0)
    title = title or f"Signs of gradients: each layer's {longest} neighbours most often near zero"
    figure = canvas(left + width + 0.3, bottom + len(windows) * (height + pitch) - 0.15, title, subtitle, layout=None)
    present, ticks = np.zeros(len(SIGNS), bool), MaxNLocator(8, integer=True)
    for position, (tensor, window) in enumerate(reversed(windows)):
        axes = box(figure, left, bottom + position * (height + pitch), width, height)
        signs = np.array([kinds(snapshot[tensor][window], edges) for snapshot in snapshots.rows])
        present[np.unique(signs)] = True
        extent = (window.start - 0.5, window.stop - 0.5, rows - 0.5, -0.5)
        axes.imshow(colours(palette)[signs], aspect="auto", interpolation="nearest", extent=extent)
        axes.set_xlim(window.start - 0.5, window.start + ZOOM - 0.5)
        marked = ticks.tick_values(window.start, window.start + ZOOM - 1)
        axes.set_xticks(marked[(marked >= window.start) & (marked < window.stop)])
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.spines[:].set_visible(False)
        frame = Rectangle(
            (window.start - 0.5, -0.5), window.stop - window.start, rows, fill=False, color="#999999", lw=0.5
        )
        axes.add_patch(frame).set_clip_on(False)
        axes.set_ylabel("epoch")
        axes.set_yticks([0, rows - 1] if rows > 1 else [0], snapshots.epochs[:: max(1, rows - 1)])
        size = dict(zip(snapshots.tensors, snapshots.sizes, strict=True))[tensor]
        axes.set_title(f"{plain(tensor)} ({size:,} parameters)", color=shades[-1 - position])
        if position == 0:
            axes.set_xlabel("parameter of the tensor")
    sign_legend(figure, left, edges, palette, present)
    return figure


def interesting_windows(snapshots, edges):
    """By layer, the tensor and slice of at most ZOOM neighbours with the most near-zero gradients that are not exactly 0.

    Slices begin at multiples of ZOOM, the last of a tensor early enough to be whole; among equals the first counts.
    """
    best = {}
    layers = layers_of(snapshots.tensors)
    for layer, tensor, size in zip(layers, snapshots.tensors, snapshots.sizes.tolist(), strict=True):
        scores = np.zeros(-(-size // ZOOM), np.int64)
        for block in row_blocks(size, 1, ZOOM << 14):
            window = np.arange(block.start, block.stop) // ZOOM
            for snapshot in snapshots.rows:
                coloured = kinds(snapshot[tensor][block], edges) <= SIGNS.index("positive")
                scores += np.bincount(window[coloured], minlength=len(scores))
        first = int(scores.argmax())
        if layer not in best or scores[first] > best[layer][0]:
            begin = max(0, min(first * ZOOM, size - ZOOM))
            best[layer] = (scores[first], tensor, slice(begin, min(begin + ZOOM, size)))
    return {layer: choice[1:] for layer, choice in best.items()}
