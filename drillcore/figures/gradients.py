"""How gradients near zero stay, leave and flip, step by step, and how large all gradients are, epoch by epoch.

The averages beside the raw values are exponential, of gradients and weights alike.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, StrMethodFormatter
from numpy.typing import ArrayLike, NDArray

from drillcore.artifacts.gradient_stats import GradientStats, arrays
from drillcore.artifacts.gradients import SAME_BATCH, Gradients, bins_of
from drillcore.base.arrays import row_blocks
from drillcore.base.names import printable
from drillcore.colours import SERIES, layers_of
from drillcore.figures.log_axes import log_axis
from drillcore.figures.step_axes import divided, draw_steps, positive, seed_band, step_axis, step_panels
from drillcore.figures.style import (
    THRESHOLDS,
    canvas,
    epoch_axis,
    epochs_text,
    layer_handles,
    layer_lines,
    legend_beside,
    number,
    styled,
)
from drillcore.intervals import LEVEL
from drillcore.recording.threshold import NEAR

KINDS = {"raw": "raw gradients", "ema": "exponential averages"}
CHANCE = {"color": "#004d38", "lw": 1.0, "linestyle": (0, (3, 1.5))}
"""How minima by chance alone are drawn: as minima, but dashed and darker, for both lie upon each other."""
REPEATED = {"color": "#8c510a", "lw": 1.1, "marker": ".", "ms": 4}
"""How flips of the same batch are drawn: with a point at each of the steps at which they were recorded."""
TEXTS = {
    "zeros": "near zero",
    "exact_zeros": "exactly zero",
    "retained": "retained: so at the\nstep before as well",
    "released": "released: so at the\nstep before alone",
}


def figures(folder):
    """Names and functions of the figures of gradient_stats.json and gradients.h5 in `folder`, a network's artifacts."""
    stats = GradientStats(folder / GradientStats.FILE)
    with Gradients(folder / Gradients.FILE) as file:
        yield from drawings(file, stats)


def drawings(file, stats):
    """Names and functions of the figures of `Gradients`, with the `stats` that `summarise` makes of them.

    There are none where no step was recorded.
    """
    epoch, parameters = file.epoch(), int(file.sizes.sum())
    if not len(epoch):
        return
    by_step = {threshold: {kind: stats.by_step(threshold, kind) for kind in KINDS} for threshold in stats.thresholds}
    by_layer = {
        threshold: {kind: released_by_layer(stats[threshold][kind]) for kind in KINDS} for threshold in stats.thresholds
    }
    subtitle, starts = f"{file.title}, {epochs_text(epoch)}", file.epoch_starts
    if stats.seeds > 1:
        subtitle += f"; bands of raw gradients: {100 * LEVEL:.0f} % t intervals over {stats.seeds} seeds"
    for threshold, series in by_step.items():
        name = f"zero_{exponent(threshold)}_grads"
        yield name, partial(near_zero_counts, threshold, series, starts, parameters, subtitle)
    yield "frac_zero_grads_released", partial(fraction_released, by_step, by_layer, starts, subtitle)
    same_batch = {threshold: stats.by_step(threshold, SAME_BATCH) for threshold in by_step if SAME_BATCH in stats.kinds}
    yield "frac_flip", partial(fraction_flipped, by_step, starts, subtitle, same_batch=same_batch)
    yield "wdiff", partial(draw_weight_change, file, by_step, starts, subtitle)
    yield "gradient_histogram", partial(draw_histogram, file, subtitle)


def near(threshold):
    """What near zero is at a threshold, as text."""
    return NEAR.format(number(threshold))


def exponent(threshold):
    """How a threshold is named in a file's name: 1e-7 is `e7`, 3e-6 is `3e6`, 10 is `e+1`."""
    mantissa, power = f"{threshold:.12e}".split("e")
    digits = mantissa.rstrip("0").rstrip(".").replace(".", "p")
    power = int(power)
    return f"{'' if digits == '1' else digits}e{abs(power) if power <= 0 else f'+{power}'}"


