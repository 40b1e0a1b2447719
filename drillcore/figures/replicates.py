"""What would come out the same with another seed: each layer against itself in further trainings."""

from collections.abc import Mapping
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from drillcore.artifacts.activations import Activations
from drillcore.artifacts.replicates import Replicates
from drillcore.base.errors import InputError
from drillcore.base.names import printable
from drillcore.figures.style import CHANCE, canvas, legend_beside, name_ticks, styled
from drillcore.similarity.seeds import Agreement, across_seeds

SAMPLES = 500
"""So many samples of the probe set are compared."""
WIDTH = 5.2
PAIR, MEAN = "#77AADD", "#0072B2"


def figures(folder):
    """The name and function of the figure of replicates.h5 in `folder`, a network's artifacts; none without further seeds."""
    with Replicates(folder / Replicates.FILE) as file, Activations(folder / Activations.FILE) as activations:
        if file.seeds:
            yield "seed_similarity", partial(draw_seeds, file, activations)


def draw_seeds(file, activations):
    """`seed_similarity` of `Replicates` and `Activations`."""
    found = {
        layer: across_seeds([values[:SAMPLES] for values in (activations[layer], *file[layer])])
        for layer in file.layers
    }
    samples = min(SAMPLES, len(activations.sample))
    subtitle = f"{activations.title}, epoch {activations.epochs[-1]}: {len(file.seeds) + 1} seeds, {samples} samples"
    return seed_similarity(found, subtitle)


@styled
def seed_similarity(
    found: Mapping[str, Agreement], subtitle: str = "", title: str = "Would it come out the same with another seed?"
) -> Figure:
    """Draw how alike each layer is to itself in trainings with other seeds, beside chance.

    Parameters
    ----------
    found : mapping of str to Agreement
        By layer what `drillcore.across_seeds` returns.
    subtitle : str
        The line below the headline, such as the network and the number of seeds.
    title : str
        The headline.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        If there is no layer.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> X = np.random.default_rng(0).standard_normal((50, 3))
    >>> figure = drillcore.figures.seed_similarity({"fc1": drillcore.across_seeds([X, -X])})
    >>> figure.axes[0].get_ylabel()
    'debiased CKA'
    """
    if not found:
        raise InputError("no layers to draw: give the agreement of at least one.")
    figure = canvas(7.4, 2.8, title, subtitle)
    axes, legend = figure.subplots(1, 2, width_ratios=[WIDTH, 7.4 - WIDTH])
    for position, agreement in enumerate(found.values()):
        axes.plot([position] * len(agreement.pairs), agreement.pairs, linestyle="", marker="o", color=PAIR)
        axes.plot(position, np.mean(agreement.pairs), marker="_", markersize=14, markeredgewidth=1.6, color=MEAN)
        chance = np.max(agreement.chance)
        axes.plot([position - 0.3, position + 0.3], [chance, chance], **CHANCE)
        if np.isnan(agreement.pairs).all():
            axes.text(position, 0.5, "undefined", rotation=90, ha="center", va="center", color=CHANCE["color"])
    name_ticks(axes.xaxis, [printable(layer) for layer in found], WIDTH)
    axes.set_xlim(-0.5, len(found) - 0.5)
    axes.set_ylim(min(-0.05, *(np.nanmin(one.pairs, initial=0) for one in found.values())), 1.03)
    axes.set_ylabel("debiased CKA")
    axes.grid(True, axis="y")
    handles = [
        Line2D([], [], linestyle="", marker="o", color=PAIR, label="two seeds"),
        Line2D(
            [], [], linestyle="", marker="_", markersize=14, markeredgewidth=1.6, color=MEAN, label="mean of the pairs"
        ),
        Line2D([], [], **CHANCE, label="samples permuted,\n95 % stay below"),
    ]
    legend_beside(legend, handles)
    return figure
