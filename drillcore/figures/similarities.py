"""How alike layers represent the same images: between layers, over the epochs, against chance, and with an outlier."""

from functools import partial

import numpy as np
from matplotlib.lines import Line2D

from drillcore.artifacts.network import read_network
from drillcore.base.arrays import evenly
from drillcore.base.names import readable
from drillcore.base.store import read
from drillcore.figures.similarity_maps import (
    SIDE,
    Drawn,
    by_chance,
    colour_scale,
    cross_handles,
    draw_map,
    explain,
    label_cells,
)
from drillcore.figures.style import (
    MOST_NAMED,
    canvas,
    epoch_axis,
    epochs_text,
    layer_lines,
    legend_beside,
    legend_height,
    letters,
    pairs_of,
    plain,
)
from drillcore.similarity.catalogue import BIASED, MEASURES, TESTED, catalogued

SETTLED = 0.95
"""A layer has settled at the first epoch from which on it is at least so much like itself at the last."""
ACROSS = 4
"""How many maps of layers are side by side."""


def figures(folder):
    """Names and functions of the figures of similarity.h5 in `folder`, a network's artifacts.

    One before training is drawn where the card knows of an epoch from then and it is stored, and how layers settle where
    there is more than one epoch.
    """
    untrained = read_network(folder / "network.yaml").untrained_epoch
    with read(folder / "similarity.h5") as file:
        layers, numbers = list(map(readable, file.attrs["layers"])), [int(epoch) for epoch in file.attrs["epochs"]]
        samples = int(file.attrs["samples"])
        between = {name: file[f"between_layers/{name}"][:] for name in catalogued(file["between_layers"])}
        across = {name: file[f"across_epochs/{name}"][:] for name in between}
        outlier = {name: file[f"outlier/{name}"][:] for name in between}
        compared = [int(epoch) for epoch in file["across_epochs"].attrs["epochs"]]
        q_values, floor = file["null/debiased_cka/q_value"][:], file["floor/linear_cka"][:]
        permuted, shifts = file["floor/permuted_linear_cka"][-1], file["outlier/shift"][:]
        sizes, *by_size = (file[f"by_samples/{name}"][:] for name in ("samples", "linear_cka", "debiased_cka"))
        planted = f"{readable(file['outlier'].attrs['layer'])}, epoch {int(file['outlier'].attrs['epoch'])}"
    network, images = folder.name, f"{samples} test images"
    maps = [("layer_similarity", numbers[-1], "")]
    if untrained in numbers:
        maps.append(("layer_similarity_untrained", untrained, ", before training"))
    for name, epoch, when in maps:
        position = numbers.index(epoch)
        values = {measure: by_epoch[position] for measure, by_epoch in between.items()}
        where = f"{network}, epoch {epoch}{when}, {images}"
        yield name, partial(layer_similarity, values, layers, None, q_values[position], floor, where)
    where = f"{network}, {epochs_text(numbers)}, {images}"
    yield "similarity_evolution", partial(similarity_evolution, numbers, between, q_values, layers, where)
    if len(compared) > 1:
        yield "similarity_settling", partial(similarity_settling, compared, across, layers, where)
    where = f"{network}, epoch {numbers[-1]}, {images}"
    yield "cka_bias", partial(cka_bias, sizes, *by_size, permuted, layers, where)
    yield "cka_outlier", partial(cka_outlier, shifts, outlier, f"{network}, {planted}, {images}")