@styled
def near_zero_counts(
    threshold: float,
    series: Mapping[str, Mapping[str, ArrayLike]],
    starts: Sequence[int],
    parameters: int,
    subtitle: str = "",
    title: str | None = None,
) -> Figure:
    """Draw how many gradients are near zero, and how many of them were and stay so or were and left, by step.

    Parameters
    ----------
    threshold : float
        At which gradients count as near zero, as `drillcore.recording.threshold.near_zero` says.
    series : mapping
        "raw" and "ema", each a mapping of arrays (steps): step, zeros, exact_zeros, retained, released.
    starts : sequence of int
        The first step of each epoch but the first, where a line is drawn.
    parameters : int
        The number of all parameters.
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
    >>> steps = np.arange(1, 5)
    >>> series = {"step": steps, "zeros": 8 * steps, "exact_zeros": steps, "retained": 5 * steps, "released": 2 * steps}
    >>> both = {"raw": series, "ema": series}
    >>> figure = drillcore.figures.near_zero_counts(1e-7, both, [3], parameters=50)
    >>> figure.axes[0].get_ylabel()
    'parameters'
    """
    title = title or f"Gradients near zero, retained and released: {near(threshold)}"
    figure, rows, legend = step_panels(2, title, subtitle)
    for column, (kind, values) in enumerate(series.items()):
        upper, lower = rows[0][column], rows[1][column]
        for name in ("zeros", "retained", "exact_zeros"):
            upper.plot(values["step"], values[name], **line(name))
            seed_band(upper, values, name, SERIES[name])
        lower.plot(values["step"], values["released"], **line("released"))
        seed_band(lower, values, "released", SERIES["released"])
        upper.set_title(KINDS[kind])
        for axes in (upper, lower):
            step_axis(axes, starts)
            axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
            share = axes.secondary_yaxis(
                "right", functions=(lambda n: 100 * n / parameters, lambda p: p * parameters / 100)
            )
            share.set_ylabel("% of parameters" if column else "")
    for row in rows:
        row[0].set_ylabel("parameters")
        row[0].set_ylim(bottom=0)
    legend_beside(legend(slice(None)), [Line2D([], [], label=text, **line(name)) for name, text in TEXTS.items()])
    return figure


def released_by_layer(statistics):
    """Epochs, and by layer the fraction released in each over all its tensors; NaN where none was near zero."""
    sums, layers = {}, layers_of(list(map(printable, statistics["tensor"])))
    for layer, lists in zip(layers, statistics["tensor"].values(), strict=True):
        values = arrays(lists)
        sums[layer] = sums.get(layer, 0) + np.array([values["released"], values["retained"]])
    return statistics["epoch"]["epoch"], {layer: divided(both[0], both.sum(0)) for layer, both in sums.items()}


@styled
def fraction_released(
    by_step: Mapping[float, Mapping[str, Mapping[str, ArrayLike]]],
    by_layer: Mapping[float, Mapping[str, Any]],
    starts: Sequence[int],
    subtitle: str = "",
    title: str | None = None,
) -> Figure:
    """Draw which fraction of the gradients that were near zero left, by step over all parameters, by epoch in each layer.

    Parameters
    ----------
    by_step : mapping
        By threshold, "raw" and "ema", each a mapping of arrays (steps): step, fraction_released.
    by_layer : mapping
        By threshold, "raw" and "ema", each a pair of the epochs and a mapping of layer to fractions (epochs).
    starts : sequence of int
        The first step of each epoch but the first, where a line is drawn.
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
    >>> steps = np.arange(1, 5)
    >>> series = {"step": steps, "fraction_released": steps / 8}
    >>> both = {"raw": series, "ema": series}
    >>> layers = {kind: ([1, 2], {"fc1": np.array([0.1, 0.2])}) for kind in ("raw", "ema")}
    >>> figure = drillcore.figures.fraction_released({1e-7: both}, {1e-7: layers}, [3])
    >>> figure.axes[2].get_xlabel()
    'epoch'
    """
    released = "Released gradients: near zero at one step, no longer at the next"
    figure, rows, legend = step_panels(1 + len(by_layer), title or released, subtitle)
    handles, lines = [], {}
    for colour, (threshold, series) in zip(cycled(by_step), by_step.items(), strict=True):
        for axes, (kind, values) in zip(rows[0], series.items(), strict=True):
            draw_steps(axes, values["step"], values["fraction_released"], color=colour, lw=0.8)
            seed_band(axes, values, "fraction_released", colour)
            axes.set_title(f"{KINDS[kind]}, all parameters")
        handles.append(Line2D([], [], color=colour, label=near(threshold)))
    for row, (threshold, series) in zip(rows[1:], by_layer.items(), strict=True):
        for axes, (epochs, layers) in zip(row, series.values(), strict=True):
            lines = layer_lines(list(layers))
            for layer, fraction in layers.items():
                axes.plot(epochs, fraction, **lines[layer])
            axes.set_title(f"each layer, {near(threshold)}")
            epoch_axis(axes, epochs or [0])
    for axes in rows[0]:
        step_axis(axes, starts)
    for row in rows:
        row[0].set_ylim(bottom=0)
        row[0].set_ylabel("share released")
    legend_beside(legend(0), handles)
    drawn = {layer for kinds in by_layer.values() for _, layers in kinds.values() for layer in finite(layers)}
    legend_beside(legend(slice(1, None)), layer_handles(lines, lines.keys() - drawn), layers=len(lines))
    return figure


