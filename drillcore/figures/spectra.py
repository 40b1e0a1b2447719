"""Singular values of every layer's features and of every weight, and the numbers of directions they amount to."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

import drillcore
from drillcore.artifacts.network import Network, read_network
from drillcore.artifacts.svd import Spectra, product_of
from drillcore.base.errors import InputError
from drillcore.base.names import printable
from drillcore.colours import STUDIED, layer_of
from drillcore.figures.log_axes import log_axis
from drillcore.figures.style import (
    canvas,
    epoch_axis,
    epochs_text,
    layer_handles,
    layer_lines,
    legend_beside,
    letters,
    name_ticks,
    samples_text,
    styled,
)
from drillcore.intervals import LEVEL, Interval
from drillcore.ranks import RANKS

FLOOR = 1e-6
"""The smallest share of the largest singular value that is drawn."""


MOST_MARKED, APART = 12, 0.12
"""So many values of a spectrum each have a marker; of more, markers stand so far apart, in diagonals of the axes."""


def figures(folder):
    """Names and functions of the figures of svd.h5 in `folder`, a network's artifacts."""
    with Spectra(folder / Spectra.FILE) as file:
        yield from drawings(file)


def drawings(file):
    """Names and functions of the figures of `Spectra`."""
    yield "f_svd_analysis", partial(draw_spectra, file, "features", "Spectra of the layers' features")
    yield "w_svd_analysis", partial(draw_spectra, file, "weights", "Spectra of the weights")


def draw_spectra(file, part, title):
    """`svd_analysis` of the "features" or the "weights" of `Spectra`."""
    names, epochs = file.named(part), file.epochs_of(part)
    spectra = {printable(name): [file[name, epoch][:] for epoch in (epochs[0], epochs[-1])] for name in names}
    ranks = {
        rank: {printable(name): np.array([file.rank(name, rank, epoch) for epoch in epochs]) for name in names}
        for rank in RANKS
    }
    subtitle, card = f"{file.title}, {epochs_text(epochs)}", file.path.parent / Network.FILE
    if part == "weights" or file.seeds == 1:
        return svd_analysis(epochs, spectra, ranks, title, subtitle, products_of(card))
    intervals = {rank: {printable(name): file.interval(name, rank) for name in names} for rank in RANKS}
    subtitle += f"; bars: mean over {file.seeds} seeds, {100 * LEVEL:.0f} % t interval"
    return svd_analysis(epochs, spectra, ranks, title, subtitle, products_of(card), intervals)


def products_of(card):
    """The products of weights that are one linear map in the network of the `card`, if there is one: {name: of which}."""
    squeezes = read_network(card).squeezes if card.exists() else []
    return {product_of(squeeze.expand): f"{squeeze.expand} × {squeeze.name}" for squeeze in squeezes}


@styled
def svd_analysis(
    epochs: Sequence[int],
    spectra: Mapping[str, Sequence[NDArray[np.float64]]],
    ranks: Mapping[str, Mapping[str, ArrayLike]],
    title: str = "Spectra",
    subtitle: str = "",
    products: Mapping[str, str] | None = None,
    intervals: Mapping[str, Mapping[str, Interval]] | None = None,
) -> Figure:
    """Draw spectra at the first and the last epoch, and their effective ranks and participation ratio by epoch.

    Parameters
    ----------
    epochs : sequence of int (E)
        The epochs.
    spectra : mapping of str to pair of float64 arrays
        By layer or tensor, the singular values (descending) of the first and of the last epoch.
    ranks : mapping
        By "effective_rank", "effective_rank_of_variances" and "participation_ratio", a mapping of layer or tensor to an
        array (E).
    title : str
        The headline.
    subtitle : str
        The line below it, such as the network and its epochs.
    products : mapping of str to str, optional
        Of the tensors that are the product of two, what the legend calls each.
    intervals : mapping, optional
        As `ranks`, of each layer the `Interval` over seeds at the last epoch, a bar.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> ranks = "effective_rank", "effective_rank_of_variances", "participation_ratio"
    >>> spectra = {"fc1": (np.array([3.0, 2.0, 1.0]), np.array([3.0, 1.0, 0.1]))}
    >>> by_epoch = {rank: {"fc1": [2.8, 1.7]} for rank in ranks}
    >>> figure = drillcore.figures.svd_analysis([0, 1], spectra, by_epoch)
    >>> figure.axes[0].get_ylabel()
    'singular value / largest'
    """
    products = products or {}
    lines = tensor_lines(spectra, products)
    figure = canvas(9.6, 5.0, title, subtitle)
    grid = figure.add_gridspec(2, 7, width_ratios=[*[1] * 6, 1.1])
    left = figure.add_subplot(grid[0, :3])
    panels = [left, figure.add_subplot(grid[0, 3:6], sharex=left, sharey=left)]
    for axes, position, epoch in zip(panels, (0, 1), (epochs[0], epochs[-1]), strict=True):
        for name, values in spectra.items():
            draw_spectrum(axes, values[position], lines[name])
        axes.set_title(f"epoch {epoch}")
        axes.set_xlabel("index of the singular value")
        axes.grid(True)
    spectrum_axes(left)
    for column, (name, rank) in enumerate(RANKS.items()):
        axes = figure.add_subplot(grid[1, 2 * column : 2 * column + 2], ylabel=rank.label)
        for tensor, values in ranks[name].items():
            axes.plot(epochs, values, **lines[tensor])
            if intervals:
                mean, half, _ = intervals[name][tensor]
                axes.errorbar(epochs[-1], mean, half, color=lines[tensor]["color"], capsize=2.5, lw=1, fmt="none")
        rank_axis(axes, np.concatenate([*ranks[name].values()]))
        epoch_axis(axes, epochs)
    legend_beside(figure.add_subplot(grid[:, 6]), spectrum_handles(spectra, lines, products), layers=len(spectra))
    return figure


