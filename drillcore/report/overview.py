"""What each network is and how it did."""

import numpy as np

from drillcore.artifacts.activations import Activations
from drillcore.artifacts.gradients import Gradients
from drillcore.artifacts.history import History
from drillcore.artifacts.network import loss_label
from drillcore.artifacts.replicates import histories
from drillcore.artifacts.svd import Spectra
from drillcore.base.names import printable
from drillcore.base.store import finite
from drillcore.colours import DENSE_HUES, HUES
from drillcore.intervals import t_intervals
from drillcore.ranks import EFFECTIVE
from drillcore.report.evidence import in_short
from drillcore.report.standout import stands_out
from drillcore.report.studies import studied
from drillcore.tasks import NOUNS, SCORES, TASKS

COLOURS = [*HUES, *DENSE_HUES]


def network(artifacts, name, live=False):
    """What the overview says of the network `name`; `live` reads an unfinished training too.

    What does not exist yet is None or empty.
    """
    folder = artifacts / name
    about = {"name": name, "title": name, "card": None, "history": {}, "unfinished": False, "source": None, "ranks": {}}
    about |= {"halves": {}, "bands": {}}
    about["scores"] = scores_of("classification")  # which a card may correct
    for defined in studied(artifacts, [name]):
        card = defined.card
        about |= {"card": card.values, "width": card.squeeze_width(), "family": defined.family()}
        about |= {"title": defined.about.title, "test_images": defined.about.test_images, "loss": loss_label(card.loss)}
        about |= {"scores": scores_of(card.task), "noun": NOUNS[card.kind], "stands_out": stands_out(defined)}
    history = folder / History.FILE
    if live and (folder / "training" / History.FILE).exists():
        history, about["unfinished"] = folder / "training" / History.FILE, True
    if history.exists():
        about["history"] = finite({name: values.tolist() for name, values in History(history).items()})
    if not about["unfinished"] and history.exists():
        about["bands"] = bands(folder)
    if (folder / Activations.FILE).exists():
        with Activations(folder / Activations.FILE) as file:
            about |= {"source": file.source, "data": in_short(file.source)}
            inputs = file.inputs if file.images is None else file.images
            about["shape"] = list(map(int, inputs.shape[1:])) if inputs is not None else None
    if (folder / Spectra.FILE).exists():
        about["ranks"], about["halves"] = last_ranks(folder / Spectra.FILE)
    if (folder / Gradients.FILE).exists():
        with Gradients(folder / Gradients.FILE) as file:
            about["parameters"] = int(np.sum(file.sizes))
    return about


def scores_of(task):
    """The scores of a task, the first one first: what histories and the page call each."""
    return [[name, SCORES[name]] for name in TASKS[task].scores]


def bands(folder):
    """Of a network with further seeds, by column of its history the means over the seeds and the half widths of their t
    intervals, (epochs) each; else none."""
    trainings = histories(folder)
    if len(trainings) == 1:
        return {}
    columns = [name for name in trainings[0] if name != "epoch"]
    found = {name: t_intervals([one[name] for one in trainings]) for name in columns}
    return finite({name: [values.tolist() for values in pair] for name, pair in found.items()})


def last_ranks(path):
    """The effective rank, of the singular values and of the variances, of every layer's features at the last epoch, the mean
    over all seeds; and the half widths of the t intervals, None without further seeds."""
    with Spectra(path) as file:
        found = {printable(layer): {rank: file.interval(layer, rank) for rank in EFFECTIVE} for layer in file.layers}
    means = {layer: {rank: one.mean for rank, one in of.items()} for layer, of in found.items()}
    return means, finite({layer: {rank: one.half for rank, one in of.items()} for layer, of in found.items()})
