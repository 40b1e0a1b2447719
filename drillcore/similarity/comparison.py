"""A network's layers compared with each other, and each with itself over the epochs, with the controls."""

from functools import partial

import numpy as np

from drillcore.artifacts.layers import epoch_name
from drillcore.progress import silent
from drillcore.similarity.calibration import Permutations
from drillcore.similarity.catalogue import BIASED, TESTED
from drillcore.similarity.measures import Family, choose_measures, families
from drillcore.similarity.null import by_chance, floor_of, noise_floor, p_values_of, q_values_of_pairs
from drillcore.similarity.probe import Status
from drillcore.similarity.representation import Undefined, matrix, prepare
from drillcore.threads import side_by_side

LEAST_SAMPLES = 16
"""Of the sample sizes at which biased and debiased CKA are compared; each is twice the one before."""
SHIFTS = np.array([0.0, 1.0, 3.0, 10.0, 30.0, 100.0])
"""How far the planted outlier is moved, in root mean square distances of samples from their mean."""


def store_measures(writer, probe, measures, settings, progress=silent):
    """Store every measure between layers (epochs, layers, layers), what it scores by chance at the last epoch, and across
    epochs (layers, epochs, epochs).

    At most `settings.epochs` epochs, evenly spread, the first and the last among them, are compared with each other.
    """
    count, groups, most_epochs = len(probe.epochs), families(measures, probe.subsets), settings.epochs
    chance = Permutations(len(probe.rows), settings.permutations, settings.seed)
    spread = np.unique(np.linspace(0, count - 1, min(count, most_epochs)).round().astype(int))
    chosen = [probe.epochs[number] for number in spread]
    with side_by_side() as each:
        for family, group in progress(groups.items(), "measures", len(groups)):
            results = compare_layers(probe, family, group, chosen, each)
            history = [layers for epoch, (_, layers) in zip(probe.epochs, results, strict=True) if epoch in chosen]
            for name, measure in group.items():
                store_between_layers(writer, name, measure, probe, results)
                store_across_epochs(writer, name, measure, probe, chosen, history, each)
            store_quantiles(writer, chance, group, history[-1], each)
    writer.store_compared(chosen)


def store_quantiles(writer, chance, group, layers, each):
    """Store the quantiles of the null of the measures in `group`, of one epoch's prepared `layers`."""
    found = each(lambda named: chance.quantiles(*named, layers), group.items())
    for (name, measure), quantiles in zip(group.items(), found, strict=True):
        writer.store_quantiles(name, quantiles.pairs, quantiles.best, chance.count(measure))


def compare_layers(probe, family, group, chosen, each):
    """For each epoch the matrices of the measures in `group`, {name: (layers, layers)}, and its prepared layers.

    Of epochs that are not `chosen` only what is `Undefined` is kept, for the rest may be large.
    """
    unchanging = probe.unchanging(family)

    def compare_epoch(epoch):
        layers = probe.prepared(family, epoch, unchanging)
        values = {name: matrix(measure.compare, layers) for name, measure in group.items()}
        return values, [layer if epoch in chosen or isinstance(layer, Undefined) else None for layer in layers]

    return list(each(compare_epoch, probe.epochs))


def store_between_layers(writer, name, measure, probe, results):
    """Store a measure between layers from the results of `compare_layers`."""
    status = Status("epoch")
    for epoch, (values, layers) in zip(probe.epochs, results, strict=True):
        status.note(epoch_name(epoch), values[name], layers, probe.stored, measure.undefined_pair)
    writer.store_between(name, np.array([values[name] for values, _ in results]), status)


def store_across_epochs(writer, name, measure, probe, epochs, history, each):
    """Store a measure across epochs of the layers prepared in `history`, a list of all layers for each of `epochs`."""

    def compare_epochs(versions):
        if versions[0] is versions[-1]:  # the input, which no epoch changes
            return np.full((len(epochs),) * 2, matrix(measure.compare, versions[:1])[0, 0])
        return matrix(measure.compare, versions)

    versions, status = list(zip(*history, strict=True)), Status("layer")
    values = list(each(compare_epochs, versions))
    names = [f"epoch {epoch_name(epoch)}" for epoch in epochs]
    for layer, matrix_of_layer, of_layer in zip(probe.stored, values, versions, strict=True):
        status.note(layer, matrix_of_layer, of_layer, names, measure.undefined_pair)
    writer.store_across(name, np.array(values), status)


def store_controls(writer, probe, settings):
    """Store what chance would score, for every epoch: p- and q-values of debiased CKA, and linear CKA's floors."""
    family = Family(by_chance, unit_wise=False)
    unchanging = probe.unchanging(family)

    def controls(epoch):
        layers = probe.prepared(family, epoch, unchanging)
        p_values = p_values_of(layers, len(probe.rows), settings.permutations, settings.seed)
        return p_values, q_values_of_pairs(p_values), floor_of(layers)

    with side_by_side() as each:
        p_values, q_values, permuted = map(np.array, zip(*each(controls, probe.epochs), strict=True))
    writer.store_null(p_values, q_values, min(settings.permutations, len(probe.rows) - 1))
    units = np.array(list(map(probe.size, probe.layers)))
    writer.store_floor(noise_floor(len(probe.rows), units[:, None], units), permuted)


def store_sizes(writer, probe, seed):
    """Store biased and debiased CKA (sizes, layers, layers) of the last epoch, of fewer samples.

    Of fewer samples than units the one rises towards 1 whatever the layers (Murphy et al. 2024, arXiv 2405.01012).
    """
    layers = [probe.layer(name, probe.epochs[-1]) for name in probe.layers]
    count = len(probe.rows)
    sizes = [min(count, LEAST_SAMPLES)]
    while sizes[-1] < count:
        sizes.append(min(count, 2 * sizes[-1]))
    order = np.random.default_rng(seed).permutation(count)
    writer.store_sizes(np.array(sizes))
    for name in (BIASED, TESTED):

        def compare(size, name=name):
            measure = choose_measures([name], size)[name]
            return matrix(measure.compare, [prepare(measure.work, layer[order[:size]]) for layer in layers])

        with side_by_side() as each:
            writer.store_by_samples(name, np.array(list(each(compare, sizes))))


def store_outlier(writer, probe, measures, seed):
    """Store every measure (shifts) of the last hidden layer against itself with one sample moved far away.

    CKA follows single samples where other measures do not (Davari et al. 2022, arXiv 2210.16156).
    """
    name, epoch = probe.layers[-2:][0], probe.epochs[-1]
    stored = probe.stored[-2:][0]
    shifts = [f"{stored} with an outlier at {shift:g}" for shift in SHIFTS]
    writer.store_shifts(SHIFTS, name, epoch)
    with side_by_side() as each:
        for family, group in families(measures, probe.subsets).items():
            layer = probe.layer(name, epoch, family.unit_wise)
            moved = [with_outlier(layer, shift, seed) for shift in SHIFTS]
            original, *versions = each(partial(prepare, family.work), [layer, *moved])
            for key, measure in group.items():
                values, status = matrix(measure.compare, [original], versions), Status("layer")
                status.note(stored, values, [original], [stored], measure.undefined_pair, versions, shifts)
                writer.store_outlier(key, values[0], status)


def with_outlier(layer, shift, seed):
    """A layer's activations (samples, units) with the first sample moved by `shift` root mean square distances."""
    layer = np.array(layer, np.float64)
    direction = np.random.default_rng(seed).standard_normal(layer.shape[1])
    distance = np.sqrt(layer.var(0).sum())
    layer[0] += shift * distance * direction / np.linalg.norm(direction)
    return layer
