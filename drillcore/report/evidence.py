"""What findings rest on: which networks and layers are compared, when values differ, and how they are written."""

from itertools import pairwise
from math import hypot, sqrt

import numpy as np

from drillcore.artifacts.activations import Activations
from drillcore.artifacts.gradient_stats import GradientStats
from drillcore.artifacts.history import History
from drillcore.artifacts.pairs import pair_files
from drillcore.artifacts.replicates import interval_of
from drillcore.intervals import LEVEL, Interval
from drillcore.report.studies import by_study
from drillcore.tasks import NOUNS

ERRORS = 2
"""So many standard errors apart, the accuracies of two single trainings are said to differ."""
LIMIT = 0.05
"""The false-discovery rate above which layers are not said to be alike."""


def subject(view, networks, *files):
    """The network that `view` is about, of those that have the `files`; None without any."""
    whole = [one for one in by_study(view, networks) if all((one.folder / file).exists() for file in files)]
    return next(iter(whole), None)


def widest_family(networks, file):
    """By width, the widest first, the networks that have a `file` and differ in nothing but the width of their squeeze: of
    several families the one with the most widths, of several networks of a width the first."""
    families = {}
    for network in networks:
        width = network.card.squeeze_width()
        if width and (network.folder / file).exists():
            families.setdefault(network.family(), {}).setdefault(width, network)
    return dict(sorted(max(families.values(), key=len, default={}).items(), reverse=True))


def compared(networks):
    """By their names the files of those pairs of the networks that were compared."""
    names = [network.card.name for network in networks]
    folders = {network.folder.parent for network in networks}
    return {name: path for folder in folders for name, path in pair_files(folder, names).items()}


def data_of(folder):
    """The data that the network in `folder` saw, in a few words; "" where no activations.h5 says so."""
    if not (folder / Activations.FILE).exists():
        return ""
    with Activations(folder / Activations.FILE) as file:
        return in_short(file.source)


def in_short(source):
    """A data set's `source` without its kind, how it came and how it was split: "sample: digits, from ..." is "digits"."""
    return source.split(": ", 1)[-1].split(", ")[0]


def on(network, basis):
    """A `basis` with the data of the `network`, as far as they are known."""
    data = data_of(network.folder)
    return f"{basis} Data: {data}." if data else basis


def noun(network):
    """What readers call a sample of the network: image, sample or text."""
    return NOUNS[network.card.kind]


def an(name):
    """A noun with its article."""
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def accuracy(network):
    """The `Interval` of a classifier's test accuracy at the last epoch, NaN if there is none: over several seeds the t
    interval, of one training ERRORS standard errors over its test images."""
    history = History(network.folder / History.FILE)
    if network.card.task != "classification" or not len(history["val_accuracy"]):
        return Interval(np.nan, np.nan, 0)
    found = interval_of(network.folder, "val_accuracy")
    return found if found.count > 1 else over_images(found.mean, network.about.test_images)


def over_images(accuracy, images):
    """The `Interval` of one training's accuracy over so many test images; NaN where their number is not known."""
    return Interval(accuracy, ERRORS * sqrt(accuracy * (1 - accuracy) / images) if images else np.nan, 1)


def differ(a, b):
    """Whether two `Interval`s are further apart than the root of the sum of their squared half widths."""
    return abs(a.mean - b.mean) > hypot(a.half, b.half)


def resting(network, intervals):
    """On what the accuracies of networks like `network` rest, and when two are said to differ."""
    counts, images = sorted({interval.count for interval in intervals}), network.about.test_images
    basis = f"{images:,} test images, " if images else ""
    if counts == [1]:
        return f"{basis}one training of each; a difference is more than {ERRORS} standard errors."
    seeds = " to ".join(map(str, counts[:: len(counts) - 1 or 1]))
    rule = "two, ± a and ± b, differ by more than √(a² + b²)."
    return f"{basis}means of {seeds} seeds and their {100 * LEVEL:.0f} % t intervals; {rule}"


def accuracies_text(intervals):
    """Accuracies as text, each with its interval where that is of several seeds."""
    return [
        numbers(one.mean, digits=3) + (f" ± {numbers(one.half, digits=3)}" if one.count > 1 else "")
        for one in intervals
    ]


def falling(values, digits):
    """Whether every value is below the one before it, as far as `digits` decimals tell."""
    return all(round(a, digits) > round(b, digits) for a, b in pairwise(map(float, values)))


def last_statistics(network):
    """The largest threshold of a network's gradient_stats.json, and the statistics of its last epoch; none of none."""
    with GradientStats(network.folder / GradientStats.FILE) as file:
        threshold = file.thresholds[-1]
        by_epoch = file.by_epoch(threshold)
    return threshold, {name: float(values[-1]) for name, values in by_epoch.items() if len(values)}


def off_diagonal(matrix):
    """The mean of the finite values of a symmetric matrix beside its diagonal; NaN where there are none."""
    values = matrix[np.triu_indices(len(matrix), 1)]
    return float(np.mean(values[np.isfinite(values)], dtype=np.float64)) if np.isfinite(values).any() else np.nan


def quoted(network):
    """A network as a sentence names it."""
    return f"“{network.about.title}”"


def distinct(a, b):
    """Whether two values differ as they are written."""
    return numbers(a) != numbers(b)


def numbers(*values, digits=2):
    """Values as text."""
    return ", ".join(f"{value:.{digits}f}" for value in values)


def digits(value):
    """A value of any size as text, to three digits, or as a whole number."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def listed(names):
    """Names or whole numbers as text."""
    return ", ".join(map(str, names))


def percent(fraction):
    """A fraction as text: with one decimal, or two digits where it is less than one in a hundred."""
    if 0.9995 <= fraction < 1:
        return "more than 99.9 %"
    return f"{100 * fraction:.1f} %" if fraction >= 0.01 or not fraction else f"{100 * fraction:.2g} %"
