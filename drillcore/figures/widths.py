"""What squeezing costs: the task's score, effective ranks and trustworthiness against the squeeze's width."""

from typing import NamedTuple

import numpy as np
from matplotlib.lines import Line2D

from drillcore.artifacts.about import read_about
from drillcore.artifacts.network import Network, read_network
from drillcore.artifacts.replicates import interval_of
from drillcore.artifacts.svd import Spectra
from drillcore.artifacts.tsne import Maps
from drillcore.base.errors import InputError
from drillcore.colours import layer_of
from drillcore.figures.style import canvas, layer_handles, layer_lines, legend_beside, plain, wrap
from drillcore.intervals import LEVEL
from drillcore.ranks import EFFECTIVE
from drillcore.tasks import SCORES, TASKS

RANKS_OF = {"effective_rank": "ranks", "effective_rank_of_variances": "of_variances"}
"""By rank the field of `Point` that has it by layer."""


class Point(NamedTuple):
    """One network: its `title`, its squeeze's `width`, the `score` of its task in the test, and by layer its effective
    `ranks`, of singular values, those `of_variances`, `trust`worthiness and the `status` of its map, which says why a layer
    has none.

    Score and ranks are means over `seeds` trainings; `half` has by field the half width of their t interval, of ranks by
    layer. The score is `score_name` of `drillcore.tasks.SCORES`.
    """

    title: str
    width: int
    score: float
    ranks: dict
    of_variances: dict
    trust: dict
    status: dict
    seeds: int = 1
    half: dict = {}
    score_name: str = "accuracy"

    def half_of(self, field, layer):
        """The half width of the interval of `field`, and of a rank's `layer`; NaN where it is not known."""
        found = self.half.get(field, np.nan)
        return found.get(layer, np.nan) if isinstance(found, dict) else found


def figures(points):
    """The name and function of the one figure; the last network is a star."""
    *ablations, chosen = points
    yield "bottleneck", lambda: bottleneck({name: points[name] for name in ablations}, {chosen: points[chosen]})


def write_table(path, points):
    """Write what `dvc plots` shows: of each network in `points` the width, its task's score, and the last layer's ranks.

    Each is the mean over so many `seeds`, with the half width of its t interval, empty for a single seed.
    """
    scored = ["_or_".join(dict.fromkeys(f"test_{point.score_name}" for point in points.values()))]
    columns = [name for of in (*scored, *EFFECTIVE) for name in (of, f"{of}_interval")]
    rows = [",".join(["network", "width", "seeds", *columns])]
    for name, point in points.items():
        layer = list(point.ranks)[-1]
        numbers = [point.score, point.half_of("score", layer)]
        for field in RANKS_OF.values():
            numbers += [getattr(point, field)[layer], point.half_of(field, layer)]
        cells = ["" if value != value else str(value) for value in numbers]
        rows.append(",".join([name, str(point.width), str(point.seeds), *cells]))
    path.write_text("\n".join(rows) + "\n")


def read_point(folder):
    """The `Point` of the network whose artifacts are in `folder`, at its last epoch."""
    network = read_network(folder / Network.FILE)
    width = network.squeeze_width()
    if not width:
        raise InputError(
            f"{network.name} has no squeeze-expand layer, but stands for a width: name a network that has one."
        )
    with Spectra(folder / Spectra.FILE) as svd, Maps(folder / Maps.FILE) as tsne:
        squeezes = [squeeze.name for squeeze in network.squeezes]
        layers = [layer for layer in svd.layers if layer_of(layer) in squeezes]
        layers += [layer for layer in svd.layers if layer_of(layer) == network.squeezes[-1].expand][-1:]
        name = TASKS[network.task].score
        score = interval_of(folder, f"val_{name}")
        found = {field: {layer: svd.interval(layer, rank) for layer in layers} for rank, field in RANKS_OF.items()}
        trust = {layer: tsne.quality(layer, "trustworthiness") for layer in layers}
        status = {layer: tsne.status(layer) for layer in layers}
    means = [{layer: one.mean for layer, one in of.items()} for of in found.values()]
    halves = {field: {layer: one.half for layer, one in of.items()} for field, of in found.items()}
    about = read_about(folder).title, width, score.mean
    return Point(*about, *means, trust, status, score.count, {"score": score.half, **halves}, name)


