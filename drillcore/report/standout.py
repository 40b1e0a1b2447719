"""What stands out in a network, in one sentence with its number: the largest effect that its interval tells from none."""

from math import hypot
from typing import NamedTuple

import numpy as np

from drillcore.artifacts.geometry import Geometry
from drillcore.artifacts.history import History
from drillcore.artifacts.replicates import interval_of
from drillcore.artifacts.rewinding import Rewinding
from drillcore.base.names import printable
from drillcore.intervals import Interval
from drillcore.report.evidence import differ, numbers, over_images, percent

LEAST = 0.02
"""A smaller effect, of accuracy or of a layer's units, does not stand out."""


class Effect(NamedTuple):
    """By how much something stands out, as a fraction, and how it is said."""

    size: float
    text: str


def stands_out(network):
    """What stands out in a `Studied` network: a sentence, or "" where nothing does that its files allow to say."""
    found = [effect for find in EFFECTS for effect in find(network) if effect.size >= LEAST]
    return max(found, key=lambda effect: effect.size, default=Effect(0, "")).text


def of_scores(file, measure):
    """The `Interval` of every layer's score at the last epoch: over seeds or, of one training, over the test samples."""
    if file.seeds > 1:
        return [Interval(mean, half, file.seeds) for mean, half in zip(*file.interval(measure), strict=True)]
    return [over_images(min(max(value, 0), 1), file.test_samples) for value in file[measure][-1]]


def said(interval):
    """A fraction with the half width of its interval."""
    return f"{numbers(interval.mean)} ± {numbers(interval.half)}"


def lost_in_a_layer(network):
    """Where a linear probe of the classes reads less than from the layer before."""
    if not (network.folder / Geometry.FILE).exists() or network.card.task != "classification":
        return
    with Geometry(network.folder / Geometry.FILE) as file:
        layers, scores = list(map(printable, file.layers)), of_scores(file, "probe")
    for before, now, a, b in zip(layers, layers[1:], scores, scores[1:], strict=False):
        if differ(a, b) and a.mean > b.mean:
            text = f"a linear probe reads less from {now} than from {before}: {said(b)} against {said(a)}."
            yield Effect(a.mean - b.mean, text)


def dormant_layer(network):
    """In which layer most units are dormant at the end, where that is certain."""
    if not (network.folder / Geometry.FILE).exists():
        return
    with Geometry(network.folder / Geometry.FILE) as file:
        mean, half = file.interval("dormant") if file.seeds > 1 else (file["dormant"][-1], 0 * file["dormant"][-1])
        layers, seeds = list(map(printable, file.layers)), file.seeds
    for layer, value, width in zip(layers, mean, half, strict=True):
        if value > width:
            over = f" ± {percent(width)} over {seeds} seeds" if seeds > 1 else ""
            yield Effect(
                float(value - width), f"{percent(value)}{over} of the units of {layer} are dormant at the end."
            )


def layer_that_matters(network):
    """Which layer costs more accuracy than any other when it is put back to the first epoch."""
    if not (network.folder / Rewinding.FILE).exists():
        return
    with Rewinding(network.folder / Rewinding.FILE) as file:
        if len(file.layers) < 2 or len(file.epochs) < 2 or "accuracy" not in file.scores:
            return
        count, epoch = len(file.sample), file.epochs[0]
        scores = [over_images(value, count) for value in file["accuracy"][:, 0]]
        whole, layers = over_images(file.whole("accuracy")[-1], count), list(map(printable, file.layers))
    first, second = np.argsort([one.mean for one in scores], stable=True)[:2]
    if differ(scores[first], scores[second]) and differ(scores[first], whole):
        text = f"{layers[first]} matters most: put back to {network.card.axis} {epoch}, accuracy falls from {said(whole)} to "
        text += f"{said(scores[first])}; with any other layer, to no less than {said(scores[second])}."
        yield Effect(scores[second].mean - scores[first].mean, text)


def overfitting(network):
    """By how much the test accuracy stays behind that of the training."""
    path = network.folder / History.FILE
    if not path.exists() or network.card.task != "classification":
        return
    history = History(path)
    if not len(history["val_accuracy"]) or not np.isfinite(history["train_accuracy"][-1]):
        return
    test, train = (interval_of(network.folder, f"{of}_accuracy") for of in ("val", "train"))
    if test.count == 1:
        test, train = over_images(test.mean, network.about.test_images), Interval(train.mean, 0.0, 1)
    if train.mean - test.mean > hypot(test.half, train.half):
        text = f"test accuracy stays behind that of the training: {said(test)} against {numbers(train.mean)}."
        yield Effect(train.mean - test.mean, text)


EFFECTS = lost_in_a_layer, dormant_layer, layer_that_matters, overfitting