def finite(series):
    """The names of those of the `series`, arrays by name, that have a number."""
    return [name for name, values in series.items() if np.isfinite(values).any()]


@styled
def fraction_flipped(
    by_step: Mapping[float, Mapping[str, Mapping[str, ArrayLike]]],
    starts: Sequence[int],
    subtitle: str = "",
    title: str | None = None,
    same_batch: Mapping[float, Mapping[str, ArrayLike]] | None = None,
) -> Figure:
    """Draw which fraction of the retained gradients flipped its sign, through a minimum or a maximum, by step.

    Parameters
    ----------
    by_step : mapping
        By threshold, "raw" and "ema", each a mapping of arrays (steps): step, retained, flips, minima, maxima, and if they
        are known minima_share, of minima and maxima, and minima_share_null, the same by chance alone.
    starts : sequence of int
        The first step of each epoch but the first, where a line is drawn.
    subtitle : str
        The line below the headline, such as the network and its epochs.
    title : str, optional
        The headline, by default one that names the figure.
    same_batch : mapping, optional
        By threshold arrays (steps): step, retained, flips, of the same batch before and after an update.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> steps = np.arange(1, 5)
    >>> series = {"step": steps, "retained": 5 * steps, "flips": 2 * steps, "minima": steps, "maxima": steps}
    >>> both = {"raw": series, "ema": series}
    >>> figure = drillcore.figures.fraction_flipped({1e-7: both}, [3])
    >>> figure.axes[0].get_ylabel()
    'share of those\\nthat stay'
    """
    title = title or "Sign flips of gradients that stay near zero, over minima or maxima"
    with_null = [name for name, series in by_step.items() if all("minima_share_null" in of for of in series.values())]
    figure, rows, legend = step_panels(len(by_step) + len(with_null), title, subtitle, share=False)
    names = "flips", "minima", "maxima"
    same_batch = same_batch or {}
    for row, (threshold, series) in zip(rows[: len(by_step)], by_step.items(), strict=True):
        if threshold in same_batch:
            again = same_batch[threshold]
            row[0].plot(again["step"], divided(again["flips"], again["retained"]), **REPEATED)
        for axes, (kind, values) in zip(row, series.items(), strict=True):
            for name in names:
                draw_steps(axes, values["step"], divided(values[name], values["retained"]), **line(name))
            seed_band(axes, values, "fraction_flipped", SERIES["flips"])
            axes.set_title(f"{KINDS[kind]}, {near(threshold)}")
            say_where_empty(axes, "none stays near zero")
            step_axis(axes, starts)
            axes.set_ylim(bottom=0)
        row[0].set_ylabel("share of those\nthat stay")
    texts = "all flips", "minima stepped over", "maxima stepped over"
    handles = [Line2D([], [], label=text, **line(name)) for name, text in zip(names, texts, strict=True)]
    legend_beside(legend(0), handles + [Line2D([], [], label="flips, same batch", **REPEATED)] * bool(same_batch))
    if with_null:
        draw_chance(rows[len(by_step) :], {threshold: by_step[threshold] for threshold in with_null}, starts)
        handles = [
            Line2D([], [], label="minima stepped over", **line("minima")),
            Line2D([], [], label="minima by chance alone", **CHANCE),
            *late_chance(by_step[with_null[0]]["ema"]),
        ]
        legend_beside(legend(len(by_step)), handles)
    return figure


def say_where_empty(axes, text):
    """Write `text` in the middle of a panel of whose lines none has a value, in place of its ticks."""
    if not any(np.isfinite(np.asarray(drawn.get_ydata(), np.float64)).any() for drawn in axes.lines):
        axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color="#666666")
        axes.set_yticks([])


