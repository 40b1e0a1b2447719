"""Which layers matter: what a network answers with one layer put back, and which measure of similarity told so."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from drillcore.artifacts.rewinding import Rewinding, undefined
from drillcore.artifacts.similarity import Similarity
from drillcore.base.names import printable
from drillcore.figures.style import (
    CHANCE,
    canvas,
    epoch_axis,
    epochs_text,
    inches,
    layer_handles,
    layer_lines,
    legend_beside,
    legend_height,
    styled,
)
from drillcore.similarity.catalogue import MEASURES
from drillcore.similarity.ranking import LEAST_LAYERS, Agreement, rank_agreement

WHOLE = {"color": "black", "linestyle": "--", "linewidth": 1.0}
UNDEFINED = {"linestyle": "", "marker": "x", "markersize": 4.5}
UNDEFINED_BELOW = 0.12
"""How a value is marked that is not finite, and in which part of the panel, from below."""
LIMIT = 0.05
"""Below this probability by chance a rank correlation is said to be one."""


def figures(folder):
    """The name and function of the figure of rewind.h5 in `folder`, a network's artifacts, beside its similarity.h5."""
    with Rewinding(folder / Rewinding.FILE) as file, Similarity(folder / Similarity.FILE) as similarity:
        yield from drawings(file, changes_of(file, similarity))


def drawings(file, changes=None):
    """The name and function of the figure of a `Rewinding`, where there is an epoch to put layers back to; `changes` are
    by measure how unlike each layer is to itself at the end, where they are known."""
    if len(file.epochs) < 2 or not file.layers:
        return
    score, layers = file.scores[0], list(map(printable, file.layers))
    subtitle = f"{file.title}, {epochs_text(file.epochs)}, {len(file.sample)} test samples"
    values, whole, costs = file[score][:], file.whole(score), file.costs(score)
    chance = file.chance if score == "accuracy" else None
    yield "rewinding", partial(rewinding, file.epochs, values, whole, layers, score, chance, costs, changes, subtitle)


def changes_of(file, similarity):
    """By measure how unlike each layer is to itself at the end, on average over the epochs that layers were put back to:
    (layers), NaN for a layer or an epoch that `similarity` lacks."""
    epochs = [similarity.compared.index(epoch) for epoch in file.epochs[:-1] if epoch in similarity.compared]
    rows = [similarity.layers.index(layer) if layer in similarity.layers else None for layer in file.layers]
    changes = {}
    for name in similarity.measures:
        unlike = np.abs(similarity.across(name)[:][:, epochs, -1] - MEASURES[name].alike)
        mean = unlike.mean(1) if epochs else np.full(len(unlike), np.nan)
        changes[name] = np.array([np.nan if row is None else mean[row] for row in rows])
    return changes


@styled
def rewinding(
    epochs: Sequence[int],
    values: ArrayLike,
    whole: ArrayLike,
    layers: Sequence[str],
    score: str = "accuracy",
    chance: float | None = None,
    costs: ArrayLike | None = None,
    changes: Mapping[str, ArrayLike] | None = None,
    subtitle: str = "",
    title: str | None = None,
) -> Figure:
    """Draw what a network scores with each layer put back to each epoch, and which measure ranks the layers so.

    Parameters
    ----------
    epochs : sequence of int (E)
        The last is the trained network.
    values : array_like (L, E)
        As the `scores` of `rewind`.
    whole : array_like (E)
        Of the whole network at each epoch, as the `whole` of `rewind`.
    layers : sequence of str (L)
        The layers' names.
    score : str
        What the values are.
    chance : float, optional
        What chance alone scores.
    costs : array_like (L), optional
        By how much putting back each layer worsens the score.
    changes : mapping of str to array_like (L), optional
        By measure of similarity how unlike each layer is to itself at the end.
    subtitle : str
        The line below the headline, such as the network and its epochs.
    title : str, optional
        The headline, by default one that names the figure.

    Returns
    -------
    matplotlib.figure.Figure

    References
    ----------
    C. Zhang, S. Bengio and Y. Singer 2019, arXiv 1902.01996.

    Examples
    --------
    >>> import drillcore
    >>> figure = drillcore.figures.rewinding([0, 1], [[0.2, 0.9], [0.8, 0.9]], [0.1, 0.9], ["fc1", "fc2"], chance=0.1)
    >>> figure.axes[0].get_ylabel()
    'accuracy with that layer put back'
    """
    values, whole = np.asarray(values), np.asarray(whole)
    agreement = rank_agreement(costs, changes) if changes and costs is not None else None
    measures = {} if agreement is None or np.isnan(agreement.p_value) else agreement.correlations
    told = sentence(epochs, values, whole, layers, score, costs, agreement)
    height = max(2.6, legend_height(len(layers) + 3), 0.2 * len(measures) + 1.0)
    beside = max(1.4, max(map(inches, layers)) + 0.6)
    ratios = [3.2, beside, *([2.6] if measures else [])]
    title = title or "Which layers matter: each put back alone to an earlier epoch"
    figure = canvas(
        sum(ratios) + (1.9 if measures else 0.6), height, title, f"{subtitle}. {told}" if subtitle else told
    )
    panels = figure.subplots(1, len(ratios), width_ratios=ratios)
    lines, axes = layer_lines(layers), panels[0]
    for layer, row in zip(layers, values, strict=True):
        axes.plot(epochs, row, **lines[layer])
    axes.plot(epochs, whole, **WHOLE)
    handles = [*layer_handles(lines), Line2D([], [], label="all layers", **WHOLE)]
    if chance is not None:
        axes.axhline(chance, **CHANCE)
        handles.append(Line2D([], [], label="most frequent class", **CHANCE))
    colours = [*(lines[layer]["color"] for layer in layers), WHOLE["color"]]
    handles += mark_undefined(axes, epochs, np.vstack([values, whole]), colours)
    axes.set_ylabel(f"{score} with that layer put back")
    epoch_axis(axes, epochs)
    axes.set_xlabel("epoch that the layer is put back to")
    legend_beside(panels[1], handles, layers=len(layers))
    if measures:
        draw_agreement(panels[2], measures, agreement.chance)
    return figure