def layer_similarity(values, rows, others, q_values, floor, where):
    """A map of layers by layers for each measure.

    Parameters
    ----------
    values : dict
        By measure, an array (rows, columns); NaN where it is undefined.
    rows, others : lists of str
        The layers, and those of another network; None compares a network's layers with each other, and then linear
        CKA's map has the floor below its diagonal.
    q_values : array (rows, columns) or None
        Of the permutation null, as `q_values_of_pairs` makes them of its p-values; NaN, and None everywhere, is not tested.
    floor : array (rows, columns) or None
        What independent noise of the layers' shapes scores in linear CKA.
    where : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    columns, order = others or rows, catalogued(values)
    across = min(ACROSS, len(values) + 1)
    down = -(-(len(values) + 1) // across)
    longest = 0.065 * max(map(letters, [*rows, *columns]))
    what = "Similarity of the layers' representations"
    figure = canvas(across * (SIDE + 0.25) + longest, down * (SIDE + 0.45) + longest, what, where)
    panels = list(figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).flat)
    chance, drawn = by_chance(q_values), Drawn()
    for axes, name in zip(panels, order, strict=False):
        matrix, grey, title = values[name], chance, MEASURES[name].title
        if name == BIASED and floor is not None:
            if others:
                title += f" (floor: {np.nanmin(floor):.2f} to {np.nanmax(floor):.2f})"
            elif len(rows) > 1:
                below = np.tri(len(rows), k=-1, dtype=bool)
                matrix, grey = np.where(below, floor, matrix), None if chance is None else chance & ~below
                title, drawn.floor = f"{title} (below: its floor)", True
        draw_map(axes, matrix, name, grey, title, drawn)
        label_cells(axes, matrix, name, rows, columns)
    for axes in panels[len(values) :]:
        axes.axis("off")
    explain(panels[len(values)], drawn)
    return figure


def similarity_evolution(numbers, between, q_values, layers, where):
    """Every measure of every pair of layers, by epoch.

    Parameters
    ----------
    numbers : list of int (E)
    between : dict
        By measure, an array (E, L, L).
    q_values : array (E, L, L) or None
    layers : list of str
    where : str
    """
    (pairs, some), order = pairs_of(layers), catalogued(between)
    rows, columns = np.array(pairs, int).reshape(-1, 2).T
    width = float(np.clip(0.16 * len(numbers), 0.9, 2.4))
    names = [f"{layers[i]}, {layers[j]}" for i, j in pairs]
    longest = 0.065 * max(map(letters, names), default=1)
    what = f"Similarity of every two layers, by epoch{some}"
    figure = canvas(longest + len(between) * (width + 0.15) + 2.3, 0.9 + 0.15 * max(12, len(pairs)), what, where)
    ratios = [width] * len(between) + [1.7]
    *panels, key = figure.subplots(1, len(ratios), sharey=True, squeeze=False, width_ratios=ratios)[0]
    chance = None if q_values is None else by_chance(q_values[:, rows, columns].T)
    drawn = Drawn()
    for axes, name in zip(panels, order, strict=True):
        values = between[name][:, rows, columns].T
        draw_map(axes, values, name, chance, MEASURES[name].title.replace(" ", "\n"), drawn)
        shown = range(0, len(numbers), -(-len(numbers) // 6))
        axes.set_xticks(shown, [numbers[position] for position in shown])
        axes.set_xlabel("epoch")
    panels[0].set_yticks(range(len(pairs)), list(map(plain, names)))
    key.axis("off")
    explain(key, drawn)
    return figure


def similarity_settling(numbers, across, layers, where):
    """How alike each layer at every epoch is to itself at the last, and at which epoch it has settled.

    Parameters
    ----------
    numbers : list of int (E)
        The epochs that were compared.
    across : dict
        By measure, an array (L, E, E).
    layers : list of str
    where : str
    """
    order, down = catalogued(across), -(-(len(across) + 1) // ACROSS)
    wider = max(0, 4 * (0.06 * max(map(letters, layers)) - 1))
    height = down * max(1.9, legend_height(len(layers)))
    figure = canvas(9.2 + wider, height, "When each layer settles: its similarity to itself at the last epoch", where)
    panels = list(figure.subplots(down, min(ACROSS, len(across) + 1), squeeze=False).flat)
    learning = [position for position, layer in enumerate(layers) if layer != "input"]
    lines = layer_lines(layers)
    for axes, name in zip(panels, order, strict=False):
        for position in learning:
            axes.plot(numbers, across[name][position, :, -1], marker="o", **lines[layers[position]])
        if MEASURES[name].is_distance:
            axes.invert_yaxis()
        axes.set_title(MEASURES[name].title)
        axes.set_ylabel(MEASURES[name].label)
        epoch_axis(axes, numbers)
    for axes in panels[len(across) :]:
        axes.axis("off")
    measure = TESTED if TESTED in across else order[0]
    handles = []
    for position in learning:
        epoch = settled(numbers, across[measure][position, :, -1], measure)
        label = plain(layers[position]) + (f": epoch {epoch}" if epoch is not None else ": undefined")
        handles.append(Line2D([], [], marker="o", label=label, **lines[layers[position]]))
    legend_beside(panels[len(across)], handles, f"settled: {MEASURES[measure].title} {bound(measure)}")
    return figure


def settled(numbers, values, measure):
    """The first of the epochs `numbers` from which on all `values` of a measure are within `bound`; None if undefined."""
    least = within(measure)
    alike = values <= least if MEASURES[measure].is_distance else values >= least
    settles = len(numbers) - int(np.cumprod(alike[::-1]).sum())
    return numbers[settles] if settles < len(numbers) else None


def within(measure):
    """The value of a measure that is SETTLED of the way from unlike to alike."""
    unlike, alike = MEASURES[measure].unlike, MEASURES[measure].alike
    return unlike + SETTLED * (alike - unlike)


def bound(measure):
    """What counts as settled, as text."""
    sign = "≤" if MEASURES[measure].is_distance else "≥"
    return f"{sign} {within(measure):.2g}"


def cka_bias(sizes, linear, debiased, permuted, layers, where):
    """Linear CKA beside what chance gives it and beside debiased CKA, and both on fewer samples.

    Parameters
    ----------
    sizes : int array (S)
        Numbers of samples, the last of all.
    linear, debiased : arrays (S, L, L)
    permuted : array (L, L)
        Linear CKA's mean over all permutations of the samples of one layer.
    layers : list of str
    where : str
    """
    longest, drawn = 0.065 * max(map(letters, layers)), Drawn()
    what = "Linear CKA is biased: what chance gives it, and debiased CKA"
    figure = canvas(3 * (SIDE + 0.2) + 5.0 + longest, SIDE + 0.5 + longest, what, where)
    *maps, bar, curves, legend = figure.subplots(1, 6, width_ratios=[SIDE] * 3 + [0.08, 2.4, 1.4])
    for axes, values, name, title in (
        (maps[0], linear[-1], BIASED, MEASURES[BIASED].title),
        (maps[1], permuted, BIASED, f"{MEASURES[BIASED].title}, samples permuted"),
        (maps[2], debiased[-1], TESTED, MEASURES[TESTED].title),
    ):
        draw_map(axes, values, name, None, title, drawn)
        label_cells(axes, values, name, layers, layers)
        axes.tick_params(labelleft=axes is maps[0])
    colour_scale(bar, BIASED, bool(drawn.beyond), "vertical")
    draw_sizes(curves, sizes, linear, debiased, layers)
    lines = layer_lines(layers)
    named = evenly(layers[1:], MOST_NAMED - 2)
    handles = [Line2D([], [], color=lines[layer]["color"], label=plain(layer)) for layer in named]
    if handles:
        handles.append(Line2D([], [], color="#555555", linestyle="--", label=MEASURES[BIASED].title))
        handles.append(Line2D([], [], color="#555555", marker="o", label=MEASURES[TESTED].title))
    legend_beside(legend, handles + cross_handles(drawn))
    return figure


def draw_sizes(axes, sizes, linear, debiased, layers):
    """Draw both kinds of CKA of the first layer with every other against the number of samples."""
    for position, layer in enumerate(layers[1:], 1):
        colour = layer_lines(layers)[layer]["color"]
        axes.plot(sizes, linear[:, 0, position], color=colour, linestyle="--")
        axes.plot(sizes, debiased[:, 0, position], color=colour, marker="o")
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("samples")
    axes.set_ylabel(f"CKA with {plain(layers[0])}")
    axes.set_title("the same of fewer samples")
    axes.grid(True)


def cka_outlier(shifts, values, where):
    """A layer against itself with one sample moved away, in every measure.

    CKA follows the one sample though all others are as they were: Davari et al. 2022, arXiv 2210.16156.

    Parameters
    ----------
    shifts : array (S)
        How far, in root mean square distances of samples from their mean.
    values : dict
        By measure, an array (S).
    where : str
    """
    order = catalogued(values)
    kinds = list(dict.fromkeys(MEASURES[name].label for name in order))
    what = "Why controls: what one sample, moved away, does to each measure"
    figure = canvas(1.8 + 3 * len(kinds), 2.6, what, where)
    *panels, legend = figure.subplots(1, len(kinds) + 1, width_ratios=[1] * len(kinds) + [0.5])
    for axes, kind in zip(panels, kinds, strict=True):
        for name in order:
            if MEASURES[name].label == kind:
                axes.plot(shifts, values[name], **line(name))
        axes.set_ylabel(f"{kind} to the layer as it is")
        axes.set_xscale("symlog", linthresh=1)
        axes.set_xticks(shifts, [f"{shift:g}" for shift in shifts])
        axes.minorticks_off()
        axes.set_xlabel("distance of the sample (typical distances)")
        axes.set_ylim(bottom=0)
        axes.grid(True)
    undefined = {name: ": undefined" for name in order if not np.isfinite(values[name]).any()}
    handles = [Line2D([], [], label=MEASURES[name].title + undefined.get(name, ""), **line(name)) for name in order]
    legend_beside(legend, handles)
    return figure


def line(name):
    """How the values of a measure are drawn: a line with rings, through which one of another measure can be seen."""
    measure = MEASURES[name]
    return {"color": measure.colour, "marker": "o", "markersize": measure.ring, "markerfacecolor": "none"}
