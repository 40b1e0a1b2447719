"""What was found, in sentences: each has its numbers, says no more than they allow, and leads to the figure that shows it.

A finding is a function of the list of `Studied` networks that returns a `Finding`, or None where its files are missing
or where the numbers do not allow the sentence. FINDINGS lists them in the order in which they are read.
"""

import re
from typing import NamedTuple

import numpy as np

from drillcore.artifacts.activations import Activations
from drillcore.artifacts.augmented import Augmented
from drillcore.artifacts.correlations import Correlations
from drillcore.artifacts.curvature import CurvatureFile
from drillcore.artifacts.gradient_stats import GradientStats
from drillcore.artifacts.history import History
from drillcore.artifacts.pairs import Pair
from drillcore.artifacts.similarity import Similarity
from drillcore.artifacts.svd import Spectra
from drillcore.artifacts.tsne import Maps
from drillcore.base.names import printable
from drillcore.correlation import abs_by_chance
from drillcore.ranks import EFFECTIVE
from drillcore.recording.chance import ERRORS as CHANCE_ERRORS
from drillcore.recording.threshold import NEAR
from drillcore.report.evidence import (
    LIMIT,
    accuracies_text,
    accuracy,
    an,
    compared,
    differ,
    digits,
    distinct,
    falling,
    in_short,
    last_statistics,
    listed,
    noun,
    numbers,
    off_diagonal,
    on,
    percent,
    quoted,
    resting,
    subject,
    widest_family,
)
from drillcore.similarity.catalogue import MEASURES, TESTED


class Finding(NamedTuple):
    """A sentence, on what it rests, and the state of the page that shows it: its view, its figure, what is chosen there."""

    text: str
    basis: str
    link: dict


def findings(networks):
    """The findings that the files of the `networks` allow."""
    axes = {network.card.name: network.card.axis for network in networks}
    found = [finding for find in FINDINGS if (finding := find(networks))]
    return [counted(finding, axes.get(finding.link.get("network"), "epoch")) for finding in found]


def counted(finding, axis):
    """The `finding` in the words of a network whose checkpoints are counted by an `axis`, "epoch" or "step"."""
    text, basis = (re.sub(r"\bepoch(?=s?\b)", axis, said) for said in (finding.text, finding.basis))
    return finding._replace(text=text, basis=basis)


def cost_of_width(networks):
    """Below which width of a squeeze accuracy falls, over the networks that differ in that width alone."""
    members = widest_family(networks, History.FILE)
    accuracies = [accuracy(network) for network in members.values()]
    if len(members) < 2 or not np.isfinite(accuracies).all():
        return None
    text, first = over_widths(list(members), accuracies), next(iter(members.values()))
    return text and Finding(text, on(first, resting(first, accuracies)), {"view": "overview", "figure": "widths"})


def over_widths(widths, accuracies):
    """The sentence on the `accuracies`, `Interval`s, at `widths`, the widest first; None where they allow none."""
    begin = len(widths) - 1  # after which every step is a fall
    while begin and accuracies[begin - 1] > accuracies[begin] and differ(*accuracies[begin - 1 : begin + 1]):
        begin -= 1
    wide, values = accuracies[: begin + 1], accuracies_text(accuracies)
    same, every = not differ(min(wide), max(wide)), f"{listed(values)} at widths {listed(widths)}."
    if begin < len(widths) - 1:
        text = f"Squeezed to fewer than {widths[begin]} units, accuracy falls: {listed(values[begin:])} at widths "
        seen = f"; between {widths[0]} and {widths[begin]} no difference is seen: {listed(values[: begin + 1])}"
        return f"{text}{listed(widths[begin:])}{seen if begin and same else ''}."
    if differ(accuracies[0], accuracies[-1]):
        verb = "falls" if accuracies[0] > accuracies[-1] else "rises"
        return f"From the widest squeeze to the narrowest accuracy {verb}: {every}"
    return f"No difference in accuracy is seen between squeezes: {every}" if same else None