def mark_undefined(axes, epochs, values, colours):
    """Mark below the lines, one layer above the other, the epochs (E) at which `values` (L, E) are not finite; returns the
    legend's entry, or none."""
    if np.isfinite(values).all():
        return []
    for position, (row, colour) in enumerate(zip(values, colours, strict=True)):
        missing = np.asarray(epochs)[~np.isfinite(row)]
        height = np.full(len(missing), (position + 1) / (len(values) + 1) * UNDEFINED_BELOW)
        axes.plot(missing, height, color=colour, transform=axes.get_xaxis_transform(), **UNDEFINED)
    low, high = axes.get_ylim()
    axes.set_ylim(low - UNDEFINED_BELOW / (1 - UNDEFINED_BELOW) * (high - low), high)
    return [Line2D([], [], label="undefined", color="#666666", **UNDEFINED)]


def draw_agreement(axes, correlations, chance):
    """Draw the rank correlation of every measure's changes with the costs of putting back, and what chance gives."""
    names = list(correlations)
    values, colours = list(correlations.values()), [MEASURES[name].colour for name in names]
    axes.barh(range(len(names)), values, 0.6, color=colours)
    axes.scatter(values, range(len(names)), 8, colours, zorder=3)  # a bar does not show 0
    axes.axvline(0, color="black", linewidth=0.6)
    for place, value in enumerate(correlations.values()):
        if np.isnan(value):
            axes.text(0.04, place, "undefined", va="center", size=7, color="#666666")
    for limit in (-chance, chance):
        axes.axvline(limit, **CHANCE)
    axes.annotate(
        "beyond the lines: 5 % by chance", (0, 1), (0, 2), xycoords=("data", "axes fraction"), textcoords="offset points",
        ha="center", va="bottom", size=7, color="#666666",
    )  # fmt: skip
    axes.set_yticks(range(len(names)), [MEASURES[name].title for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(-1.05, 1.05)
    axes.set_xlabel("do layers that change more cost more?\nrank correlation over the layers")
    axes.grid(True, axis="x")


def sentence(
    epochs: Sequence[int],
    values: np.ndarray,
    whole: np.ndarray,
    layers: Sequence[str],
    score: str,
    costs: ArrayLike | None,
    agreement: Agreement | None,
) -> str:
    """What the numbers say: which layer costs most, and which measure told so, if any did beyond chance."""
    if missing := undefined(np.vstack([values, whole]), [*layers, "all layers"], epochs):
        return f"The {score} is undefined, for outputs are not finite: {missing}."
    worst = int(np.nanargmin(values[:, 0]) if score == "accuracy" else np.nanargmax(values[:, 0]))
    told = f"{layers[worst]} back at epoch {epochs[0]}: {score} {values[worst, 0]:.2f} instead of {whole[-1]:.2f}"
    if agreement is None:
        return f"{told}."
    if np.isnan(agreement.p_value):
        few = len(layers) < LEAST_LAYERS
        why = f" over {len(layers)} layers" if few else ": all layers change or cost the same, or one is not known"
        return f"{told}; no measure has a rank correlation{why}."
    known = {name: value for name, value in agreement.correlations.items() if np.isfinite(value)}
    best = max(known, key=lambda name: abs(known[name]))
    rank = f"rank correlation {known[best]:.2f}".replace("-", "−") + f" over {len(layers)} layers"
    if agreement.p_value > LIMIT:
        reach = f"which {100 * agreement.p_value:.0f} % of all orders reach"
        return f"{told}; no measure ranks the layers so beyond chance: {MEASURES[best].title} comes nearest, {rank}, {reach}."
    how = "told best which layers matter" if known[best] > 0 else "says the opposite: what changes most matters least"
    return f"{told}; {MEASURES[best].title} {how}, {rank}, p = {agreement.p_value:.2g}."
