"""What squeezing costs: accuracy, effective ranks and trustworthiness against the squeeze's width."""

from typing import NamedTuple

import numpy as np
from matplotlib.lines import Line2D

from drillcore.artifacts.about import read_about
from drillcore.artifacts.metrics import Metrics
from drillcore.artifacts.network import Network, read_network
from drillcore.artifacts.svd import Spectra
from drillcore.artifacts.tsne import Maps
from drillcore.base.errors import InputError
from drillcore.colours import layer_of
from drillcore.figures.style import canvas, layer_handles, layer_lines, legend_beside, plain, wrap
from drillcore.ranks import EFFECTIVE


class Point(NamedTuple):
    """One network: its `title`, its squeeze's `width`, test `accuracy`, and by layer its effective `ranks`, of singular
    values, those `of_variances`, `trust`worthiness and the `status` of its map, which says why a layer has none."""

    title: str
    width: int
    accuracy: float
    ranks: dict
    of_variances: dict
    trust: dict
    status: dict


def figures(points):
    """The name and function of the one figure; the last network is a star."""
    *ablations, chosen = points
    yield "bottleneck", lambda: bottleneck({name: points[name] for name in ablations}, {chosen: points[chosen]})


def write_table(path, points):
    """Write what `dvc plots` shows: of each network in `points` the width, the accuracy, and the last layer's ranks."""
    rows = [",".join(["network", "width", "test_accuracy", *EFFECTIVE])]
    for name, point in points.items():
        ranks = (list(values.values())[-1] for values in (point.ranks, point.of_variances))
        rows.append(",".join(map(str, [name, point.width, point.accuracy, *ranks])))
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
        ranks, of_variances = ({layer: svd.rank(layer, rank) for layer in layers} for rank in EFFECTIVE)
        trust = {layer: tsne.quality(layer, "trustworthiness") for layer in layers}
        status = {layer: tsne.status(layer) for layer in layers}
    title = read_about(folder).title
    return Point(title, width, Metrics(folder / Metrics.FILE)["val_accuracy"], ranks, of_variances, trust, status)


def bottleneck(ablations, chosen):
    """Accuracy, effective ranks and trustworthiness against the width of the squeeze.

    Parameters
    ----------
    ablations : dict
        By network, its `Point`; joined by lines.
    chosen : dict
        Networks that may share a width with one of them, drawn as stars.
    """
    subtitle = f"{titles(ablations)}, and {titles(chosen)} as stars; last epoch of each"
    figure = canvas(11.8, 2.7, "What the squeeze's width costs", subtitle)
    accuracy, rank, of_variances, trust, legend = figure.subplots(1, 5, width_ratios=[1, 1, 1, 1, 0.4])
    points = sorted(ablations.values(), key=lambda point: point.width)
    drawn = [*points, *chosen.values()]
    widths = sorted({point.width for point in drawn})
    draw_series(accuracy, points, chosen, lambda point: point.accuracy, {"color": "#333333", "marker": "o"})
    layers = list(dict.fromkeys(layer for point in drawn for layer in point.ranks))
    lines = layer_lines(layers)
    for layer in layers:
        for axes, values in ((rank, "ranks"), (of_variances, "of_variances"), (trust, "trust")):
            value = lambda point, layer=layer, values=values: getattr(point, values).get(layer, np.nan)  # noqa: E731
            draw_series(axes, points, chosen, value, lines[layer])
    for axes in (rank, of_variances):
        axes.plot(widths, widths, color="#b0b0b0", lw=0.8, linestyle=":", zorder=0)
        axes.set_yscale("log", base=2)
        axes.yaxis.set_major_formatter("{x:g}")
    of_variances.sharey(rank)
    of_features = (f"{effective.name} of the features\n({effective.of})" for effective in EFFECTIVE.values())
    for axes, label in (
        (accuracy, "test accuracy"),
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


def draw_series(axes, points, chosen, value, style):
    """Draw `value` of every point against its width: the ablations as a line, the chosen as stars."""
    axes.plot([point.width for point in points], [value(point) for point in points], **style)
    for point in chosen.values():
        star = {**STAR, "markeredgecolor": style["color"]}
        axes.plot(point.width, value(point), marker="*", markersize=11, linestyle="", zorder=3, **star)
