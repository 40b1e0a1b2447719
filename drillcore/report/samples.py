"""How samples fared over the training: those that are worth seeing, with their images."""

import numpy as np

from drillcore.artifacts.activations import Activations
from drillcore.artifacts.network import Network, read_network
from drillcore.artifacts.predictions import Predictions
from drillcore.artifacts.suspects import NUMBERS
from drillcore.base.names import printable
from drillcore.colours import class_colours
from drillcore.report.pack import single
from drillcore.report.shown import shown
from drillcore.samples import label_probabilities


def samples(folder):
    """Of the samples of each split that are shown: `<split>/<number>` float32 (shown) of NUMBERS, `sample`, `label`, `likely`
    and `predicted` int32 (shown), `probability` float32 (shown, epochs) of the label, and the `images` or texts."""
    untrained = read_network(folder / Network.FILE).untrained_epoch
    with Predictions(folder / Predictions.FILE) as file, Activations(folder / Activations.FILE) as names:
        epochs, classes = file.trained_epochs(untrained), list(map(printable, file.classes))
        meta = {"classes": classes, "colours": class_colours(len(classes)), "epochs": epochs, "splits": {}}
        arrays = {}
        for split in file.order:
            found, labels = file.dynamics(split, untrained), file.labels(split)
            sample, images = file.shown(split)
            meta["splits"][split] = {
                "all": len(labels),
                "negative": int(np.count_nonzero(found.area < 0)),
                "status": found.status,
            }
            outputs = [file.at(split, epoch)[sample] for epoch in epochs]
            of_sample = {"sample": sample, "label": labels[sample]}
            of_sample |= {name: getattr(found, name)[sample] for name in ("likely", "predicted")}
            of_split = {name: values.astype(np.int32) for name, values in of_sample.items()}
            of_split |= {name: single(getattr(found, name)[sample]) for name in NUMBERS}
            of_split["probability"] = single(label_probabilities(outputs, labels[sample], file.logits))
            arrays |= {f"{split}/{name}": values for name, values in of_split.items()}
            about, pictures = shown(images, names)
            meta["splits"][split] |= about
            arrays |= {f"{split}/{name}": values for name, values in pictures.items()}
    return meta, arrays
