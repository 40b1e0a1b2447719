"""All layers of a network at all stored epochs, from the readers of its activations and weights."""

import numpy as np

from drillcore.artifacts.dataset import IGNORED
from drillcore.geometry import dormant, readout
from drillcore.geometry.measurement import Samples, keep, measure
from drillcore.threads import side_by_side

MOST_ROWS = 2000
"""Of more rows of a layer, as of many tokens, evenly spread ones are measured: distances of every two have to fit."""
NO_EPOCH_BEFORE = "no epoch before"


def measure_network(train, test, weights, settings, progress):
    """By epoch and layer what `measure` returns, with the dormant units, and what the file says of them all.

    `train` and `test` are readers of activations, `weights` that of the weights; `settings` has the number of `shuffles`, the
    `seed` and the `threshold` of dormant units.
    """
    rows, test_rows = chosen_rows(train), chosen_rows(test)
    targets, test_targets = targets_of(train, rows), targets_of(test, test_rows)
    count = len(train.at(train.layers[0])[rows, :1])
    orders = readout.permutations(count, settings.shuffles, settings.seed)
    labelled = targets is not None and not readout.is_regression(targets)
    head = classifier(train, weights) if labelled else None

    def at(epoch, layer):
        chosen = decided(train, train.at(train.layers[-1], epoch), rows) if labelled else None
        samples = Samples(targets, test_targets, orders, settings.seed, chosen)
        read = head and layer == head[0]
        weight = head_weight(train, layer, weights[head[1], epoch][:], np.unique(targets)) if read else None
        sides = train.at(layer, epoch)[rows], test.at(layer, epoch)[test_rows]
        return measure(*sides, test.of_all_units(layer, epoch)[test_rows], samples, weight)

    places = [(epoch, layer) for epoch in train.epochs for layer in train.layers]
    with side_by_side() as each:
        measured = list(progress(each(at, *zip(*places, strict=True)), "layers", len(places)))
    width = len(train.layers)
    found = [measured[begin : begin + width] for begin in range(0, len(measured), width)]
    count_dormant(found, train, settings.threshold)
    about = {
        "task": "accuracy" if labelled or targets is None else "R2",
        "samples": count,
        "test_samples": len(test.at(test.layers[0])[test_rows, :1]),
        "threshold": settings.threshold,
    }
    return found, about


def chosen_rows(file):
    """The rows of a reader's layers that are measured: those whose target counts, evenly spread ones of many."""
    targets, count = targets_of(file), len(file.at(file.layers[0]))
    if targets is None or readout.is_regression(targets) or (targets != IGNORED).all():
        return slice(None, None, -(-count // MOST_ROWS))
    known = np.flatnonzero(targets != IGNORED)
    return known[:: -(-len(known) // MOST_ROWS)]


def targets_of(file, rows=...):
    """The targets of the `rows` of a reader's layers: those of tokens where a row is a token, that of its sample elsewhere.

    None where there are none, none that counts, or no single class for each row.
    """
    targets, count = file.labels if file.labels is not None else file.targets, len(file.at(file.layers[0]))
    if targets is None:
        return None
    targets = targets[()]
    if len(targets) != count:
        targets = targets.reshape(count) if targets.size == count else np.repeat(targets, count // len(targets), axis=0)
    if not readout.is_regression(targets) and (targets.ndim > 1 or (targets == IGNORED).all()):
        return None
    return targets[rows]


def decided(train, outputs, rows):
    """The classes that the `outputs` of the last layer put the `rows` into; None where it has no unit for each class."""
    if train.units(train.layers[-1]) is not None or outputs.shape[1] != class_count(train):
        return None
    return np.argmax(outputs[rows], axis=1)


def class_count(train):
    """How many classes there are, or tokens where these are what the network tells."""
    return len(train.classes) or len(train.vocabulary)


def classifier(train, weights):
    """The layer that the classifier reads and the name of the classifier's weight; None where none of the stored fits."""
    heads = [name for name in weights.tensors if weights[name].shape[0] == class_count(train)]
    readable = {layer: len(train.activity(layer)) for layer in train.layers[:-1]}
    for head in heads[::-1]:
        for layer in train.layers[-2::-1]:
            if readable[layer] == weights[head].shape[1]:
                return layer, head
    return None


def head_weight(train, layer, weight, labels):
    """The rows for the classes `labels` and the columns for the stored units of `layer` of the classifier's `weight`."""
    chosen = train.units(layer)
    return weight[labels] if chosen is None else weight[labels][:, chosen]


def measure_seeds(others, train, test, weights, settings, progress):
    """By further seed and layer what `measure` returns of the last epoch, with the dormant units; the units revived, which
    need an earlier epoch, are NaN, and nothing is drawn by chance.

    `others` is the reader of the further trainings' activations; the rest is as of `measure_network`.
    """
    rows, test_rows = chosen_rows(train), chosen_rows(test)
    targets, test_targets = targets_of(train, rows), targets_of(test, test_rows)
    labelled = targets is not None and not readout.is_regression(targets)
    head = classifier(train, weights) if labelled else None

    def at(seed, layer):
        chosen = decided(train, others.of(train.layers[-1], seed, "train"), rows) if labelled else None
        samples = Samples(targets, test_targets, [], None, chosen)
        sides = others.of(layer, seed, "train")[rows], others.of(layer, seed)[test_rows]
        read = head and layer == head[0]
        weight = head_weight(train, layer, others.weight(head[1], seed), np.unique(targets)) if read else None
        found = measure(*sides, others.of_all_units(layer, seed)[test_rows], samples, weight)
        note_activity(found, others.activity(layer, seed), others.zero_fraction(layer, seed), settings.threshold)
        keep(found, "revived", np.nan, [], NO_EPOCH_BEFORE)
        return found

    places = [(seed, layer) for seed in others.seeds for layer in train.layers]
    with side_by_side() as each:
        measured = list(progress(each(at, *zip(*places, strict=True)), "seeds", len(places))) if places else []
    width = len(train.layers)
    return [measured[begin : begin + width] for begin in range(0, len(measured), width)]


def note_activity(found, means, zeros, threshold):
    """Note the fractions of dormant units, whose `means` are known, and of exact `zeros`; returns which units are dormant, or
    None where an output is not finite."""
    reason = "" if np.isfinite(means).all() else "activations that are not finite"
    now = None if reason else dormant.of_means(means, threshold)
    keep(found, "dormant", np.nan if reason else now.mean(), [], reason)
    keep(found, "zeros", np.nan if reason else zeros, [], reason)
    return now


def count_dormant(found, train, threshold):
    """Note by epoch and layer the fractions of dormant units, of exact zeros and of units revived, of all units."""
    for position, layer in enumerate(train.layers):
        before = None
        for epoch, row in zip(train.epochs, found, strict=True):
            one = row[position]
            now = note_activity(one, train.activity(layer, epoch), train.zero_fraction(layer, epoch), threshold)
            if now is None or before is None:
                keep(one, "revived", np.nan, [], one.reasons.get("dormant") or NO_EPOCH_BEFORE)
            else:
                chance = before.mean() * (1 - now.mean())
                keep(one, "revived", np.mean(before & ~now), [chance], "")
            before = now
