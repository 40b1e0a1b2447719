"""How alike layers represent the same images: between layers, over the epochs, against chance, and with an outlier."""

from functools import partial

import matplotlib
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from stages.plots.style import (
    DEAD,
    MOST_NAMED,
    canvas,
    epoch_axis,
    epochs_text,
    layer_lines,
    legend_beside,
    legend_height,
    name_ticks,
    pairs_of,
)
from stages.shared.base.store import read
from stages.shared.evenly import evenly

MEASURES = {
    "linear_cka": "linear CKA",
    "debiased_cka": "debiased CKA",
    "rbf_cka": "RBF CKA",
    "svcca": "SVCCA",
    "pwcca": "PWCCA",
    "rsa": "RSA",
    "procrustes": "Procrustes distance",
}
COLOURS = ["#0072B2", "#D55E00", "#56B4E9", "#009E73", "#999933", "#CC79A7", "#333333"]
RINGS = [3, 4, 9, 4, 7, 5, 3]
"""The colours of the measures' lines, and the sizes of their markers, of which several may lie on one point."""
SIGNIFICANT = 0.05
"""Pairs of a larger q-value, the false-discovery rate of debiased CKA's permutation null, are greyed."""
SETTLED = 0.95
"""A layer has settled at the first epoch from which on it is at least so much like itself at the last."""
SIMILARITY, DISTANCE = Normalize(0, 1), Normalize(0, np.pi / 2)
ACROSS, SIDE, LEGIBLE = 4, 1.9, 0.25
"""Of the maps of layers: how many side by side, their size, and from which size of a cell its value is written in it,
in inches."""


def figures(folder):
    """Names and functions of the figures of similarity.h5 in `folder`, a network's artifacts.

    One before training is drawn where epoch 0 is stored, as it is not of a network that came trained, and how layers settle
    where there is more than one epoch.
    """
    with read(folder / "similarity.h5") as file:
        layers, numbers = list(file.attrs["layers"]), [int(epoch) for epoch in file.attrs["epochs"]]
        samples = int(file.attrs["samples"])
        between = {name: file[f"between_layers/{name}"][:] for name in MEASURES if name in file["between_layers"]}
        across = {name: file[f"across_epochs/{name}"][:] for name in between}
        outlier = {name: file[f"outlier/{name}"][:] for name in between}
        compared = [int(epoch) for epoch in file["across_epochs"].attrs["epochs"]]
        q_values, floor = file["null/debiased_cka/q_value"][:], file["floor/linear_cka"][:]
        permuted, shifts = file["floor/permuted_linear_cka"][-1], file["outlier/shift"][:]
        sizes, *by_size = (file[f"by_samples/{name}"][:] for name in ("samples", "linear_cka", "debiased_cka"))
        planted = f"{file['outlier'].attrs['layer']}, epoch {int(file['outlier'].attrs['epoch'])}"
    network, images = folder.name, f"{samples} test images"
    maps = [("layer_similarity", -1)] + [("layer_similarity_untrained", 0)] * (numbers[0] == 0)
    for name, position in maps:
        values = {measure: by_epoch[position] for measure, by_epoch in between.items()}
        where = f"{network}, epoch {numbers[position]}, {images}"
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
    q_values : array (rows, columns)
        Of the permutation null; NaN is not tested.
    floor : array (rows, columns)
        What independent noise of the layers' shapes scores in linear CKA.
    where : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    columns = others or rows
    across = min(ACROSS, len(values) + 1)
    down = -(-(len(values) + 1) // across)
    longest = 0.065 * max(map(len, [*rows, *columns]))
    what = "Similarity of the layers' representations"
    figure = canvas(across * (SIDE + 0.25) + longest, down * (SIDE + 0.45) + longest, what, where)
    panels = list(figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).flat)
    chance = q_values > SIGNIFICANT
    for axes, (name, matrix) in zip(panels, values.items(), strict=False):
        grey, title = chance, MEASURES[name]
        if name == "linear_cka" and others:
            title += f" (floor: {np.nanmin(floor):.2f} to {np.nanmax(floor):.2f})"
        elif name == "linear_cka":
            below = np.tri(len(rows), k=-1, dtype=bool)
            matrix, grey, title = np.where(below, floor, matrix), chance & ~below, f"{title} (below: its floor)"
        draw_map(axes, matrix, name, grey, title)
        label_cells(axes, matrix, name, rows, columns)
    for axes in panels[len(values) :]:
        axes.axis("off")
    explain(panels[len(values)], values, chance.any(), "linear_cka" in values)
    return figure


def draw_map(axes, matrix, name, chance, title):
    """Draw one measure's `matrix` as colours, grey where `chance` is true and crossed out where it is NaN."""
    norm, colours = scale(name)
    image = colours(norm(np.ma.masked_invalid(matrix)))
    image[chance & np.isfinite(matrix), :3] = to_rgb(DEAD)
    axes.imshow(image, aspect="auto", interpolation="nearest")
    undefined = np.argwhere(np.isnan(matrix))
    size = min(3.5, 100 / max(matrix.shape))
    axes.plot(
        undefined[:, 1], undefined[:, 0], linestyle="", marker="x", color="#999999", markersize=size, mew=size / 5
    )
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_title(title)