def cost_of_squeezing_first(networks):
    """What a squeeze before the first layer costs, over two networks that differ in it alone."""
    described = [network for network in networks if network.card.values.get("layers") and not network.card.user_defined]
    by_layers = {network.like(network.card.values["layers"]): network for network in described}
    for network in described:
        first, *rest = network.card.values["layers"]
        other = by_layers.get(network.like([first[1], *rest])) if isinstance(first, list) else None
        if not other or not all((one.folder / History.FILE).exists() for one in (network, other)):
            continue
        before, after = accuracy(other), accuracy(network)
        if not np.isfinite([before, after]).all():
            continue
        how = ("lower" if after < before else "higher") if differ(before, after) else "not seen to differ"
        values = " against ".join(accuracies_text([after, before]))
        text = f"Squeezed to {first[0]} before the first layer too, accuracy is {how}: {values}."
        return Finding(text, on(network, resting(network, [before, after])), {"view": "overview", "figure": "widths"})
    return None


def rank_of_width(networks):
    """Whether a narrower squeeze leaves the last hidden layer fewer directions, at every step."""
    members = widest_family(networks, Spectra.FILE)
    if len(members) < 2:
        return None
    layer, rank = next(iter(members.values())).card.squeezes[-1].expand, next(iter(EFFECTIVE))
    ranks = []
    for network in members.values():
        with Spectra(network.folder / Spectra.FILE) as file:
            if layer not in file.layers:
                return None
            ranks.append(file.rank(layer, rank))
    if not falling(ranks, 1):
        return None
    text = f"The narrower the squeeze, the fewer directions the features of {layer} use, after its activation: "
    text += f"{EFFECTIVE[rank].name} {numbers(*ranks, digits=1)} at widths {listed(members)}."
    shown = ",".join(network.card.name for network in members.values())
    basis = (
        f"{EFFECTIVE[rank].of[0].upper()}{EFFECTIVE[rank].of[1:]}, last epoch, one training of each; a squeeze bounds "
    )
    basis += "the rank before the activation alone."
    return Finding(
        text, on(next(iter(members.values())), basis), {"view": "spectra", "figure": "rank-by-width", "networks": shown}
    )


def near_zero_gradients(networks):
    """How many gradients are near zero at the end of the training, and how many of those leave in a step."""
    network = subject("gradients", networks, GradientStats.FILE)
    threshold, last = last_statistics(network) if network else (None, {})
    if not last.get("counted") or np.isnan(last["fraction_released"]):
        return None
    near, exactly = (percent(last[name] / last["counted"]) for name in ("zeros", "exact_zeros"))
    text = (
        f"In {quoted(network)}, {near} of all gradients are near zero, {exactly} exactly zero; of those near zero at "
    )
    text += f"one step, {percent(last['fraction_released'])} are no longer near zero at the next."
    basis = f"{NEAR.format(f'{threshold:g}')}, over all steps that were recorded in epoch {last['epoch']:.0f}."
    return Finding(text, on(network, basis), shares("near-zero", network, threshold))


def minima_beside_chance(networks):
    """Whether minima are stepped over more often than chance alone gives, where chance was recorded."""
    network = subject("gradients", networks, GradientStats.FILE)
    threshold, last = last_statistics(network) if network else (None, {})
    z = last.get("z", np.nan)
    if not np.isfinite(z):
        return None
    share, alone = percent(last["minima_share"]), percent(last["minima_share_null"])
    told = f"by chance alone {alone}: no difference is seen"
    if abs(z) > CHANCE_ERRORS:
        told = f"{'more' if z > 0 else 'less'} than the {alone} of chance alone"
    near = NEAR.format(f"{threshold:g}")
    text = (
        f"Of the gradients of {quoted(network)} near zero, {near}, that change sign in epoch {last['epoch']:.0f} while "
    )
    text += f"the weight moves, {share} step over a minimum, {told}."
    basis = f"The two lie {abs(z):.1f} standard errors apart; a difference needs {CHANCE_ERRORS:.1f}."
    return Finding(text, on(network, basis), shares("flips", network, threshold))


