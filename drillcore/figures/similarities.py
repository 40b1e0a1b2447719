"""How alike layers represent the same images: between layers, over the epochs, against chance, and with an outlier."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from drillcore.artifacts.network import Network, noun_of, read_network
from drillcore.artifacts.similarity import Similarity
from drillcore.base.names import printable
from drillcore.figures.similarity_layers import ACROSS, calibrated_similarity, layer_similarity
from drillcore.figures.similarity_maps import (
    Drawn,
    by_chance,
    colour_scale,
    cross_handles,
    draw_map,
    explain,
    label_cells,
    side,
)
from drillcore.figures.style import (
    LETTER,
    canvas,
    epoch_axis,
    epochs_text,
    inches,
    layer_lines,
    legend_beside,
    legend_height,
    named,
    pairs_of,
    plain,
    styled,
)
from drillcore.similarity.catalogue import BIASED, MEASURES, TESTED, catalogued

SETTLED = 0.95
"""A layer has settled at the first epoch from which on it is at least so much like itself at the last."""


def figures(folder):
    """Names and functions of the figures of similarity.h5 in `folder`, a network's artifacts."""
    untrained = read_network(folder / Network.FILE).untrained_epoch
    with Similarity(folder / Similarity.FILE) as file:
        yield from drawings(file, untrained)


def drawings(file, untrained=0):
    """Names and functions of the figures of a `Similarity`.

    One before training is drawn where `untrained`, an epoch from then, is stored, and how layers settle where there is
    more than one epoch.
    """
    layers, numbers = list(map(printable, file.layers)), file.epochs
    between, across, outlier = (
        {name: values(name)[:] for name in file.measures} for values in (file.__getitem__, file.across, file.outlier)
    )
    q_values, sizes, by_size = file.q_values[:], file.sizes, [file.by_samples(name) for name in (BIASED, TESTED)]
    layer, planted = file.outlier_at
    network, images = file.title, f"{file.samples} test {noun_of(file.path.parent)}s"
    chance, best = ({name: null(name) for name in file.measures} for null in (file.quantile, file.best))
    values, subtitle = moment(between, -1), f"{network}, epoch {numbers[-1]}, {images}"
    yield "layer_similarity", partial(layer_similarity, values, layers, None, q_values[-1], chance, subtitle)
    yield "layer_similarity_calibrated", partial(calibrated_similarity, values, chance, layers, None, best, subtitle)
    if untrained in numbers:
        position = numbers.index(untrained)
        subtitle = f"{network}, epoch {untrained}, before training, {images}"
        draw = partial(layer_similarity, moment(between, position), layers, None, q_values[position], None, subtitle)
        yield "layer_similarity_untrained", draw
    subtitle = f"{network}, {epochs_text(numbers)}, {images}"
    yield "similarity_evolution", partial(similarity_evolution, numbers, between, q_values, layers, subtitle)
    if len(file.compared) > 1:
        yield "similarity_settling", partial(similarity_settling, file.compared, across, layers, subtitle)
    subtitle = f"{network}, epoch {numbers[-1]}, {images}"
    yield "cka_bias", partial(cka_bias, sizes, *by_size, file.permuted[-1], layers, subtitle)
    subtitle = f"{network}, {printable(layer)}, epoch {planted}, {images}"
    yield "cka_outlier", partial(cka_outlier, file.shifts, outlier, subtitle)


def moment(between, position):
    """By measure the values (layers, layers) at one of the epochs."""
    return {name: by_epoch[position] for name, by_epoch in between.items()}


