"""Correlations between the units of all layers, and between the augmentations of one image."""

import numpy as np

from stages.report.pack import colours, quantised
from stages.shared.base.store import epochs, read
from stages.shared.evenly import evenly

MOST_EPOCHS, MOST_UNITS, MOST_AUGMENTATIONS = 12, 256, 300
"""Of the matrices so many epochs, of a layer so many units and of an image so many augmentations go into the page."""


def units(folder):
    """The means of every two layers at every epoch, and the units' own correlations at most at MOST_EPOCHS.

    `matrix` int8 (epochs, cells) holds for each epoch the blocks (units, units) of the layers i <= j, one after the
    other.
    """
    with read(folder / "correlations.h5") as file:
        layers, owner, stored = list(file.attrs["layers"]), file["layer_of_unit"][:], epochs(file)
        kept = evenly([epoch for epoch in stored if "matrix" in file[f"epochs/{epoch}"]], MOST_EPOCHS)
        members = [np.flatnonzero(owner == layer) for layer in range(len(layers))]
        shown = [np.array(evenly(units, MOST_UNITS)) for units in members]
        meta = {
            "layers": layers,
            "colours": colours(layers),
            "epochs": [int(epoch) for epoch in stored],
            "kept": [int(epoch) for epoch in kept],
            "units": list(map(len, members)),
            "shown": list(map(len, shown)),
        }
        means = {
            name: np.array([file[f"epochs/{epoch}/{name}"][:] for epoch in stored]) for name in ("mean", "mean_abs")
        }
        matrix = [pairs(file[f"epochs/{epoch}/matrix"][:], shown) for epoch in kept]
    return meta, {**means, "matrix": np.array(matrix)}


def pairs(matrix, members):
    """The blocks of the layers i <= j of one matrix (units, units), quantised, one after the other."""
    blocks = [matrix[np.ix_(rows, columns)] for i, rows in enumerate(members) for columns in members[i:]]
    return quantised(np.concatenate([block.ravel() for block in blocks]))


def augmentations(folder):
    """Correlations between the augmentations of one image in every layer.

    `samples` int8 (layers, n (n + 1) / 2) holds the rows of the upper triangles.
    """
    with read(folder / "correlations.h5") as file:
        layers = list(file.attrs["layers"])
        count = min(len(file[f"augmented/{layers[0]}/samples"]), MOST_AUGMENTATIONS)
        triangle = np.triu_indices(count)
        samples = [quantised(file[f"augmented/{layer}/samples"][:count, :count][triangle]) for layer in layers]
        epoch = int(epochs(file)[-1])
    return {"layers": layers, "count": count, "epoch": epoch}, {"samples": np.array(samples)}


def augmented_images(folder):
    """The augmented images themselves."""
    with read(folder / "augmented.h5") as file, read(folder / "activations.h5") as probe:
        images, name = file["images"][:MOST_AUGMENTATIONS], str(probe.attrs["classes"][int(file.attrs["label"])])
        meta = {"sample": int(file.attrs["sample"]), "name": name, "all": len(file["images"])}
    return meta, {"images": images}