def bottleneck(ablations, chosen):
    """The task's score, effective ranks and trustworthiness against the width of the squeeze.

    Parameters
    ----------
    ablations : dict
        By network, its `Point`; joined by lines.
    chosen : dict
        Networks that may share a width with one of them, drawn as stars.
    """
    of_seeds = over_seeds([*ablations.values(), *chosen.values()])
    subtitle = f"{titles(ablations)}, and {titles(chosen)} as stars; last epoch of each{of_seeds}"
    figure = canvas(11.8, 2.7, "What the squeeze's width costs", subtitle)
    score, rank, of_variances, trust, legend = figure.subplots(1, 5, width_ratios=[1, 1, 1, 1, 0.4])
    points = sorted(ablations.values(), key=lambda point: point.width)
    drawn = [*points, *chosen.values()]
    widths = sorted({point.width for point in drawn})
    draw_series(score, points, chosen, ("score", None), {"color": "#333333", "marker": "o"})
    layers = list(dict.fromkeys(layer for point in drawn for layer in point.ranks))
    lines = layer_lines(layers)
    for layer in layers:
        for axes, values in ((rank, "ranks"), (of_variances, "of_variances"), (trust, "trust")):
            draw_series(axes, points, chosen, (values, layer), lines[layer])
    for axes in (rank, of_variances):
        axes.plot(widths, widths, color="#b0b0b0", lw=0.8, linestyle=":", zorder=0)
        axes.set_yscale("log", base=2)
        axes.yaxis.set_major_formatter("{x:g}")
    of_variances.sharey(rank)
    of_features = (f"{effective.name} of the features\n({effective.of})" for effective in EFFECTIVE.values())
    for axes, label in (
        (score, " or ".join(dict.fromkeys(f"test {SCORES[point.score_name]}" for point in drawn))),
        *zip((rank, of_variances), of_features, strict=True),
        (trust, "t-SNE trustworthiness"),
    ):
        axes.set_ylabel(label)
        axes.set_xscale("log", base=2)
        axes.set_xticks(widths, [str(width) for width in widths])
        axes.minorticks_off()
        axes.set_xlabel("width of the squeeze (units)")
        axes.grid(True)
    trust.set_title("\n".join(wrap(missing(drawn), 2.4, 6.5)), fontsize=6.5)
    handles = layer_handles(lines)
    handles.append(Line2D([], [], color="#b0b0b0", lw=0.8, linestyle=":", label="rank = width"))
    handles.append(Line2D([], [], marker="*", markersize=11, linestyle="", **STAR, label=plain(titles(chosen))))
    legend_beside(legend, handles)
    return figure


def over_seeds(points):
    """What bars mean, where there are any: of how many seeds."""
    counts = sorted({point.seeds for point in points if point.seeds > 1})
    if not counts:
        return ""
    many = " to ".join(map(str, counts[:: len(counts) - 1 or 1]))
    return f". Means over {many} seeds with {100 * LEVEL:.0f} % t intervals; trustworthiness is of one seed"


def titles(points):
    """What readers call the networks of `points`."""
    return ", ".join(point.title for point in points.values())


def missing(points):
    """Why some layers of `points` have no trustworthiness; empty where all have one."""
    status = [point.status[layer] for point in points for layer, value in point.trust.items() if value != value]
    reasons = [COORDINATES] if any(text.startswith("coordinates") for text in status) else []
    reasons += dict.fromkeys(text.partition(": ")[2] for text in status if not text.startswith("coordinates"))
    return f"no t-SNE: {'; '.join(reasons)}" if reasons else ""


COORDINATES = "layers of one or two units are drawn as they are"
STAR = {"markerfacecolor": "none", "markeredgecolor": "#333333", "markeredgewidth": 0.9}


def draw_series(axes, points, chosen, of, style):
    """Draw a number of every point against its width, with its interval: the ablations as a line, the chosen as stars.

    `of` is a field of `Point`, and the layer that it is of.
    """

    def value(point):
        found = getattr(point, of[0])
        return found.get(of[1], np.nan) if isinstance(found, dict) else found

    axes.plot([point.width for point in points], [value(point) for point in points], **style)
    for point in chosen.values():
        star = {**STAR, "markeredgecolor": style["color"]}
        axes.plot(point.width, value(point), marker="*", markersize=11, linestyle="", zorder=3, **star)
    for point in [*points, *chosen.values()]:
        half = point.half_of(*of)
        if np.isfinite(half):
            axes.errorbar(point.width, value(point), half, color=style["color"], capsize=2, lw=0.9, fmt="none")