def scale(name):
    """The range and the colours of a measure: whatever its kind, what is alike is bright yellow."""
    if name == "procrustes":
        return DISTANCE, matplotlib.colormaps["viridis_r"].with_extremes(bad="white")
    return SIMILARITY, matplotlib.colormaps["viridis"].with_extremes(bad="white")


def label_cells(axes, matrix, name, rows, columns):
    """Name a map's rows and columns and, where there is room, write each cell's value, in white on dark colours."""
    name_ticks(axes.xaxis, columns, SIDE)
    name_ticks(axes.yaxis, rows, SIDE)
    axes.tick_params(axis="x", rotation=90)
    cell = SIDE / max(matrix.shape)
    if cell < LEGIBLE:
        return
    norm, colours = scale(name)
    for (row, column), value in np.ndenumerate(matrix):
        if np.isfinite(value):
            dark = np.dot(colours(norm(value))[:3], [0.3, 0.6, 0.1]) < 0.45
            text = f"{value:.2f}".replace("-0.00", "0.00")
            style = {"ha": "center", "va": "center", "size": min(7, 24 * cell), "color": "white" if dark else "black"}
            style["in_layout"] = (
                False  # none reaches out of the map, and to measure them takes longer than to draw them
            )
            axes.text(column, row, text, **style)


def explain(axes, values, chance, floor=False):
    """In a free panel: the scales of colours, and what grey, crosses and linear CKA's `floor` are, where there are any."""
    kinds = {"procrustes" if name == "procrustes" else "similarity" for name in values}
    for position, (kind, label, ticks) in enumerate(
        [("similarity", "similarity", [0, 0.5, 1]), ("procrustes", "distance (radians)", [0, np.pi / 4, np.pi / 2])]
    ):
        if kind in kinds:
            inset = axes.inset_axes([0.08, 0.94 - 0.3 * position, 0.84, 0.06])
            bar = axes.figure.colorbar(ScalarMappable(*scale(kind)), cax=inset, orientation="horizontal", ticks=ticks)
            bar.ax.set_xticklabels([f"{tick:.2g}" for tick in ticks])
            bar.outline.set_linewidth(0.4)
            bar.set_label(label, labelpad=1)
    handles = []
    undefined = {name for name, matrix in values.items() if np.isnan(matrix).any()}
    if undefined:
        why = ": CCA wants more\nsamples than components" if undefined <= {"svcca", "pwcca"} else ""
        cross = {"marker": "x", "color": "#999999", "markersize": 4}
        handles.append(Line2D([], [], linestyle="", label=f"undefined{why}", **cross))
    if floor:
        handles.append(
            Line2D([], [], linestyle="", label="below linear CKA's diagonal,\nits floor: noise of that shape")
        )
    if chance:
        handles.insert(0, Patch(color=DEAD, label=f"no more than chance:\nq > {SIGNIFICANT:g} (debiased CKA)"))
    if handles:
        axes.legend(handles=handles, loc="lower left", borderaxespad=0, handlelength=1.2, fontsize=7)


