"""One row of a table, signal or text under many random augmentations: what was done to it."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from drillcore.base.arrays import evenly
from drillcore.base.errors import InputError
from drillcore.base.names import printable
from drillcore.figures.style import FALLBACK, box, canvas, inches, letters, plain, styled
from drillcore.signals import has_lines, maps
from drillcore.texts import between, token_texts, visible

COPIES, MOST_COLUMNS, MAPS = 6, 16, 2
"""So many augmentations of a row or signal are drawn one by one, so many of a row's columns, and so many augmentations as
maps."""
ORIGINAL, CHANGED, MARK = "#1b2330", "#0072B2", "#ffd54a"
ROW, CELL = 0.2, 0.78
"""The height and width of a number in inches."""
TEXTS, ACROSS, LINES = 10, 96, 3
"""So many texts of so many letters a line are drawn, each of so many lines."""
SIGN, LEADING, SIZE, GUTTER = 0.0585, 0.155, 7, 1.3
"""The width of a sign and the height of a line in inches, the size in points, and the inches left of the texts."""


@styled
def augmented_rows(
    rows: ArrayLike,
    original: ArrayLike,
    columns: Sequence[str] = (),
    deviations: ArrayLike | None = None,
    subtitle: str = "",
    title: str | None = None,
) -> Figure:
    """Draw a row of a table beside its noisy versions, or a signal below them, each channel for itself.

    Parameters
    ----------
    rows : float array (augmentations, ...)
        The noisy versions.
    original : float array (...)
        The numbers without noise.
    columns : sequence of str
        What a row's numbers are called; without names it is drawn as a signal. Of a signal what its channels, the last axis,
        are called. One of many channels, or of more than two axes, is drawn as a map.
    deviations : float array (...), optional
        The standard deviation of each number over many samples, by default that over the augmentations.
    subtitle : str
        The line below the headline, such as the network and its epochs.
    title : str, optional
        The headline, by default one that names the figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        If the rows do not have the shape of the original.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> row, noise = np.array([63.0, 1.7]), np.random.default_rng(0).normal(0, 0.1, (9, 2))
    >>> figure = drillcore.figures.augmented_rows(row + noise, row, ["age", "height"])
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['age', 'height']
    """
    rows, original = np.asarray(rows, float), np.asarray(original, float)
    check(rows, original)
    title = title or f"One sample under {len(rows)} random augmentations"
    if not has_lines(original.shape):
        return draw_maps(maps(np.stack([original, *rows[:MAPS], rows.std(0)])), original.ndim == 2, subtitle, title)
    if original.ndim == 2 or not len(columns):
        signals = rows.reshape(*rows.shape[:2], -1)
        return draw_signal(signals, original.reshape(signals.shape[1:]), list(columns), subtitle, title)
    spread = rows.std(0) if deviations is None else np.asarray(deviations, float)
    return draw_table(rows, original, list(columns), spread, subtitle, title)


def check(copies, original):
    """Refuse `copies` that are not of the `original`."""
    if copies.shape[1:] != original.shape or not len(copies):
        raise InputError(
            f"The augmentations have the shape {copies.shape} and the original {original.shape}: give one of them or more, "
            "each of the original's shape."
        )


def draw_table(rows, original, columns, spread, subtitle, title):
    """The numbers of the original and of the first copies, coloured by how far they were moved, and by column how far all
    are on average."""
    kept = np.array(evenly(range(len(original)), MOST_COLUMNS))
    if len(kept) < len(original):
        subtitle = f"{subtitle}; {len(kept)} of {len(original)} columns, evenly chosen".removeprefix("; ")
    shown = np.vstack([original, rows[:COPIES]])[:, kept]
    unit = np.where(spread > 0, spread, 1)[kept]
    moved = (shown - original[kept]) / unit
    names = [plain(printable(str(columns[column]))) for column in kept]
    left, height = min(2.5, 0.2 + max(map(inches, names))), ROW * len(kept)
    wide = CELL * len(shown)
    figure = canvas(left + wide + 2.2, height + 0.95, title, subtitle, layout=None)
    table, bars = box(figure, left, 0.7, wide, height), box(figure, left + wide + 0.2, 0.7, 1.8, height)
    most = max(np.abs(moved).max(), 1e-12)
    image = table.imshow(moved.T, cmap="RdBu_r", vmin=-most, vmax=most, alpha=0.55, aspect="auto")
    for (copy, column), number in np.ndenumerate(shown):
        weight = "normal" if copy else "bold"
        table.text(copy, column, f"{number:.4g}", ha="center", va="center", weight=weight, color=ORIGINAL)
    table.set_xticks(range(len(shown)), ["original", *(f"copy {copy}" for copy in range(len(shown) - 1))])
    table.set_yticks(range(len(kept)), names)
    table.xaxis.tick_top()
    table.tick_params(length=0)
    table.spines[:].set_visible(False)
    bar = figure.colorbar(image, cax=box(figure, left, 0.5, 2.4, 0.09), orientation="horizontal")
    bar.set_label("change, in standard deviations of the column")
    bars.barh(range(len(kept)), (rows - original).std(0)[kept] / unit, color=CHANGED, height=0.6)
    bars.set(ylim=table.get_ylim(), yticks=[], xlabel=f"standard deviation of all {len(rows)},\nin those of the column")
    return figure


def draw_signal(rows, original, columns, subtitle, title):
    """The channels of the original (times, channels), between the percentiles of the copies (copies, times, channels), and
    some of these."""
    times, channels = original.shape
    figure = canvas(8.2, 1.5 + 1.1 * channels, title, subtitle)
    low, high = np.percentile(rows, [5, 95], axis=0)
    for channel, axes in enumerate(figure.subplots(channels, sharex=True, squeeze=False)[:, 0]):
        axes.fill_between(
            range(times),
            low[:, channel],
            high[:, channel],
            color=CHANGED,
            alpha=0.25,
            lw=0,
            label="5th to 95th percentile",
        )
        for copy, row in enumerate(rows[:COPIES]):
            label = None if copy else f"{min(COPIES, len(rows))} of {len(rows)} augmentations"
            axes.plot(row[:, channel], color=CHANGED, lw=0.5, alpha=0.7, label=label)
        axes.plot(original[:, channel], color=ORIGINAL, lw=1.3, label="original")
        name = columns[channel] if columns else f"channel {channel}" if channels > 1 else "value"
        axes.set_ylabel(plain(printable(str(name))))
        axes.margins(x=0)
    axes.set_xlabel("position in the signal")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper")
    return figure


def draw_maps(shown, flat, subtitle, title):
    """The original and some copies in the same colours, and how far all copies are moved, `shown` (maps, height, width);
    those of `flat` samples have their two axes."""
    *planes, spread = shown
    figure = canvas(8.2, 3.0, title, subtitle)
    names = ["original", *(f"copy {copy}" for copy in range(len(planes) - 1))]
    axes = figure.subplots(1, len(shown), sharex=True, sharey=True)
    scale = {"vmin": np.min(planes), "vmax": np.max(planes), "aspect": "auto", "interpolation": "nearest"}
    for one, name, values in zip(axes, names, planes, strict=False):
        image = one.imshow(values, cmap="viridis", **scale)
        one.set_title(name)
    figure.colorbar(image, ax=axes[:-1])
    axes[-1].set_title("standard deviation")
    figure.colorbar(axes[-1].imshow(spread, cmap="magma", aspect="auto", interpolation="nearest"), ax=axes[-1])
    for axis in (axes[0].xaxis, axes[0].yaxis):
        axis.set_major_locator(MaxNLocator(5, integer=True))
    axes[0].set(xlabel="position, the longer axis" if flat else "position, planes side by side", ylabel="position")
    return figure


@styled
def augmented_texts(
    tokens: ArrayLike,
    original: ArrayLike,
    vocabulary: Sequence[str] = (),
    subtitle: str = "",
    title: str | None = None,
) -> Figure:
    """Draw a text above its augmentations, in which the tokens that differ are marked, and how many those are.

    Parameters
    ----------
    tokens : int array (augmentations, positions)
        The texts in which tokens were masked or replaced.
    original : int array (positions)
        The text itself.
    vocabulary : sequence of str
        The text of each token; without it they are drawn as numbers.
    subtitle : str
        The line below the headline, such as the network and its epochs.
    title : str, optional
        The headline, by default one that names the figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        If the texts are not as long as the original.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> original, letters = np.array([2, 0, 1]), ["a", "b", "c"]
    >>> figure = drillcore.figures.augmented_texts([[2, 0, 2], [1, 0, 1]], original, letters)
    >>> len(figure.axes[0].patches)
    2
    """
    tokens, original = np.asarray(tokens), np.asarray(original)
    check(tokens, original)
    replaced = tokens != original
    texts = [(original, np.zeros(len(original), bool)), *zip(tokens[:TEXTS], replaced[:TEXTS], strict=True)]
    lines = [in_lines(one, marked, vocabulary) for one, marked in texts]
    height = sum(len(of_text) + 0.5 for of_text in lines) * LEADING
    width = GUTTER + ACROSS * SIGN
    title = title or f"One text under {len(tokens)} random augmentations"
    figure = canvas(width + 0.2, height + 1.55, title, subtitle, layout=None)
    axes = box(figure, 0.12, 1.5, width, height)
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.axis("off")
    top = height
    for number, of_text in enumerate(lines):
        name = f"{np.count_nonzero(texts[number][1])} of {len(original)} replaced" if number else "the original"
        axes.text(0, top, name, size=SIZE, va="top", weight="normal" if number else "bold", color=ORIGINAL)
        for line in of_text:
            draw_line(axes, top, line)
            top -= LEADING
        top -= 0.5 * LEADING
    draw_counts(box(figure, GUTTER + 0.12, 0.38, 4, 0.85), replaced.sum(1), len(original))
    return figure


def in_lines(tokens, marked, vocabulary):
    """The `tokens` in at most LINES lines of (column, text, whether it is marked); the last ends in dots if some are left."""
    texts, lines, column = token_texts(tokens, vocabulary), [[]], 0
    space = len(between(tokens[~marked], vocabulary))
    for text, mark in zip(texts, marked, strict=True):
        text = visible(text) if mark else text
        if column + letters(text) > ACROSS and column:
            if len(lines) == LINES:
                lines[-1].append((column, " ...", False))
                break
            lines.append([])
            column = 0
        lines[-1].append((column, text, mark))
        column += letters(text) + space
    return lines


def draw_line(axes, top, line):
    """A line of a text, with what is marked on a ground of its own."""
    style = {"size": SIZE, "va": "top", "family": ["monospace", FALLBACK], "color": ORIGINAL}
    for column, text, mark in line:
        left = GUTTER + column * SIGN
        if mark:
            axes.add_patch(Rectangle((left, top - LEADING), letters(text) * SIGN, LEADING, color=MARK, lw=0))
        axes.text(left, top - 0.02, plain(text), **style)


def draw_counts(axes, counts, positions):
    """How many tokens were replaced, in how many of the augmentations."""
    axes.bar(*np.unique(counts, return_counts=True), color=CHANGED, width=0.8)
    mean = counts.mean()
    axes.axvline(mean, color=ORIGINAL, lw=1, linestyle=":", label=f"mean {mean:.1f}, {100 * mean / positions:.1f} %")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    axes.set(xlabel=f"tokens replaced, of {positions}", ylabel="augmentations")
