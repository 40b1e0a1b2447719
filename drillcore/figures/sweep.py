"""What squeezing costs over all experiments: accuracy and effective rank against any number of widths."""

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from drillcore.artifacts.geometry import Geometry
from drillcore.artifacts.network import Network, read_network
from drillcore.artifacts.replicates import histories, seeds_of
from drillcore.artifacts.svd import Spectra
from drillcore.colours import layer_of
from drillcore.figures.style import canvas, styled
from drillcore.intervals import LEVEL, Interval, t_interval

LABELS = {
    "accuracy": "test accuracy",
    "rank": "effective rank of the features\n(of singular values)",
    "probe": "linear probe of the features\n(test accuracy)",
}
COLOUR, SINGLE = "#0072B2", "#777777"


class Trained(NamedTuple):
    """One training: the `width` of its squeeze, its `seed`, test `accuracy`, and of its last layer's features the effective
    `rank` and the accuracy of a linear `probe`; NaN where they are not known."""

    width: int
    seed: int
    accuracy: float
    rank: float
    probe: float = np.nan


def trainings(folder: Path) -> list[Trained]:
    """All trainings of the network in `folder`, with its further seeds."""
    network, others = read_network(folder / Network.FILE), seeds_of(folder)
    seeds = [network.values["seed"], *others]
    accuracies = [float(history["val_accuracy"][-1]) for history in histories(folder)]
    ranks, probes = [np.nan] * len(seeds), [np.nan] * len(seeds)
    if (folder / Spectra.FILE).exists():
        with Spectra(folder / Spectra.FILE) as svd:
            ranks = svd.of_seeds(last_of(network, svd.layers), "effective_rank")
    if (folder / Geometry.FILE).exists():
        with Geometry(folder / Geometry.FILE) as file:
            probes = file.of_seeds("probe")[:, file.layers.index(last_of(network, file.layers))].tolist()
    width = network.squeeze_width()
    return [Trained(width, *one) for one in zip(seeds, accuracies, ranks, probes, strict=True)]


def last_of(network, layers):
    """The last of the `layers` that belongs to the expansion of the network's last squeeze."""
    return [name for name in layers if layer_of(name) == network.squeezes[-1].expand][-1]


def by_width(found: Iterable[Trained]) -> dict[int, dict[str, Interval]]:
    """By width, ascending, the `Interval` of each number over all trainings; what several experiments have counts once."""
    once = {(one.width, one.seed): one for one in found}
    widths = sorted({width for width, _ in once})
    return {
        width: {
            name: t_interval([getattr(one, name) for one in once.values() if one.width == width]) for name in LABELS
        }
        for width in widths
    }


def figures(points, title):
    """The name and function of the one figure; `title` is what readers call the network."""
    subtitle = f"{title}: means over {counted(points)} and {100 * LEVEL:.0f} % t intervals; grey where there is one"
    yield "sweep", partial(sweep, points, subtitle)


def counted(points):
    """Of how many trainings the means are."""
    counts = sorted({of["accuracy"].count for of in points.values()})
    return f"{' to '.join(map(str, counts[:: len(counts) - 1 or 1]))} seed{'s'[: counts[-1] > 1]} of each width"


@styled
def sweep(
    points: Mapping[int, Mapping[str, Interval]],
    subtitle: str = "",
    title: str = "What the squeeze's width costs, over all experiments",
) -> Figure:
    """Draw accuracy and effective rank against the width of the squeeze.

    Parameters
    ----------
    points : mapping of int to mapping
        By width the interval of "accuracy", "rank" and "probe", as `by_width` makes it; what is known of none has no panel.
    subtitle : str
        The line below the headline.
    title : str
        The headline.

    Returns
    -------
    matplotlib.figure.Figure
    """
    labels = {name: LABELS[name] for name in LABELS if any(of[name].count for of in points.values())}
    figure = canvas(3.7 * len(labels), 2.9, title, subtitle)
    for axes, (name, label) in zip(figure.subplots(1, len(labels), squeeze=False)[0], labels.items(), strict=True):
        widths, found = list(points), [of[name] for of in points.values()]
        axes.plot(widths, [one.mean for one in found], color=COLOUR, lw=0.9)
        for width, one in zip(widths, found, strict=True):
            single = np.isnan(one.half)
            half = None if single else one.half
            axes.errorbar(width, one.mean, half, color=SINGLE if single else COLOUR, marker="o", capsize=2.5)
        axes.set_xscale("log", base=2)
        axes.set_xticks(widths, list(map(str, widths)))
        axes.minorticks_off()
        axes.set_xlabel("width of the squeeze (units)")
        axes.set_ylabel(label)
        axes.grid(True)
        if name == "rank":
            axes.plot(widths, widths, color="#b0b0b0", lw=0.8, linestyle=":", label="rank = width", zorder=0)
            axes.set_yscale("log", base=2)
            axes.yaxis.set_major_formatter("{x:g}")
            axes.legend()
    return figure


def write_table(path: Path, points: Mapping[int, Mapping[str, Interval]]) -> None:
    """Write the means, the half widths of their intervals and the numbers of seeds, a row for each width."""
    names = [name for of in LABELS for name in (of, f"{of}_interval")]
    rows = [["width", "seeds", *names]]
    for width, of in points.items():
        numbers = [value for name in LABELS for value in of[name][:2]]
        rows.append([width, of["accuracy"].count, *("" if np.isnan(value) else value for value in numbers)])
    path.write_text("\n".join(",".join(map(str, row)) for row in rows) + "\n")
