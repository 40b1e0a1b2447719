"""How samples fared over the training: those that are worth seeing, with their images."""

import numpy as np

from drillcore.artifacts.activations import Activations
from drillcore.artifacts.network import Network, read_network
from drillcore.artifacts.predictions import CROSS_ENTROPY, NUMBERS, SQUARED_ERROR, Predictions
from drillcore.artifacts.suspects import ERRORS
from drillcore.artifacts.suspects import NUMBERS as OF_CLASSES
from drillcore.base.names import printable
from drillcore.colours import class_colours
from drillcore.report.pack import single
from drillcore.report.shown import shown
from drillcore.residuals import OUTLYING
from drillcore.samples import label_probabilities

MEASURED = {
    NUMBERS: ("absolute error", ""),
    CROSS_ENTROPY: ("cross-entropy", " (nats a token)"),
    SQUARED_ERROR: ("squared error", ""),
}
"""By what a predictions.h5 holds, what its errors are called, and their unit."""


def answered(folder):
    """Whether the network in `folder` has outputs that answer its task, as those with a loss of their user's may not."""
    if not (folder / Predictions.FILE).exists():
        return False
    with Predictions(folder / Predictions.FILE) as file:
        return bool(file.order)


def samples(folder):
    """Of the samples of each split that are shown: `<split>/<number>` float32 (shown) of what `of_classes` or `of_errors`
    say, `sample` int32 (shown), and the `images` or texts."""
    untrained = read_network(folder / Network.FILE).untrained_epoch
    with Predictions(folder / Predictions.FILE) as file, Activations(folder / Activations.FILE) as names:
        epochs, classes = file.trained_epochs(untrained), list(map(printable, file.classes))
        meta = {"classes": classes, "colours": class_colours(len(classes)), "epochs": epochs, "splits": {}}
        if not classes:
            meta["measure"], meta["unit"] = MEASURED[file.outputs]
            meta["limit"] = OUTLYING
        arrays = {}
        for split in file.order:
            found, (sample, images) = file.dynamics(split, untrained), file.shown(split)
            pick = of_classes if classes else of_errors
            about, of_split = pick(file, split, found, sample, epochs)
            meta["splits"][split] = {"all": len(found.variability), "status": found.status, **about}
            of_split["sample"] = sample.astype(np.int32)
            arrays |= {f"{split}/{name}": values for name, values in of_split.items()}
            about, pictures = shown(images, names)
            meta["splits"][split] |= about
            arrays |= {f"{split}/{name}": values for name, values in pictures.items()}
    return meta, arrays


def of_classes(file, split, found, sample, epochs):
    """How many samples have a negative margin; and by name NUMBERS, `label`, `likely` and `predicted` int32 (shown), and
    `probability` float32 (shown, epochs) of the label."""
    labels = file.labels(split)[sample]
    whole = {"label": labels} | {name: getattr(found, name)[sample] for name in ("likely", "predicted")}
    arrays = {name: values.astype(np.int32) for name, values in whole.items()}
    arrays |= {name: single(getattr(found, name)[sample]) for name in OF_CLASSES}
    outputs = [file.at(split, epoch)[sample] for epoch in epochs]
    arrays["probability"] = single(label_probabilities(outputs, labels, file.logits))
    return {"negative": int(np.count_nonzero(found.area < 0))}, arrays


def of_errors(file, split, found, sample, epochs):
    """The mean error of a `constant` answer, the final `spread`, and how many residuals are `outlying`; and by name ERRORS,
    the `course` float32 (shown, epochs) of the error and, of a regression, `target` and `output`; of several numbers
    `number` int32 (shown), which of the `numbers` these two are."""
    about = {
        "constant": file.constant(split),
        "spread": found.spread,
        "outlying": int(np.count_nonzero(np.abs(found.standardised) > OUTLYING)),
    }
    outputs = [file.at(split, epoch)[sample] for epoch in epochs]
    arrays = {name: single(getattr(found, name)[sample]) for name in ERRORS}
    if file.outputs != NUMBERS:
        return about, arrays | {"course": single(np.concatenate(outputs, 1))}
    targets, rows, number = file.targets(split)[sample], np.arange(len(sample)), found.number[sample]
    if targets.shape[1] > 1:
        about["numbers"], arrays["number"] = targets.shape[1], number.astype(np.int32)
    course = np.stack([np.abs(targets - values).mean(1) for values in outputs], 1)
    arrays |= {"course": single(course), "target": single(targets[rows, number])}
    return about, arrays | {"output": single(outputs[-1][rows, number])}
