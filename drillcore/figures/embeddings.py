"""Maps of the samples in every layer: t-SNE, and its linear twin below."""

import textwrap
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_rgba_array
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike, NDArray

import drillcore
from drillcore.artifacts.activations import Activations
from drillcore.artifacts.network import Network, noun_of, read_network
from drillcore.artifacts.predictions import squared_errors
from drillcore.artifacts.tsne import Maps
from drillcore.base.arrays import evenly
from drillcore.base.errors import InputError
from drillcore.base.names import printable
from drillcore.colours import class_colours, layer_colours
from drillcore.figures.style import box, canvas, inches, letters, plain, samples_text, styled
from drillcore.next_tokens import as_classes, class_names, most_common, next_tokens, texts_of

ACROSS = 7
SIDE, GAP, TITLE, LEFT = 1.55, 0.3, 0.56, 0.62
UNLABELLED = "#4c6a8c"
"""The colour of samples of which no class or number is known."""
MOST_LAYERS, MOST_CLASSES = 24, 20
"""More layers are drawn by so many of them, evenly chosen, and of more classes the first so many are in the legend."""


class Map(NamedTuple):
    """A layer's map of samples, by t-SNE and by principal components.

    Parameters
    ----------
    points : float array (samples, 2)
        The coordinates, without unit; NaN where there is no map.
    pca : float array (samples, 2)
        The first two principal components, in the units of the activations.
    trustworthiness : float
        From 0 to 1, or NaN.
    neighbor_recall : float
        From 0 to 1, or NaN.
    status : str
        "t-SNE", or what the points are instead.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> points = np.zeros((3, 2))
    >>> drillcore.figures.Map(points, points, np.nan, np.nan, "PCA: too few samples").status
    'PCA: too few samples'
    """

    points: NDArray[np.floating]
    pca: NDArray[np.floating]
    trustworthiness: float
    neighbor_recall: float
    status: str


def figures(folder):
    """Names and functions of the figures of tsne.h5 in `folder`, a network's artifacts."""
    with Maps(folder / Maps.FILE) as file:
        yield from drawings(file)


def drawings(file):
    """Names and functions of the figures of `Maps`."""
    yield "model_tsne_layers", partial(draw_maps, file)


def draw_maps(file):
    """`model_tsne_layers` of `Maps`."""
    layers = file.layers
    maps = {
        printable(layer): Map(
            file[layer][:],
            file.pca(layer)[:],
            *(file.quality(layer, name) for name in ("trustworthiness", "neighbor_recall")),
            file.status(layer),
        )
        for layer in evenly(layers, MOST_LAYERS)
    }
    subtitle = f"{file.title}, epoch {file.epoch}, {len(file.sample)} test {noun_of(file.path.parent)}s"
    if len(maps) < len(layers):
        subtitle += f"; {len(maps)} of {len(layers)} layers, evenly chosen"
    labels, classes, of = coloured_by(file)
    subtitle += f", coloured by {of}" if of else ""
    colours = layer_colours(list(map(printable, layers)))
    return model_tsne_layers(maps, labels, classes, subtitle, colours, numbers=of)


def coloured_by(file):
    """The class or the number of each sample of `Maps`, the classes' names, and what these or the numbers are, "" where
    there are none. Of a text, which lies beside it, the most frequent of the next tokens are the classes."""
    if file.targets is not None:
        return file.targets[:, 0].astype(np.float64), None, "target"
    if file.classes:
        return file.labels, file.classes, "class"
    folder = file.path.parent
    errors = squared_errors(folder, file.sample)
    if errors is not None:
        return errors.astype(np.float64), None, "squared error"
    if (folder / Network.FILE).exists() and (folder / Activations.FILE).exists():
        card = read_network(folder / Network.FILE)
        with Activations(folder / Activations.FILE) as activations:
            wanted = next_tokens(activations, card, slice(len(file.sample)))
            if wanted is not None:
                common = most_common(wanted)
                return as_classes(wanted, common), class_names(common, texts_of(activations, card)), "next token"
    return file.labels, None, ""


