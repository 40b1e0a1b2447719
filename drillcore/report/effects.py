"""What a layer does to the network, as scores of the view Layers: when it settles, and what putting it back costs."""

import numpy as np

from drillcore.artifacts.rewinding import Rewinding, undefined
from drillcore.artifacts.similarity import Similarity
from drillcore.base.names import printable
from drillcore.report.pack import single
from drillcore.similarity.catalogue import MEASURES, TESTED

SETTLED = MEASURES[TESTED].title
SETTLING = [
    "settling",
    "Settling",
    f"{SETTLED} with the last epoch",
    False,
    f"{SETTLED[0].upper()}{SETTLED[1:]} of a layer with itself at the last epoch: one that is near 1 early has settled. "
    "Chance: what 95 % of permutations of the samples stay below, of the layer and any other at the last epoch.",
]
"""As `described` in geometry.py, but for the status."""
SOME_EPOCHS, SOME_LAYERS = (
    "epochs that were not compared",
    "layers without weights, and epochs that none was put back to",
)


def settling(path, layers, epochs):
    """The description and the arrays of `settling`, float32 (epochs, layers) beside chance; NaN where it is not known."""
    with Similarity(path) as file:
        if TESTED not in file.measures:
            return None, {}
        values = placed(file.across(TESTED)[:, :, -1].T, file.compared, file.layers, epochs, layers)
        quantiles = file.quantile(TESTED)[:]
        highest = np.max(np.where(np.isfinite(quantiles), quantiles, -1.0), axis=1)
        limit = placed(np.where(highest > -1, highest, np.nan)[None], [0], file.layers, [0], layers)[0]
    chance = np.broadcast_to(limit, (3, *values.shape))
    return [*SETTLING, status(values, SOME_EPOCHS)], {"settling": single(values), "settling/chance": single(chance)}


def rewound(path, layers, epochs):
    """The same of `rewound`: what the network scores with a layer put back to an epoch."""
    with Rewinding(path) as file:
        if not file.layers:
            return None, {}
        score = file.scores[0]
        values = placed(file[score][:].T, file.epochs, file.layers, epochs, layers)
        chance, count = file.chance, len(file.sample)
        unknown = undefined(file[score][:], list(map(printable, file.layers)), file.epochs)
    arrays, of_classes = {"rewound": single(values)}, score == "accuracy"
    if of_classes:
        arrays["rewound/chance"] = single(np.full((3, *values.shape), chance))
    told = (
        f"{score.capitalize()} on {count} test samples with the layer alone put back to the epoch, the others as trained: "
        f"the {'lower' if of_classes else 'higher'}, the more the layer matters."
    )
    if of_classes:
        told += " Chance: always the most frequent class."
    missing = f"{SOME_LAYERS}; outputs were not finite with {unknown}" if unknown else SOME_LAYERS
    about = ["rewound", "Rewinding", f"{score} with that layer put back", False, told, status(values, missing)]
    return about, arrays


def placed(values, from_epochs, from_layers, epochs, layers):
    """`values` (epochs, layers) of some epochs and layers at their positions among others, NaN elsewhere."""
    whole = np.full((len(epochs), len(layers)), np.nan)
    for row, epoch in enumerate(from_epochs):
        for column, layer in enumerate(from_layers):
            if epoch in epochs and layer in layers:
                whole[epochs.index(epoch), layers.index(layer)] = values[row, column]
    return whole


def status(values, missing):
    """ "complete", or what of `values` is `missing`."""
    return "complete" if np.isfinite(values).all() else missing
