"""The layers of two networks that saw the same images, compared with each other."""

import numpy as np

from drillcore.artifacts.layers import epoch_name
from drillcore.base.arrays import evenly, row_blocks
from drillcore.base.errors import InputError
from drillcore.similarity.calibration import Permutations
from drillcore.similarity.measures import Family, choose_measures, families
from drillcore.similarity.null import benjamini_hochberg, by_chance, floor_of, noise_floor, p_values_of
from drillcore.similarity.probe import Status
from drillcore.similarity.representation import matrix
from drillcore.threads import side_by_side


def check_same_samples(a, b):
    """Refuse two `Activations` whose rows are not the same images in the same order."""
    first, second = a.of_samples(), b.of_samples()
    for name in first:
        if name in second and not same(first[name], second[name]):
            raise InputError(
                f"{a.path} and {b.path} differ in their `{name}`, so their rows are not the same images: pair "
                "networks of one dataset and seed in similarity.pairs."
            )


def same(a, b):
    """Whether two datasets hold the same, read in blocks of rows."""
    return a.shape == b.shape and all(
        np.array_equal(a[rows], b[rows]) for rows in row_blocks(len(a), a.nbytes // max(1, len(a)))
    )


def compare_networks(writer, networks, probes, settings, counted_alike=True):
    """Store the comparison of two `networks`, by name, at the last epochs of their `probes`, with what chance would score
    there, and, if both count their checkpoints alike, at the epochs that both have; of more than `settings.epochs` at some
    that are evenly spread."""
    samples, last = len(probes[0].rows), [probe.epochs[-1] for probe in probes]
    both = set(probes[0].epochs) & set(probes[1].epochs) if counted_alike else ()
    shared = evenly(sorted(both), settings.epochs)
    writer.store_networks(samples, networks, [probe.layers for probe in probes], last)
    names = [[f"{network}/{name}" for name in probe.stored] for network, probe in zip(networks, probes, strict=True)]
    measures = choose_measures(settings.measures, samples, settings.explained_variance, settings.bandwidth)
    chance = Permutations(samples, settings.permutations, settings.seed)
    with side_by_side() as each:
        for family, group in families(measures, any(probe.subsets for probe in probes)).items():
            unchanging = probes[0].unchanging(family)
            layers = prepared(probes, family, last, unchanging, each)
            at_last = store_last(writer, chance, group, layers, last, names)
            others = [epoch for epoch in shared if [epoch, epoch] != last]
            before = [prepared(probes, family, [epoch, epoch], unchanging, each) for epoch in others]
            for name, measure in group.items():
                values = [matrix(measure.compare, *layers) for layers in before]
                values += [at_last[name]] * (len(shared) - len(others))  # which is the last of those that both have
                writer.store_by_epoch(name, np.array(values).reshape(len(shared), *map(len, names)))
        family = Family(by_chance, unit_wise=False)
        layers = prepared(probes, family, last, probes[0].unchanging(family), each)
    writer.store_shared(shared)
    store_pair_controls(
        writer, *layers, [np.array(list(map(probe.size, probe.layers))) for probe in probes], settings, samples
    )


def prepared(probes, family, epochs, unchanging, each):
    """What the work of a `Family` makes of all layers of either network at its one of `epochs`, two lists; what is
    `unchanging` by name, the input of both, is not made again."""
    return list(each(lambda probe, epoch: probe.prepared(family, epoch, unchanging), probes, epochs))


def store_last(writer, chance, group, layers, epochs, names):
    """Store the measures in `group` of the prepared `layers` of both networks, and the quantiles of their nulls; returns the
    measures by name."""
    (a, b), when, found = layers, " and ".join(map(epoch_name, epochs)), {}
    for name, measure in group.items():
        found[name], status = matrix(measure.compare, a, b), Status("epochs")
        status.note(when, found[name], a, names[0], measure.undefined_pair, b, names[1])
        writer.store(name, found[name], status)
        writer.store_quantiles(name, chance.quantiles(name, measure, a, b), chance.count(measure))
    return found


def store_pair_controls(writer, a, b, units, settings, samples):
    """Store what chance would score between the layers `a` of one network and `b` of the other, both `ByChance`, of so many
    `units` and `samples`."""
    between = np.s_[: len(a), len(a) :]
    p_values = p_values_of(a + b, samples, settings.permutations, settings.seed)[between]
    writer.store_null(p_values, benjamini_hochberg(p_values), min(settings.permutations, samples - 1))
    writer.store_floor(noise_floor(samples, units[0][:, None], units[1]), floor_of(a + b)[between])