def late_chance(averages):
    """An entry of a legend, without a line, that says why the chance of the `averages` begins after they do; or none."""
    known = np.asarray(averages["step"])[np.isfinite(averages["minima_share_null"])]
    if not len(known) or known[0] == averages["step"][0]:
        return []
    text = f"of averages from step {known[0]:.0f}:\nby then their first gradient\nhas faded"
    return [Line2D([], [], linestyle="", label=text)]


def draw_chance(rows, by_step, starts):
    """Draw into a row of panels for each threshold which share of the flips crosses a minimum, and by chance alone."""
    for row, (threshold, series) in zip(rows, by_step.items(), strict=True):
        for axes, (kind, values) in zip(row, series.items(), strict=True):
            draw_steps(axes, values["step"], values["minima_share"], **line("minima"))
            draw_steps(axes, values["step"], values["minima_share_null"], **CHANCE)
            axes.set_title(f"{KINDS[kind]}, {near(threshold)}")
            say_where_empty(axes, "no flips")
            step_axis(axes, starts)
        row[0].set_ylabel("minima / (minima\n+ maxima)")


def draw_weight_change(file, by_step, starts, subtitle):
    """`weight_change` of `Gradients`."""
    overall = {kind: (file.step(kind), change_norm(file.weight_change(kind))) for kind in KINDS}
    return weight_change(overall, by_step, starts, subtitle)


def change_norm(moved):
    """The norm of the weights' change at every step, from the sums of abs(dw) and dw^2 (steps, tensors, bins, bins, 2)."""
    blocks = row_blocks(len(moved), 8 * int(np.prod(moved.shape[1:])))
    return np.sqrt(np.concatenate([moved[rows][..., 1].sum((1, 2, 3)) for rows in blocks] or [np.zeros(0)]))


@styled
def weight_change(
    overall: Mapping[str, tuple[ArrayLike, ArrayLike]],
    by_step: Mapping[float, Mapping[str, Mapping[str, ArrayLike]]],
    starts: Sequence[int],
    subtitle: str = "",
    title: str | None = None,
) -> Figure:
    """Draw the norm of the difference of all weights, and of those with retained near-zero gradients, from step to step.

    Parameters
    ----------
    overall : mapping
        "raw" and "ema", each the arrays (steps) of steps and norms.
    by_step : mapping
        By threshold, "raw" and "ema", each a mapping of arrays (steps): step, weight_change.
    starts : sequence of int
        The first step of each epoch but the first, where a line is drawn.
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
    >>> steps = np.arange(1, 5)
    >>> series = {"step": steps, "weight_change": steps / 100}
    >>> both = {"raw": series, "ema": series}
    >>> overall = {kind: (steps, steps / 10) for kind in ("raw", "ema")}
    >>> figure = drillcore.figures.weight_change(overall, {1e-7: both}, [3])
    >>> figure.axes[0].get_ylabel()
    "norm of the weights' difference"
    """
    figure, (row,), legend = step_panels(1, title or "How far the weights move in a step", subtitle)
    handles = [Line2D([], [], color="#333333", label="all parameters")]
    for axes, (kind, (steps, norms)) in zip(row, overall.items(), strict=True):
        axes.plot(steps, positive(norms), color="#333333", lw=1)
        axes.set_title("raw weights" if kind == "raw" else KINDS[kind])
        log_axis(axes.yaxis)
        step_axis(axes, starts)
    for colour, (threshold, series) in zip(cycled(by_step), by_step.items(), strict=True):
        for axes, values in zip(row, series.values(), strict=True):
            draw_steps(axes, values["step"], positive(values["weight_change"]), color=colour, lw=1)
            seed_band(axes, values, "weight_change", colour)
        handles.append(Line2D([], [], color=colour, label=f"stay near zero,\n{near(threshold)}"))
    row[0].set_ylabel("norm of the weights' difference")
    legend_beside(legend(0), handles)
    return figure


def draw_histogram(file: Gradients, subtitle: str = "", title: str | None = None) -> Figure:
    """Draw how large the gradients of a gradients.h5 are; see `gradient_histogram`.

    Parameters
    ----------
    file : Gradients
        What `drillcore.open` returns for a gradients.h5.
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
    >>> with drillcore.GradientRecorder({"weight": 2}, "gradients.h5") as recorder:
    ...     for step, gradient in enumerate(np.float32([[0.0, 1e-4], [1e-6, -1e-4]]), 1):
    ...         recorder.record(step, 1, 0.5, [gradient], [np.zeros(2, np.float32)])
    >>> with drillcore.open("gradients.h5") as file:
    ...     figure = drillcore.figures.draw_histogram(file)
    >>> figure.axes[0].get_ylabel()
    '|gradient|'
    """
    shares = {kind: bin_shares(file.counts(kind), file.epoch(kind)) for kind in KINDS}
    return gradient_histogram(np.unique(file.epoch()), shares, file.edges, subtitle, title)