def spectrum_axes(axes):
    """Of every figure of spectra: both axes logarithmic, down to where there are values."""
    log_axis(axes.xaxis)
    log_axis(axes.yaxis)
    axes.set_ylim(min(0.07, axes.get_ylim()[0]), 1.4)
    axes.set_ylabel("singular value / largest")


def spectrum_handles(spectra, lines, products):
    """The legend's entries, by layer or tensor; those whose spectra are all zero or not numbers are undefined."""
    undefined = [
        short(name, products)
        for name, every in spectra.items()
        if not any(values.max(initial=0.0) > 0 for values in every)
    ]
    return layer_handles({short(name, products): lines[name] for name in spectra}, undefined)


@styled
def layer_spectra(
    layers: Mapping[str, ArrayLike], subtitle: str = "", title: str = "Spectra of the layers' features"
) -> Figure:
    """Draw every layer's spectrum at one epoch, and how many directions each amounts to.

    Parameters
    ----------
    layers : mapping of str to array_like (samples, units) or (n)
        By layer its activations; or its singular values, as `feature_singular_values` returns them.
    subtitle : str
        The line below the headline, such as the network and its epoch.
    title : str
        The headline.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        If there is no layer, the activations of one are not (samples, units), or singular values are not one axis of
        numbers that are not negative.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> random = np.random.default_rng(0)
    >>> outputs = {"fc1": random.normal(size=(50, 6)), "fc2": random.normal(size=(50, 3))}
    >>> figure = drillcore.figures.layer_spectra(outputs)
    >>> figure.axes[0].get_xlabel(), figure.axes[1].get_ylabel()
    ('index of the singular value', 'directions')
    """
    if all(np.ndim(values) > 1 for values in layers.values()):
        subtitle = subtitle or samples_text(layers)
        layers = {name: drillcore.feature_singular_values(values) for name, values in layers.items()}
    layers = {name: np.asarray(values) for name, values in layers.items()}
    if not layers:
        raise InputError("no layers to draw: give the activations of at least one.")
    lines = layer_lines(list(layers))
    ranks = {rank: np.array([getattr(drillcore, rank)(values) for values in layers.values()]) for rank in RANKS}
    longest = max(map(letters, layers))
    figure = canvas(7.4 + 0.09 * longest, 2.6 + 0.04 * longest, title, subtitle)
    left, right, legend = figure.subplots(1, 3, width_ratios=[1, 1, 0.3 + 0.025 * longest])
    for name, values in layers.items():
        draw_spectrum(left, values, lines[name])
    left.set_xlabel("index of the singular value")
    spectrum_axes(left)
    for rank, marker in zip(RANKS, "osD", strict=True):
        right.plot(
            range(len(layers)),
            ranks[rank],
            color="#555555",
            lw=0.8,
            marker=marker,
            markersize=4,
            label=RANKS[rank].label,
        )
    rank_axis(right, np.concatenate([*ranks.values()]))
    right.set_xlim(-0.3, len(layers) - 0.7)
    right.tick_params(axis="x", rotation=90)
    right.set_ylabel("directions")
    right.legend(fontsize=6.5)
    for axes in (left, right):
        axes.grid(True)
    name_ticks(right.xaxis, list(layers), 2.6)
    handles = spectrum_handles({name: [values] for name, values in layers.items()}, lines, {})
    legend_beside(legend, handles, layers=len(layers))
    return figure


def rank_axis(axes, values):
    """Ranks along y, by their logarithm where they differ by far."""
    values = values[values > 0]
    if len(values) and values.max() > 8 * values.min():
        log_axis(axes.yaxis)


def draw_spectrum(axes, values, line):
    """One spectrum relative to its largest value; nothing where all are zero or not numbers."""
    largest = values.max(initial=0.0)
    if largest > 0:
        shares = values / largest
        shown = shares > FLOOR
        few = len(values) <= MOST_MARKED
        if not few and line["marker"] == "o":
            line = {**line, "marker": ""}
        axes.plot(np.arange(1, len(values) + 1)[shown], shares[shown], markevery=None if few else APART, **line)


def tensor_lines(names, products):
    """The lines of layers or tensors; in the studies' networks a tensor's is its layer's, dotted for a pair's product."""
    if not all(map(STUDIED.fullmatch, names)):
        return layer_lines(names)
    keys = {name: name if name in products or "weight" not in name else layer_of(name) for name in names}
    lines = layer_lines(list(keys.values()))
    return {name: lines[key] for name, key in keys.items()}


def short(name, products):
    """A tensor's name for the legend, without the endings that all share; a product names its two factors."""
    trimmed = products.get(name, name)
    for ending in (".weight", ".kernel", ".linear"):
        trimmed = trimmed.removesuffix(ending)
    return trimmed