def shares(figure, network, threshold):
    """The link to a figure of gradients, in shares as the sentences quote them."""
    link = {"view": "gradients", "figure": figure, "network": network.card.name}
    return link | {"threshold": threshold, "unit": "share"}


def sharpness(networks):
    """Whether the loss bends more sharply at the last stored epoch than at the first, beyond the errors of both."""
    network = subject("curvature", networks, CurvatureFile.FILE)
    if not network:
        return None
    with CurvatureFile(network.folder / CurvatureFile.FILE) as file:
        epochs, images = file.epochs, file.dataset("sample").shape[0]
        before, after = file.array("largest")[[0, -1], 0]
        errors = file.array("residual")[[0, -1], 0]
    if not abs(after - before) > errors.sum():
        return None
    bends = f"{'more' if after > before else 'less'} sharply at epoch {epochs[-1]} than at epoch {epochs[0]}"
    text = f"The loss of {quoted(network)} bends {bends}: largest eigenvalue of the Hessian {digits(after)} "
    text += f"against {digits(before)}."
    link = {"view": "curvature", "figure": "eigenvalues", "network": network.card.name}
    basis = (
        f"{images:,} training {noun(network)}s, in evaluation mode; further apart than the errors of the computation."
    )
    return Finding(text, on(network, basis), link)


def correlation_of_layers(networks):
    """Whether units of different layers correlate more after training than before, and what chance gives."""
    network = subject("correlations", networks, Correlations.FILE, Activations.FILE)
    if not network:
        return None
    with Correlations(network.folder / Correlations.FILE) as file:
        epochs, means = [file.epochs[0], file.epochs[-1]], file.over_epochs("mean_abs")[[0, -1]]
    between = means[:, ~np.eye(means.shape[1], dtype=bool)]
    if epochs[0] or not epochs[1] or not np.isfinite(between).any(1).all():
        return None
    with Activations(network.folder / Activations.FILE) as file:
        images = len(file.sample)
    before, after = np.nanmean(between, axis=1)
    if not distinct(before, after):
        return None
    text = f"Units of different layers of {quoted(network)} correlate {'more' if after > before else 'less'} after "
    text += f"training: mean |r| {numbers(after)} at epoch {epochs[1]}, {numbers(before)} before "
    text += f"training, {numbers(abs_by_chance(images))} by chance."
    link = {"view": "correlations", "figure": "layers", "network": network.card.name}
    return Finding(text, on(network, f"{images:,} test {noun(network)}s."), link)


def augmentations(networks):
    """Whether deeper layers represent augmentations of one image more alike."""
    network = subject("correlations", networks, Correlations.FILE, Augmented.FILE)
    if not network:
        return None
    with Correlations(network.folder / Correlations.FILE) as file:
        means = {printable(layer): off_diagonal(file.augmented(layer, "samples")[:]) for layer in file.layers}
        count = len(file.augmented(file.layers[0], "samples"))
    means = {layer: mean for layer, mean in means.items() if np.isfinite(mean)}
    values, layers = list(means.values()), list(means)
    if len(means) < 2 or not distinct(values[0], values[-1]):
        return None
    link = {"view": "correlations", "figure": "augmentations", "network": network.card.name, "layer": layers[-1]}
    basis = on(network, f"{count} augmentations of one test {noun(network)}, last epoch.")
    one = an(noun(network))
    if falling(values[::-1], 2):
        text = f"The deeper the layer of {quoted(network)}, the more alike it represents augmentations of {one}: "
        return Finding(f"{text}mean r {numbers(*values)} from {layers[0]} to {layers[-1]}.", basis, link)
    more = "more" if values[-1] > values[0] else "less"
    text = f"In {quoted(network)}, {layers[-1]} represents augmentations of {one} {more} alike than {layers[0]}: "
    return Finding(f"{text}mean r {numbers(values[-1])} against {numbers(values[0])}.", basis, link)