def similarity_evolution(numbers, between, q_values, layers, where):
    """Every measure of every pair of layers, by epoch.

    Parameters
    ----------
    numbers : list of int (E)
    between : dict
        By measure, an array (E, L, L).
    q_values : array (E, L, L)
    layers : list of str
    where : str
    """
    pairs, some = pairs_of(layers)
    rows, columns = np.array(pairs, int).reshape(-1, 2).T
    width = float(np.clip(0.16 * len(numbers), 0.9, 2.4))
    names = [f"{layers[i]}, {layers[j]}" for i, j in pairs]
    longest = 0.065 * max(map(len, names), default=1)
    what = f"Similarity of every two layers, by epoch{some}"
    figure = canvas(longest + len(between) * (width + 0.15) + 2.3, 0.9 + 0.15 * max(12, len(pairs)), what, where)
    ratios = [width] * len(between) + [1.7]
    *panels, key = figure.subplots(1, len(ratios), sharey=True, squeeze=False, width_ratios=ratios)[0]
    chance = q_values[:, rows, columns].T > SIGNIFICANT
    for axes, (name, by_epoch) in zip(panels, between.items(), strict=True):
        draw_map(axes, by_epoch[:, rows, columns].T, name, chance, MEASURES[name].replace(" ", "\n"))
        shown = range(0, len(numbers), -(-len(numbers) // 6))
        axes.set_xticks(shown, [numbers[position] for position in shown])
        axes.set_xlabel("epoch")
    panels[0].set_yticks(range(len(pairs)), names)
    key.axis("off")
    explain(key, between, chance.any())
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
    down = -(-(len(across) + 1) // ACROSS)
    wider = max(0, 4 * (0.06 * max(map(len, layers)) - 1))
    height = down * max(1.9, legend_height(len(layers)))
    figure = canvas(9.2 + wider, height, "When each layer settles: its similarity to itself at the last epoch", where)
    panels = list(figure.subplots(down, min(ACROSS, len(across) + 1), squeeze=False).flat)
    learning = [position for position, layer in enumerate(layers) if layer != "input"]
    lines = layer_lines(layers)
    for axes, (name, values) in zip(panels, across.items(), strict=False):
        for position in learning:
            axes.plot(numbers, values[position, :, -1], marker="o", **lines[layers[position]])
        if name == "procrustes":
            axes.invert_yaxis()
        axes.set_title(MEASURES[name] + (" (radians)" if name == "procrustes" else ""))
        epoch_axis(axes, numbers)
    for axes in panels[len(across) :]:
        axes.axis("off")
    measure = "debiased_cka" if "debiased_cka" in across else next(iter(across))
    handles = []
    for position in learning:
        epoch = settled(numbers, across[measure][position, :, -1], measure)
        label = layers[position] + (f": epoch {epoch}" if epoch is not None else ": undefined")
        handles.append(Line2D([], [], marker="o", label=label, **lines[layers[position]]))
    legend_beside(panels[len(across)], handles, f"settled: {MEASURES[measure]} {bound(measure)}")
    return figure


def settled(numbers, values, measure):
    """The first of the epochs `numbers` from which on all `values` of a measure are within `bound`; None if undefined."""
    alike = values <= (1 - SETTLED) * DISTANCE.vmax if measure == "procrustes" else values >= SETTLED
    settles = len(numbers) - int(np.cumprod(alike[::-1]).sum())
    return numbers[settles] if settles < len(numbers) else None


def bound(measure):
    """What counts as settled, as text."""
    return f"≤ {(1 - SETTLED) * DISTANCE.vmax:.2f}" if measure == "procrustes" else f"≥ {SETTLED:g}"


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
    longest = 0.065 * max(map(len, layers))
    what = "Linear CKA is biased: what chance gives it, and debiased CKA"
    figure = canvas(3 * (SIDE + 0.2) + 4.4 + longest, SIDE + 0.5 + longest, what, where)
    *maps, curves, legend = figure.subplots(1, 5, width_ratios=[SIDE] * 3 + [2.4, 1.4])
    for axes, values, title in (
        (maps[0], linear[-1], "linear CKA"),
        (maps[1], permuted, "linear CKA, samples permuted"),
        (maps[2], debiased[-1], "debiased CKA"),
    ):
        draw_map(axes, values, "linear_cka", np.zeros(values.shape, bool), title)
        label_cells(axes, values, "linear_cka", layers, layers)
        axes.tick_params(labelleft=axes is maps[0])
    lines = layer_lines(layers)
    for position, layer in enumerate(layers[1:], 1):
        colour = lines[layer]["color"]
        curves.plot(sizes, linear[:, 0, position], color=colour, linestyle="--")
        curves.plot(sizes, debiased[:, 0, position], color=colour, marker="o")
    curves.set_xscale("log", base=2)
    curves.xaxis.set_major_formatter("{x:g}")
    curves.set_xlabel("samples")
    curves.set_ylabel(f"CKA with {layers[0]}")
    curves.set_title("the same of fewer samples")
    curves.grid(True)
    named = evenly(layers[1:], MOST_NAMED - 2)
    handles = [Line2D([], [], color=lines[layer]["color"], label=layer) for layer in named]
    handles.append(Line2D([], [], color="#555555", linestyle="--", label="linear CKA"))
    handles.append(Line2D([], [], color="#555555", marker="o", label="debiased CKA"))
    legend_beside(legend, handles)
    return figure


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
    figure = canvas(7.8, 2.6, "Why controls: what one sample, moved away, does to each measure", where)
    similar, distance, legend = figure.subplots(1, 3, width_ratios=[1, 1, 0.5])
    for name, by_shift in values.items():
        axes = distance if name == "procrustes" else similar
        axes.plot(shifts, by_shift, **ringed(name))
    similar.set_ylabel("similarity to the layer as it is")
    distance.set_ylabel("distance from it (radians)")
    for axes in (similar, distance):
        axes.set_xscale("symlog", linthresh=1)
        axes.set_xticks(shifts, [f"{shift:g}" for shift in shifts])
        axes.minorticks_off()
        axes.set_xlabel("distance of the sample (typical distances)")
        axes.set_ylim(bottom=0)
        axes.grid(True)
    handles = [Line2D([], [], label=MEASURES[name], **ringed(name)) for name in values]
    legend_beside(legend, handles)
    return figure


def ringed(name):
    """The line of a measure."""
    place = list(MEASURES).index(name)
    return {"color": COLOURS[place], "marker": "o", "markersize": RINGS[place], "markerfacecolor": "none"}
