"""The two-dimensional maps of every layer, and the samples, labels and predictions that belong to their points."""

import numpy as np

from drillcore.artifacts.activations import Activations
from drillcore.artifacts.network import Network, read_network
from drillcore.artifacts.predictions import squared_errors
from drillcore.artifacts.tsne import Maps
from drillcore.base.arrays import evenly
from drillcore.base.errors import InputError
from drillcore.base.names import printable
from drillcore.colours import class_colours
from drillcore.next_tokens import tokens_of
from drillcore.report.answers import answers
from drillcore.report.pack import colours, single
from drillcore.report.shown import shown

MOST_POINTS, MOST_LAYERS, MOST_MARKS = 1000, 24, 12_000
"""So many points of so many layers are kept, and of many layers fewer points: no more than MOST_MARKS together."""
UNKNOWN = -1
"""The prediction where the last layer is not stored, or not finite."""


def maps(folder):
    """`embedding` and `pca` float32 (layers, samples, 2), and `predictions` int16 (samples): the last layer's largest."""
    with Maps(folder / Maps.FILE) as file, Activations(folder / Activations.FILE) as activations:
        named, epoch = file.layers, file.epoch
        colour = dict(zip(named, colours(list(map(printable, named))), strict=True))
        layers = evenly(named, MOST_LAYERS)
        count = kept_points(file)
        if not np.array_equal(file.sample, activations.sample[: len(file.sample)]):
            raise InputError(f"{folder} holds maps of other samples than its activations: run `dvc repro`.")
        meta = {
            "layers": list(map(printable, layers)),
            "all_layers": len(named),
            "colours": [colour[layer] for layer in layers],
            "epoch": epoch,
            "all": len(file.sample),
            "status": [file.status(layer) for layer in layers],
            **{
                name: [file.quality(layer, name) for layer in layers] for name in ("trustworthiness", "neighbor_recall")
            },
        }
        arrays = {
            "embedding": single([file[layer][:count] for layer in layers]),
            "pca": single([file.pca(layer)[:count] for layer in layers]),
        }
        stored = named[-1] in activations and epoch in activations.epochs
        outputs = activations.at(named[-1], epoch) if stored else None
        found = stored and outputs.shape[1] == len(activations.classes) > 0
        arrays["predictions"] = predicted(outputs[:count]) if found else np.full(count, UNKNOWN, np.int16)
    return meta, arrays


def kept_points(file):
    """Of how many of the samples of `Maps` the page has points."""
    layers = min(len(file.layers), MOST_LAYERS)
    return min(len(file.sample), MOST_POINTS, MOST_MARKS // layers)


def predicted(outputs):
    """The class with the largest of `outputs` (samples, classes), UNKNOWN where one is not finite."""
    return np.where(np.isfinite(outputs).all(1), outputs.argmax(1), UNKNOWN).astype(np.int16)


def probe(folder):
    """The samples and labels of the maps' points, without classes all 0, and their `answers`; of a token its `position`, and
    of what is made again, without classes, the squared `error` float32 (samples)."""
    card = read_network(folder / Network.FILE)
    with Maps(folder / Maps.FILE) as file, Activations(folder / Activations.FILE) as activations:
        rows, classes, tokens = slice(kept_points(file)), activations.classes, tokens_of(activations, card)
        inputs = (activations.inputs if activations.images is None else activations.images)[rows]
        marked = None if tokens is None else tokens[rows, None] == np.arange(inputs.shape[1])
        about, arrays = shown(inputs, activations, marked)
        sample = activations.sample[rows].astype(np.int32)
        arrays |= {"sample": sample, "labels": activations.labels[rows].astype(np.int32) if classes else 0 * sample}
        if activations.position is not None:
            arrays["position"] = activations.position[rows].astype(np.int32)
        if not classes and (errors := squared_errors(folder, sample)) is not None:
            arrays["error"] = single(errors)
        found, more = answers(activations, card, rows)
    about |= {
        "classes": classes,
        "colours": class_colours(len(classes) or 1),
        "classified": card.task == "classification",
    }
    return about | found, arrays | more