def settling(networks):
    """Which layers are soonest like themselves at the end, seen at the first epoch that is compared."""
    network = subject("similarity", networks, Similarity.FILE)
    if not network:
        return None
    with Similarity(network.folder / Similarity.FILE) as file:
        trained = [epoch for epoch in file.compared if epoch]
        if TESTED not in file.measures or len(trained) < 2:
            return None
        values = file.across(TESTED)[:, file.compared.index(trained[0]), -1]
        samples = file.samples
        alike = {layer: v for layer, v in zip(file.layers, values, strict=True) if layer != "input" and np.isfinite(v)}
    ordered = sorted(alike, key=alike.get, reverse=True)
    if len(alike) < 2 or not distinct(*(alike[layer] for layer in ordered[:2])):
        return None
    title = quoted(network)
    basis = (
        f"{MEASURES[TESTED].title} of epoch {trained[0]} with epoch {trained[-1]}, {samples:,} test {noun(network)}s."
    )
    basis = on(network, basis)
    link = {"view": "similarity", "figure": "settling", "network": network.card.name}
    if falling(list(alike.values()), 2):
        text = f"The earlier the layer of {title}, the sooner it settles: {numbers(*alike.values())} from "
        return Finding(f"{text}{printable(next(iter(alike)))} to {printable(list(alike)[-1])}.", basis, link)
    best, worst = ordered[0], ordered[-1]
    text = f"Of the layers of {title} {printable(best)} settles first: {numbers(alike[best])}, "
    return Finding(f"{text}{printable(worst)} last: {numbers(alike[worst])}.", basis, link)


def likeness_of_two(networks):
    """Which layers of two networks, of the same name, represent the images most alike, and which least."""
    for name, path in compared(networks).items():
        with Pair(path) as file:
            shared = [layer for layer in file.layers[0] if layer in file.layers[1] and layer != "input"]
            if TESTED not in file.measures or len(shared) < 2 or file.networks[0] == file.networks[1]:
                continue
            at = [[layers.index(layer) for layer in shared] for layers in file.layers]
            values, q_values = (data[:][tuple(at)] for data in (file[TESTED], file.q_values))
            titles, samples, data = file.titles, f"{file.samples:,} test {file.noun}s", in_short(file.source)
        if not np.isfinite(values).all():
            continue
        best, worst = int(values.argmax()), int(values.argmin())
        if not q_values[best] <= LIMIT or not distinct(*sorted(values)[-2:]):
            continue
        text = f"Between “{titles[0]}” and “{titles[1]}”, {printable(shared[best])} is represented most alike: "
        text += f"{numbers(values[best])}, {printable(shared[worst])} least: {numbers(values[worst])}."
        basis = f"{MEASURES[TESTED].title} of layers of the same name, {samples}. Data: {data}."
        return Finding(text, basis, {"view": "similarity", "figure": "similarity", "network": name})
    return None


def faithfulness_of_maps(networks):
    """How many neighbours of an image the maps of the first and the last layer keep."""
    network = subject("embeddings", networks, Maps.FILE)
    if not network:
        return None
    with Maps(network.folder / Maps.FILE) as file:
        recalls = {layer: file.quality(layer, "neighbor_recall") for layer in file.layers}
        recalls = {layer: recall for layer, recall in recalls.items() if file.status(layer) == "t-SNE"}
        images = len(file.sample)
    if len(recalls) < 2 or not np.isfinite(list(recalls.values())).all():
        return None
    best, worst = max(recalls, key=recalls.get), min(recalls, key=recalls.get)
    text = f"The t-SNE maps of {quoted(network)} keep {percent(recalls[worst])} ({printable(worst)}) to "
    text += f"{percent(recalls[best])} ({printable(best)}) of each {noun(network)}'s nearest neighbours."
    link = {"view": "embeddings", "figure": "maps", "network": network.card.name}
    return Finding(text, on(network, f"{images:,} test {noun(network)}s, last epoch."), link)


FINDINGS = [
    cost_of_width,
    cost_of_squeezing_first,
    rank_of_width,
    faithfulness_of_maps,
    near_zero_gradients,
    minima_beside_chance,
    sharpness,
    correlation_of_layers,
    augmentations,
    settling,
    likeness_of_two,
]