def bin_shares(counts, epoch):
    """Which share of the parameters' gradients is in each bin of size, over all steps of an epoch.

    From the counts (steps, tensors, bins before, bins now, crossings), read in blocks, and the epoch of each step.
    Returns a float64 array (epochs, bins).
    """
    numbers, index = np.unique(epoch, return_inverse=True)
    sums = np.zeros((len(numbers), counts.shape[3]), np.int64)
    for rows in row_blocks(len(counts), 4 * int(np.prod(counts.shape[1:]))):
        np.add.at(sums, index[rows], counts[rows].sum((1, 2, 4), dtype=np.int64))
    return divided(sums, sums.sum(1, keepdims=True))


@styled
def gradient_histogram(
    epochs: ArrayLike,
    shares: Mapping[str, NDArray[np.float64]],
    edges: Sequence[float],
    subtitle: str = "",
    title: str | None = None,
) -> Figure:
    """Draw how large the gradients are: the share of all parameters in each bin of abs(gradient), by epoch.

    Parameters
    ----------
    epochs : array_like of int (E)
        The epochs.
    shares : mapping of str to float64 array (E, bins)
        Of "raw" and "ema"; each row adds up to 1.
    edges : sequence of float
        The recorder's edges: bin 0 is exactly zero, bin k up to and with edges[k - 1], the last above all.
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
    >>> shares = np.array([[0.2, 0.3, 0.5], [0.4, 0.4, 0.2]])
    >>> figure = drillcore.figures.gradient_histogram([1, 2], {"raw": shares, "ema": shares}, [1e-3])
    >>> figure.axes[0].get_ylabel()
    '|gradient|'
    """
    bins = bins_of(edges)
    figure = canvas(8.4, 0.9 + 0.24 * bins, title or "Sizes of the gradients, by epoch", subtitle)
    first, second, bar = figure.subplots(1, 3, width_ratios=[1, 1, 0.03])
    scale, written = LogNorm(1e-4, 100), len(epochs) <= 12
    for axes, (kind, values) in zip((first, second), shares.items(), strict=True):
        if len(epochs):
            masked = np.ma.masked_less_equal(np.ma.masked_invalid(100 * values.T), 0)
            axes.imshow(masked, aspect="auto", origin="lower", norm=scale, cmap="viridis", interpolation="nearest")
        axes.set_title(KINDS[kind])
        axes.spines[:].set_visible(False)
        shown = range(0, len(epochs), -(-len(epochs) // 8) or 1)
        axes.set_xticks(shown, [int(epochs[position]) for position in shown])
        axes.set_xlabel("epoch")
        axes.set_yticks([])
        if written:
            write_shares(axes, 100 * values, scale)
    limits = ["0", *map(number, edges)]
    between = [f"{low} to {high}" for low, high in pairwise(limits)]
    first.set_yticks(range(bins), ["exactly 0", *between, f"above {limits[-1]}"])
    first.set_ylabel("|gradient|")
    colours = figure.colorbar(ScalarMappable(scale, "viridis"), cax=bar, label="% of all parameters")
    colours.formatter = FuncFormatter(lambda share, _: number(share))
    colours.outline.set_linewidth(0.4)
    if any(np.equal(values, 0).any() for values in shares.values()):
        bar.set_title("white: none", size=6.5, loc="right")
    return figure


def write_shares(axes, values, scale):
    """Write each share, in percent, into its cell."""
    for (column, row), share in np.ndenumerate(values):
        if share > 0:
            text = f"{share:.2g}" if share >= 1e-3 else "<0.001"
            colour = "white" if scale(share) < 0.55 else "black"
            axes.text(column, row, text, ha="center", va="center", size=5.5, color=colour)


def line(name):
    """How a series is drawn, everywhere the same."""
    return {"color": SERIES[name], "lw": 0.9, "linestyle": ":" if name == "exact_zeros" else "-"}


def cycled(items):
    """A colour for each threshold."""
    return [THRESHOLDS[index % len(THRESHOLDS)] for index in range(len(items))]
