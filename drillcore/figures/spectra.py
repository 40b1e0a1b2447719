"""Singular values of every layer's features and of every weight, and the numbers of directions they amount to."""

from functools import partial

import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter, NullLocator

from drillcore.base.names import readable
from drillcore.base.store import read
from drillcore.colours import STUDIED, layer_of
from drillcore.figures.style import canvas, epoch_axis, epochs_text, layer_handles, layer_lines, legend_beside

FLOOR = 1e-6
"""The smallest share of the largest singular value that is drawn."""
RANKS = {
    "effective_rank": "effective rank\n(of singular values)",
    "effective_rank_of_variances": "effective rank\n(of variances)",
    "participation_ratio": "participation ratio\n(of variances)",
}


def figures(folder):
    """Names and functions of the figures of svd.h5 in `folder`, a network's artifacts."""
    with read(folder / "svd.h5") as file:
        for name, part, what in (
            ("f_svd_analysis", "features", "Spectra of the layers' features"),
            ("w_svd_analysis", "weights", "Spectra of the weights"),
        ):
            stored = sorted(file[part], key=int)
            where = f"{folder.name}, {epochs_text([int(epoch) for epoch in stored])}"
            order = list(file.attrs["layers" if part == "features" else "tensors"])
            yield name, partial(draw_spectra, file[part], stored, order, what, where)


def draw_spectra(group, stored, order, what, where):
    """`svd_analysis` of one group of an open svd.h5; products of squeeze-expand pairs follow the tensors of `order`."""
    names = order + sorted(set(group[stored[-1]]) - set(order))
    spectra = {
        readable(name): [group[f"{epoch}/{name}/singular_values"][:] for epoch in (stored[0], stored[-1])]
        for name in names
    }
    ranks = {
        rank: {readable(name): np.array([group[f"{epoch}/{name}"].attrs[rank] for epoch in stored]) for name in names}
        for rank in RANKS
    }
    return svd_analysis([int(epoch) for epoch in stored], spectra, ranks, what, where)


def svd_analysis(epochs, spectra, ranks, what, where):
    """Spectra at the first and the last epoch, and their effective ranks and participation ratio by epoch.

    Parameters
    ----------
    epochs : list of int (E)
    spectra : dict
        By layer or tensor, the singular values (descending) of the first and of the last epoch.
    ranks : dict
        By each of `RANKS`, a dict by layer or tensor of arrays (E).
    what, where : str
        The headline, and network and epochs.
    """
    lines = tensor_lines(spectra)
    figure = canvas(9.6, 5.0, what, where)
    grid = figure.add_gridspec(2, 7, width_ratios=[*[1] * 6, 1.1])
    left = figure.add_subplot(grid[0, :3])
    panels = [left, figure.add_subplot(grid[0, 3:6], sharex=left, sharey=left)]
    for axes, position, epoch in zip(panels, (0, 1), (epochs[0], epochs[-1]), strict=True):
        for name, values in spectra.items():
            draw_spectrum(axes, values[position], lines[name])
        axes.set_title(f"epoch {epoch}")
        axes.set_xlabel("index of the singular value")
        axes.grid(True)
    left.set_xscale("log")
    left.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    left.xaxis.set_major_formatter("{x:g}")
    left.xaxis.set_minor_formatter(NullFormatter())
    left.set_yscale("log")
    left.set_ylim(min(0.07, left.get_ylim()[0]), 1.4)
    left.set_ylabel("singular value / largest")
    for column, (rank, label) in enumerate(RANKS.items()):
        axes = figure.add_subplot(grid[1, 2 * column : 2 * column + 2], ylabel=label)
        for name, values in ranks[rank].items():
            axes.plot(epochs, values, marker="o", **lines[name])
        rank_axis(axes, np.concatenate([*ranks[rank].values()]))
        epoch_axis(axes, epochs)
    undefined = [
        short(name) for name, both in spectra.items() if not any(values.max(initial=0.0) > 0 for values in both)
    ]
    handles = layer_handles({short(name): lines[name] for name in spectra}, undefined)
    legend_beside(figure.add_subplot(grid[:, 6]), handles)
    return figure


def rank_axis(axes, values):
    """Ranks along y, by their logarithm where they differ by far."""
    values = values[values > 0]
    if len(values) and values.max() > 8 * values.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(NullLocator())


def draw_spectrum(axes, values, line):
    """One spectrum relative to its largest value; nothing where all are zero or not numbers."""
    largest = values.max(initial=0.0)
    if largest > 0:
        shares = values / largest
        shown = shares > FLOOR
        marker = "o" if len(values) <= 12 else None
        axes.plot(np.arange(1, len(values) + 1)[shown], shares[shown], marker=marker, **line)


def tensor_lines(names):
    """The lines of layers or tensors; in the studies' networks a tensor's is its layer's, dotted for a pair's product."""
    if not all(map(STUDIED.fullmatch, names)):
        return layer_lines(names)
    keys = {name: name if name.endswith(".product") or "weight" not in name else layer_of(name) for name in names}
    lines = layer_lines(list(keys.values()))
    return {name: lines[key] for name, key in keys.items()}


def short(name):
    """A tensor's name for the legend, without what is the same for all; a product says of what."""
    if name.endswith(".product"):
        layer = layer_of(name)
        return f"{layer} × {layer.replace('layer', 'squeeze')}"
    trimmed = name
    for ending in (".weight", ".kernel", ".linear"):
        trimmed = trimmed.removesuffix(ending)
    return trimmed
