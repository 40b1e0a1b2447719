"""Layers by layers: every measure of every two layers beside what chance alone gives it, and relative to that."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

import drillcore
from drillcore.base.errors import InputError
from drillcore.figures.similarity_maps import (
    Drawn,
    by_chance,
    draw_map,
    explain,
    frame_best,
    label_cells,
    side,
)
from drillcore.figures.style import canvas, inches, samples_text, styled
from drillcore.similarity.catalogue import MEASURES, calibrated, catalogued
from drillcore.similarity.matrix import SimilarityMatrix

ACROSS = 5
"""How many maps of layers are side by side."""
NO_MORE = "no more than chance:\n95 % of permutations are less alike"
"""What grey cells are of scores relative to chance."""


@styled
def layer_similarity(
    values: Mapping[str, ArrayLike] | SimilarityMatrix,
    rows: Sequence[str] | None = None,
    others: Sequence[str] | None = None,
    q_values: ArrayLike | None = None,
    quantiles: Mapping[str, ArrayLike] | None = None,
    subtitle: str = "",
    title: str | None = None,
) -> Figure:
    """Draw a map of layers by layers for each measure.

    Parameters
    ----------
    values : mapping of str to array_like (samples, units), or SimilarityMatrix, or mapping of str to array_like
        By layer its activations, which are compared by all measures and tested against chance; or what
        `similarity_matrix` returns; or, where `rows` are named, by measure an array (rows, columns), NaN where it is
        undefined.
    rows : sequence of str, optional
        The layers.
    others : sequence of str, optional
        The layers of another network. Without them a network's layers are compared with each other, and maps have the
        quantiles of their nulls below their diagonal.
    q_values : array_like (rows, columns), optional
        Of the permutation null, as `q_values_of_pairs` makes them of its p-values; NaN is not tested.
    quantiles : mapping of str to array_like (rows, columns), optional
        By measure what chance alone scores, as the `pairs` of `null_quantiles`.
    subtitle : str, optional
        The line below the headline, such as the network, its epoch and the number of samples.
    title : str, optional
        The headline, by default one that names the figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        If a measure is not in the catalogue, measures come without `rows`, the activations of a layer are not (samples,
        units), or the layers differ in their number of samples.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> random = np.random.default_rng(0)
    >>> outputs = {"fc1": random.normal(size=(50, 6)), "fc2": random.normal(size=(50, 3))}
    >>> figure = drillcore.figures.layer_similarity(outputs)
    >>> [axes.get_title("left") for axes in figure.axes[:3]]
    ['linear CKA', 'debiased CKA', 'RBF CKA']
    """
    if isinstance(values, SimilarityMatrix):
        rows, others, values = values.rows, values.columns, {values.measure: values}
    elif rows is None:
        if values.keys() <= MEASURES.keys():
            raise InputError(
                f"values holds the measures {', '.join(values)}, but rows names no layers: name them, or give a dict of "
                "layer to activations."
            )
        subtitle, rows = subtitle or samples_text(values), list(values)
        values, q_values, quantiles = similarities_of(values)
    columns, order, quantiles = others or rows, catalogued(values), quantiles or {}
    title = title or "Similarity of the layers' representations"
    figure, panels = map_panels(rows, columns, len(values), title, subtitle)
    chance, drawn = by_chance(q_values), Drawn()
    for axes, name in zip(panels, order, strict=False):
        matrix, grey, heading = np.asarray(values[name]), chance, MEASURES[name].title
        if name in quantiles and others:
            heading += between_text(quantiles[name])
            drawn.quantiles = "in brackets,"
        elif name in quantiles and len(rows) > 1:
            below = np.tri(len(rows), k=-1, dtype=bool)
            matrix, grey = np.where(below, quantiles[name], matrix), None if chance is None else chance & ~below
            drawn.quantiles = "below each diagonal,"
        draw_map(axes, matrix, MEASURES[name], grey, heading, drawn)
        label_cells(axes, matrix, rows, columns)
    finish_maps(panels, len(values), drawn)
    return figure


def between_text(values):
    """The range of `values` in a second line; nothing where all are NaN."""
    known = values[np.isfinite(values)]
    return f"\n({known.min():.2f} to {known.max():.2f})" if known.size else ""


def map_panels(rows, columns, count, title, subtitle):
    """A figure with panels for `count` maps of `rows` x `columns` layers, and for the key.

    Only the first of a row and those of the last row have axes, for the names of the layers.
    """
    across = min(ACROSS, count + 1)
    down = -(-(count + 1) // across)
    longest, inches_of_map = max(map(inches, [*rows, *columns])), side(max(len(rows), len(columns)))
    width, height = across * (inches_of_map + 0.25) + longest, down * (inches_of_map + 0.45) + longest
    figure = canvas(width, height, title, subtitle)
    panels = list(figure.subplots(down, across, squeeze=False).flat)
    for position, axes in enumerate(panels):
        axes.xaxis.set_visible(position // across == (count - 1) // across)
        axes.yaxis.set_visible(position % across == 0)
    return figure, panels


def finish_maps(panels, count, drawn):
    """Explain in the first free one of `panels` what was `drawn` in `count` of them."""
    for axes in panels[count:]:
        axes.axis("off")
    explain(panels[count], drawn)


@styled
def calibrated_similarity(
    values: Mapping[str, ArrayLike],
    quantiles: Mapping[str, ArrayLike],
    rows: Sequence[str],
    others: Sequence[str] | None = None,
    best: Mapping[str, ArrayLike] | None = None,
    subtitle: str = "",
    title: str | None = None,
) -> Figure:
    """Draw a map of layers by layers for each measure, relative to what chance alone gives it.

    Parameters
    ----------
    values : mapping of str to array_like (rows, columns)
        By measure, NaN where it is undefined.
    quantiles : mapping of str to array_like (rows, columns)
        By measure what chance alone scores, as the `pairs` of `null_quantiles`.
    rows : sequence of str
        The layers.
    others : sequence of str, optional
        The layers of another network. Without them a network's layers are compared with each other.
    best : mapping of str to array_like (rows), optional
        By measure what the best match of a layer scores by chance alone, as the `best` of `null_quantiles`: a row's best
        match has a frame where it is better.
    subtitle : str, optional
        The line below the headline, such as the network, its epoch and the number of samples.
    title : str, optional
        The headline, by default one that names the figure.

    Returns
    -------
    matplotlib.figure.Figure

    References
    ----------
    arXiv 2602.14486.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> scores, chance = np.array([[1.0, 0.6], [0.6, 1.0]]), np.array([[np.nan, 0.2], [0.2, np.nan]])
    >>> figure = drillcore.figures.calibrated_similarity({"rsa": scores}, {"rsa": chance}, ["fc1", "fc2"])
    >>> figure.axes[0].texts[1].get_text()
    '0.50'
    """
    columns, order = others or rows, catalogued(values)
    title = title or "Similarity above chance: 0 is what 95 % of permutations stay below, 1 is the same"
    figure, panels = map_panels(rows, columns, len(values), title, subtitle)
    same, drawn = np.eye(len(rows), dtype=bool) & (not others), Drawn()
    for axes, name in zip(panels, order, strict=False):
        scores = np.asarray(values[name])
        matrix = calibrated(scores, quantiles[name], name)
        matrix = np.where(same & np.isfinite(scores), 1.0, matrix) if not others else matrix
        look = MEASURES[name]._replace(alike=1.0, unlike=0.0, unit="")
        draw_map(axes, matrix, look, matrix <= 0, MEASURES[name].title, drawn, NO_MORE)
        label_cells(axes, matrix, rows, columns)
        if best:
            away = matrix if others else np.where(same, np.nan, matrix)
            frame_best(axes, best_matches(away, scores, best[name], name), drawn)
    finish_maps(panels, len(values), drawn)
    return figure


def best_matches(above, scores, least, name):
    """The column of the best of each row of `above`, relative to chance; None where its score is no better than `least`
    (rows), that of the best match by chance alone."""
    columns = np.where(np.isnan(above), -np.inf, above).argmax(1)
    sign, rows = -1 if MEASURES[name].is_distance else 1, np.arange(len(columns))
    better = np.isfinite(above[rows, columns]) & (sign * scores[rows, columns] > sign * np.asarray(least))
    return [int(column) if exceeds else None for column, exceeds in zip(columns, better, strict=True)]


def similarities_of(outputs):
    """All measures of `outputs`, by layer activations (samples, units), with the q-values and quantiles of every pair."""
    values, layers = {name: drillcore.similarity_matrix(outputs, name) for name in MEASURES}, list(outputs.values())
    q_values = drillcore.q_values_of_pairs(drillcore.permutation_null(layers))
    return values, q_values, {name: drillcore.null_quantiles(outputs, name).pairs for name in MEASURES}