@styled
def similarity_evolution(
    numbers: Sequence[int],
    between: Mapping[str, ArrayLike],
    q_values: ArrayLike | None,
    layers: Sequence[str],
    subtitle: str = "",
    title: str | None = None,
    others: Sequence[str] | None = None,
) -> Figure:
    """Draw every measure of every pair of layers, by epoch.

    Parameters
    ----------
    numbers : sequence of int (E)
        The epochs.
    between : mapping of str to array_like (E, L, L)
        By measure.
    q_values : array_like (E, L, L) or None
        Of the permutation null; None where it was not tested.
    layers : sequence of str (L)
        The layers' names.
    subtitle : str
        The line below the headline, such as the network and its epochs.
    title : str, optional
        The headline, by default one that names the figure.
    others : sequence of str (K), optional
        The layers of another network, the last axis of the values. Without them a network's layers are compared with each
        other.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> values = np.array([[1.0, 0.8], [0.8, 1.0]])
    >>> figure = drillcore.figures.similarity_evolution([0, 1], {"rsa": [values, values]}, None, ["fc1", "fc2"])
    >>> figure.axes[0].get_xlabel()
    'epoch'
    """
    (pairs, some), order = pairs_of(layers, others), catalogued(between)
    rows, columns = np.array(pairs, int).reshape(-1, 2).T
    width = float(np.clip(0.16 * len(numbers), 0.9, 2.4))
    names = [f"{layers[i]}, {(others or layers)[j]}" for i, j in pairs]
    longest = max(map(inches, names), default=LETTER)
    title = title or f"Similarity of every two layers, by epoch{some}"
    between = {name: np.asarray(between[name]) for name in order}
    q_values = None if q_values is None else np.asarray(q_values)
    figure = canvas(longest + len(between) * (width + 0.15) + 2.3, 0.9 + 0.15 * max(12, len(pairs)), title, subtitle)
    ratios = [width] * len(between) + [1.7]
    *panels, key = figure.subplots(1, len(ratios), squeeze=False, width_ratios=ratios)[0]
    chance = None if q_values is None else by_chance(q_values[:, rows, columns].T)
    drawn = Drawn()
    for axes, name in zip(panels, order, strict=True):
        values = between[name][:, rows, columns].T
        draw_map(axes, values, MEASURES[name], chance, MEASURES[name].title.replace(" ", "\n"), drawn)
        shown = range(0, len(numbers), -(-len(numbers) // 6))
        axes.set_xticks(shown, [numbers[position] for position in shown])
        axes.set_xlabel("epoch")
        axes.yaxis.set_visible(axes is panels[0])
    panels[0].set_yticks(range(len(pairs)), list(map(plain, names)))
    key.axis("off")
    explain(key, drawn)
    return figure


@styled
def similarity_settling(
    numbers: Sequence[int],
    across: Mapping[str, ArrayLike],
    layers: Sequence[str],
    subtitle: str = "",
    title: str | None = None,
) -> Figure:
    """Draw how alike each layer at every epoch is to itself at the last, and at which epoch it has settled.

    Parameters
    ----------
    numbers : sequence of int (E)
        The epochs that were compared.
    across : mapping of str to array_like (L, E, E)
        By measure.
    layers : sequence of str (L)
        The layers' names.
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
    >>> values = np.array([[1.0, 0.8], [0.8, 1.0]])
    >>> figure = drillcore.figures.similarity_settling([0, 1], {"rsa": [values]}, ["fc1"])
    >>> figure.axes[0].get_ylabel()
    'similarity'
    """
    order, down = catalogued(across), -(-(len(across) + 1) // ACROSS)
    across = {name: np.asarray(across[name]) for name in order}
    wider = max(0, 4 * (max(map(inches, layers)) - 1))
    height = down * max(1.9, legend_height(len(layers)))
    title = title or "When each layer settles: its similarity to itself at the last epoch"
    figure = canvas(11.0 + wider, height, title, subtitle)
    panels = list(figure.subplots(down, min(ACROSS, len(across) + 1), squeeze=False).flat)
    learning = [position for position, layer in enumerate(layers) if layer != "input"]
    lines = layer_lines(layers)
    for axes, name in zip(panels, order, strict=False):
        for position in learning:
            axes.plot(numbers, across[name][position, :, -1], **lines[layers[position]])
        if MEASURES[name].is_distance:
            axes.invert_yaxis()
        without = [layers[position] for position in learning if np.isnan(across[name][position, :, -1]).all()]
        said = without[0] if len(without) == 1 else f"{len(without)} layers"
        axes.set_title(MEASURES[name].title + (f" ({plain(said)} undefined)" if without else ""))
        axes.set_ylabel(MEASURES[name].label)
        epoch_axis(axes, numbers)
    for axes in panels[len(across) :]:
        axes.axis("off")
    measure = TESTED if TESTED in across else order[0]
    handles = []
    for layer in named(layers):
        epoch = settled(numbers, across[measure][layers.index(layer), :, -1], measure)
        when = "undefined" if epoch is None else "not before the last" if epoch == numbers[-1] else f"epoch {epoch}"
        label = f"{plain(layer)}: {when}"
        handles.append(Line2D([], [], label=label, **lines[layer]))
    heading = f"settled: {MEASURES[measure].title} {bound(measure)}"
    legend_beside(panels[len(across)], handles, heading, layers=len(learning))
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


@styled
def cka_bias(
    sizes: ArrayLike,
    linear: ArrayLike,
    debiased: ArrayLike,
    permuted: ArrayLike,
    layers: Sequence[str],
    subtitle: str = "",
    title: str | None = None,
) -> Figure:
    """Draw linear CKA beside what chance gives it and beside debiased CKA, and both on fewer samples.

    Parameters
    ----------
    sizes : array_like of int (S)
        Numbers of samples, the last of all.
    linear : array_like (S, L, L)
        Linear CKA.
    debiased : array_like (S, L, L)
        Debiased CKA.
    permuted : array_like (L, L)
        Linear CKA's mean over all permutations of the samples of one layer, as `permuted_linear_cka` returns it.
    layers : sequence of str (L)
        The layers' names.
    subtitle : str
        The line below the headline, such as the network and its epochs.
    title : str, optional
        The headline, by default one that names the figure.

    Returns
    -------
    matplotlib.figure.Figure

    References
    ----------
    A. Murphy et al. 2024, arXiv 2405.01012.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> values = np.array([[1.0, 0.8], [0.8, 1.0]])
    >>> figure = drillcore.figures.cka_bias([16, 32], [values] * 2, [values] * 2, values / 4, ["fc1", "fc2"])
    >>> figure.axes[4].get_xlabel()
    'samples'
    """
    longest, drawn = max(map(inches, layers)), Drawn()
    title = title or "Linear CKA is biased: what chance gives it, and debiased CKA"
    linear, debiased, permuted = np.asarray(linear), np.asarray(debiased), np.asarray(permuted)
    inches_of_map = side(len(layers))
    height = max(inches_of_map + 0.5 + longest, legend_height(len(layers) + 1))
    figure = canvas(3 * (inches_of_map + 0.2) + 5.0 + longest, height, title, subtitle)
    *maps, bar, curves, legend = figure.subplots(1, 6, width_ratios=[inches_of_map] * 3 + [0.08, 2.4, 1.4])
    for axes, values, name, title in (
        (maps[0], linear[-1], BIASED, MEASURES[BIASED].title),
        (maps[1], permuted, BIASED, f"{MEASURES[BIASED].title}, samples permuted"),
        (maps[2], debiased[-1], TESTED, MEASURES[TESTED].title),
    ):
        draw_map(axes, values, MEASURES[name], None, title, drawn)
        axes.yaxis.set_visible(axes is maps[0])
        label_cells(axes, values, layers, layers)
    colour_scale(bar, MEASURES[BIASED], bool(drawn.beyond), "vertical")
    draw_sizes(curves, sizes, linear, debiased, layers)
    lines = sizes_lines(layers)
    handles = [Line2D([], [], label=plain(layer), **lines[layer]) for layer in named(layers) if layer in lines]
    if handles:
        handles.append(Line2D([], [], color="#555555", linestyle="--", label=MEASURES[BIASED].title))
        handles.append(Line2D([], [], color="#555555", label=MEASURES[TESTED].title))
    legend_beside(legend, handles + cross_handles(drawn), layers=len(layers) - 1)
    return figure


def draw_sizes(axes, sizes, linear, debiased, layers):
    """Draw both kinds of CKA of the first layer with every other against the number of samples."""
    for position, line in enumerate(sizes_lines(layers).values(), 1):
        axes.plot(sizes, linear[:, 0, position], **{**line, "linestyle": "--", "marker": ""})
        axes.plot(sizes, debiased[:, 0, position], **line)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("samples")
    axes.set_ylabel(f"CKA with {plain(layers[0])}")
    axes.set_title("both, computed on fewer of the samples")
    axes.grid(True)


def sizes_lines(layers):
    """The lines of all layers but the first, solid, for dashes tell linear from debiased CKA."""
    lines = layer_lines(layers)
    return {layer: {**lines[layer], "linestyle": "-"} for layer in layers[1:]}


@styled
def cka_outlier(
    shifts: ArrayLike, values: Mapping[str, ArrayLike], subtitle: str = "", title: str | None = None
) -> Figure:
    """Draw a layer against itself with one sample moved away, in every measure.

    CKA follows the one sample though all others are as they were.

    Parameters
    ----------
    shifts : array_like (S)
        How far, in root mean square distances of samples from their mean.
    values : mapping of str to array_like (S)
        By measure, its value for the layer as it is and the layer with the sample moved.
    subtitle : str
        The line below the headline, such as the network and its epochs.
    title : str, optional
        The headline, by default one that names the figure.

    Returns
    -------
    matplotlib.figure.Figure

    References
    ----------
    M. Davari et al. 2022, arXiv 2210.16156.

    Examples
    --------
    >>> import drillcore
    >>> figure = drillcore.figures.cka_outlier([0, 1, 10], {"linear_cka": [1.0, 0.9, 0.2], "rsa": [1.0, 1.0, 0.9]})
    >>> figure.axes[0].get_ylabel()
    'similarity to the layer as it is'
    """
    order = catalogued(values)
    kinds = list(dict.fromkeys(MEASURES[name].label for name in order))
    title = title or "One sample, moved away, changes some measures of similarity and not others"
    figure = canvas(1.8 + 3 * len(kinds), 2.6, title, subtitle)
    *panels, legend = figure.subplots(1, len(kinds) + 1, width_ratios=[1] * len(kinds) + [0.5])
    for axes, kind in zip(panels, kinds, strict=True):
        for name in order:
            if MEASURES[name].label == kind:
                axes.plot(shifts, values[name], **measure_line(name))
        axes.set_ylabel(f"{kind} to the layer as it is")
        axes.set_xscale("symlog", linthresh=1)
        axes.set_xticks(shifts, [f"{shift:g}" for shift in shifts])
        axes.minorticks_off()
        axes.set_xlabel("distance of the sample (typical distances)")
        axes.set_ylim(bottom=0)
        axes.grid(True)
    undefined = {name: ": undefined" for name in order if not np.isfinite(values[name]).any()}
    handles = [
        Line2D([], [], label=MEASURES[name].title + undefined.get(name, ""), **measure_line(name)) for name in order
    ]
    legend_beside(legend, handles)
    return figure


def measure_line(name):
    """How the values of a measure are drawn: a line with rings, through which one of another measure can be seen."""
    measure = MEASURES[name]
    return {"color": measure.colour, "marker": "o", "markersize": measure.ring, "markerfacecolor": "none"}