@styled
def model_tsne_layers(
    maps: Mapping[str, Map | ArrayLike],
    labels: ArrayLike | None = None,
    classes: Sequence[str] | None = None,
    subtitle: str = "",
    colours: Mapping[str, Any] | None = None,
    title: str | None = None,
    numbers: str = "target",
) -> Figure:
    """Draw the map of every layer, and below it the first two principal components, coloured by class or by a number.

    Parameters
    ----------
    maps : mapping of str to Map or to array_like (samples, units)
        By layer its map; or its activations, of which the map is made by `embed`.
    labels : array_like of int or of float (samples), optional
        The class of each sample, from 0; or a number of each, such as the target of a regression.
    classes : sequence of str, optional
        The names of the classes, by default their numbers.
    subtitle : str
        The line below the headline, such as the network, the epoch and the number of samples.
    colours : mapping of str to colour, optional
        By layer, the colour of its name; by default that of its position among the maps.
    title : str, optional
        The headline, by default one that says what the maps are.
    numbers : str
        What labels that are numbers are called below their scale.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        If the activations of a layer are not (samples, units), or the labels not one number for each sample.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> labels = np.arange(40) % 2
    >>> outputs = {"fc1": np.random.default_rng(0).normal(labels[:, None], 0.1, (40, 5))}
    >>> figure = drillcore.figures.model_tsne_layers(outputs, labels, ["cat", "dog"])
    >>> figure.axes[1].get_xlabel()
    'PC 1'
    """
    if not all(isinstance(map_, Map) for map_ in maps.values()):
        subtitle, maps = subtitle or samples_text(maps) + chosen_text(maps), maps_of(maps)
    labels = checked_labels(labels, maps)
    of_classes = labels is not None and labels.dtype.kind in "iu"
    classes = list(map(str, range(labels.max() + 1))) if of_classes and classes is None else classes
    dots = dot_colours(labels, classes)
    colours = colours or layer_colours(list(maps))
    across, rows = min(ACROSS, len(maps)), -(-len(maps) // ACROSS)
    pitch = 2 * SIDE + TITLE + 0.62
    width = max(5.6, LEFT + across * (SIDE + GAP))
    shown = [map_ for map_ in maps.values() if np.isfinite(map_.points).all()]
    drawn = " or ".join(dict.fromkeys(map_.status.partition(":")[0] for map_ in shown))
    handles = class_handles(classes, labels) if drawn and of_classes else []
    columns = fitting_columns([handle.get_label() for handle in handles], width - 0.2)
    key = (0.2 * -(-len(handles) // columns) if labels is None or of_classes else 0.42) + 0.1
    title = title or f"Samples in every layer: {drawn or 'no map'}, and PCA below"
    figure = canvas(width, rows * pitch + key, title, subtitle, layout=None)
    for position, (layer, map_) in enumerate(maps.items()):
        row, column = divmod(position, ACROSS)
        left, bottom = LEFT + column * (SIDE + GAP), key + (rows - 1 - row) * pitch + 0.28
        upper = box(figure, left, bottom + SIDE + 0.3, SIDE, SIDE)
        lower = box(figure, left, bottom, SIDE, SIDE)
        name = {"t-SNE": "t-SNE", "PCA": "PC"}.get(map_.status.partition(":")[0], "coordinate")
        draw_map(upper, map_.points, labels, classes, dots, name)
        draw_map(lower, map_.pca, labels, classes, dots, "PC")
        style = {"transform": upper.transAxes, "clip_on": False}
        upper.text(
            0,
            1 + 0.42 / SIDE,
            plain(layer),
            size=min(8, 150 / max(1, letters(layer))),
            weight="bold",
            color=colours[layer],
            va="bottom",
            **style,
        )
        upper.text(0, 1 + 0.39 / SIDE, caption(map_), fontsize=6.5, linespacing=1.15, va="top", **style)
    if drawn and labels is not None and not of_classes:
        bar = figure.colorbar(scale(labels), cax=box(figure, LEFT, 0.32, 2.4, 0.09), orientation="horizontal")
        bar.set_label(numbers, fontsize=6.5, labelpad=1)
        bar.ax.tick_params(labelsize=6.5, length=2, pad=1)
        return figure
    axes = box(figure, 0.06, 0, width - 0.2, 0.2)
    axes.axis("off")
    layout = {"loc": "lower left", "borderaxespad": 0, "columnspacing": 1.0, "handletextpad": 0.1}
    axes.legend(handles=handles, ncols=columns, **layout)
    return figure


def maps_of(outputs):
    """The `Map` of every layer of `outputs`, by name activations (samples, units), or of MOST_LAYERS, evenly chosen."""
    maps = {}
    for layer, activations in evenly(list(outputs.items()), MOST_LAYERS):
        embedding = drillcore.embed(activations)
        maps[layer] = Map(embedding.points, drillcore.principal_components(activations), *embedding[2:])
    return maps


def chosen_text(layers):
    """What to say of the choice of so many `layers`."""
    return f"; {MOST_LAYERS} of {len(layers)} layers, evenly chosen" if len(layers) > MOST_LAYERS else ""


def checked_labels(labels, maps):
    """`labels` as an array, or an `InputError` where they are not a class from 0, or a float, for each sample of `maps`."""
    if labels is None:
        return None
    labels = np.asarray(labels)
    samples = {len(map_.points) for map_ in maps.values()}
    known = labels.dtype.kind == "f" or (labels.dtype.kind in "iu" and labels.min(initial=0) >= 0)
    if not known or labels.ndim != 1 or samples != {len(labels)}:
        raise InputError(
            f"labels of type {labels.dtype} and shape {labels.shape} are not one whole number from 0 for each of the "
            f"{' or '.join(map(str, samples)) or 'no'} samples: give the class of each, and the classes' names as classes."
        )
    return labels


def dot_colours(labels, classes):
    """The colour of every sample: of its class, of its number on a scale, or one for all."""
    if labels is None:
        return UNLABELLED
    return (
        scale(labels).to_rgba(labels)
        if labels.dtype.kind == "f"
        else to_rgba_array(class_colours(len(classes)))[labels]
    )


def scale(labels):
    """The colours of numbers: from the 2nd to the 98th percentile, so that one extreme does not take all of them."""
    finite = labels[np.isfinite(labels)]
    low, high = np.percentile(finite, [2, 98]) if len(finite) else (0, 1)
    return ScalarMappable(Normalize(low, high), "viridis")


def caption(map_):
    """What is said of a map: how faithful it is, or why it is none."""
    if map_.status == "t-SNE":
        return f"t-SNE\ntrustworthiness {map_.trustworthiness:.3f}\nneighbour recall {map_.neighbor_recall:.2f}"
    return "\n".join(textwrap.wrap(map_.status, 26)[:3])


def draw_map(axes, points, labels, classes, dots, name):
    """Draw samples as `dots` of these colours by their two coordinates, called `name`; where there is only one, by class or
    number along the other axis."""
    axes.spines[:].set_visible(True)
    axes.spines[:].set_color("#bbbbbb")
    axes.tick_params(labelsize=6, length=2, pad=1.5)
    if not np.isfinite(points).all():
        axes.set(xticks=[], yticks=[])
        return
    if np.ptp(points[:, 1]) == 0:
        jitter = np.random.default_rng(0).uniform(-0.32, 0.32, len(points))
        if classes is None:
            axes.scatter(points[:, 0], jitter if labels is None else labels, s=3, c=dots, lw=0)
            axes.set_yticks([])
            axes.set_ylabel("" if labels is None else "target", fontsize=6.5, labelpad=2)
        else:
            axes.scatter(points[:, 0], labels + jitter, s=3, c=dots, lw=0)
            axes.set_ylim(len(classes) - 0.4, -0.6)
            short = len(classes) <= 12 and max(map(letters, classes)) <= 2
            axes.set_yticks(range(len(classes)) if short else [], list(map(plain, classes)) if short else [])
            axes.set_ylabel("class" if short else "class, in the legend's order", fontsize=6.5, labelpad=2)
        axes.set_xlabel(f"{name} 1, the only one", fontsize=6.5, labelpad=1)
        axes.locator_params(axis="x", nbins=4)
        return
    axes.scatter(*points.T, s=5, c=dots, lw=0, alpha=0.85)
    axes.margins(0.06)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set(xticks=[], yticks=[])
    axes.set_xlabel(f"{name} 1", fontsize=6.5, labelpad=2)
    axes.set_ylabel(f"{name} 2", fontsize=6.5, labelpad=2)


def fitting_columns(names, space):
    """In how many columns, at most 10, the legend of `names` is no wider than `space` inches."""
    for rows in range(-(-len(names) // 10), len(names)):
        columns = [names[first : first + rows] for first in range(0, len(names), rows)]
        if sum(max(map(inches, column)) + 0.4 for column in columns) <= space:
            return len(columns)
    return 1


def class_handles(classes, labels):
    """What the one legend of all maps, above the footer, says: of the classes that some of the `labels` have."""
    present, colours = np.unique(labels), class_colours(len(classes))
    style = {"marker": "o", "linestyle": "", "markersize": 4.5}
    handles = [
        Line2D([], [], color=colours[label], label=plain(classes[label]), **style) for label in present[:MOST_CLASSES]
    ]
    if len(present) > MOST_CLASSES:
        handles.append(Line2D([], [], linestyle="", label=f"and {len(present) - MOST_CLASSES} more"))
    return handles
