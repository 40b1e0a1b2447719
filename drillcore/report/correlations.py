"""Correlations between the units of all layers, and between the augmentations of one image."""

import numpy as np

from drillcore.artifacts.activations import Activations
from drillcore.artifacts.augmented import Augmented
from drillcore.artifacts.correlations import Correlations
from drillcore.artifacts.network import Network, read_network
from drillcore.base.arrays import evenly
from drillcore.base.names import printable
from drillcore.correlation import typical_range
from drillcore.report.evidence import off_diagonal
from drillcore.report.pack import colours, quantised, spread_out
from drillcore.report.shown import shown

MOST_EPOCHS, MOST_UNITS, MOST_AUGMENTATIONS = 12, 256, 300
"""Of the matrices so many epochs, of a layer so many units and of an image so many augmentations go into the page."""
MOST_CELLS, FEWER_EPOCHS, FEWER_CELLS, MOST_LAYERS = 8_000_000, 3, 2_500_000, 24
"""Where the matrices have more cells they are of FEWER_EPOCHS and of so few units of each layer that FEWER_CELLS are left.
The augmentations' correlations are of so many layers."""


def units(folder):
    """The means of every two layers at every epoch, and the units' own correlations at most at MOST_EPOCHS.

    `matrix` int8 (epochs, cells) holds for each epoch the blocks (units, units) of the layers i <= j, one after the
    other; `unit` int32 the positions in their layer of the units of all blocks, in the order in which they are shown.
    """
    with Correlations(folder / Correlations.FILE) as file, Activations(folder / Activations.FILE) as activations:
        layers, owner = list(map(printable, file.layers)), file.layer_of_unit
        kept, sizes = evenly(file.with_matrix, MOST_EPOCHS), read_network(folder / Network.FILE).sizes()
        members = [file.order[owner[file.order] == layer] for layer in range(len(layers))]
        most = MOST_UNITS
        if cells(members, most) * len(kept) > MOST_CELLS:
            kept = evenly(kept, FEWER_EPOCHS)
            while cells(members, most) * len(kept) > FEWER_CELLS and most > 1:
                most -= 1
        shown = [np.array(evenly(units, most)) for units in members]
        meta = {
            "layers": layers,
            "colours": colours(layers),
            "epochs": file.epochs,
            "kept": kept,
            "units": list(map(len, members)),
            "shown": list(map(len, shown)),
            "subset": [activations.units(layer) is not None for layer in file.layers],
            "all": [sizes.get(layer) for layer in file.layers],
            "clustered": not np.array_equal(file.order, np.arange(len(owner))),
        }
        means = {name: file.over_epochs(name) for name in ("mean", "mean_abs")}
        matrix = [pairs(file.of_epoch("matrix", epoch), members, shown) for epoch in kept]
        positions = [units - every.min() for units, every in zip(shown, members, strict=True)]
    return meta, {**means, "matrix": np.array(matrix), "unit": np.concatenate(positions).astype(np.int32)}


def cells(members, most):
    """How many cells the blocks of the layers i <= j have, of at most so many units of each."""
    units = np.minimum(list(map(len, members)), most)
    return int(units.sum() ** 2 + (units**2).sum()) // 2


def pairs(matrix, members, shown):
    """The blocks of the layers i <= j of one matrix (units, units), quantised, one after the other; read layer by layer."""
    blocks = []
    for i, units in enumerate(members):
        rows = matrix[units.min() : units.max() + 1]
        blocks += [quantised(rows[np.ix_(shown[i] - units.min(), columns)]).ravel() for columns in shown[i:]]
    return np.concatenate(blocks)


def augmentations(folder):
    """Correlations between the augmentations of one image in every layer.

    `samples` int8 (layers, n (n + 1) / 2) holds the rows of the upper triangles, as `spread_out` between the `ends` of the
    layer, and `typical` is between which r most of its pairs are.
    """
    with Correlations(folder / Correlations.FILE) as file:
        layers = evenly(file.layers, MOST_LAYERS)
        count = min(len(file.augmented(layers[0], "samples")), MOST_AUGMENTATIONS)
        triangle = np.triu_indices(count)
        whole = [file.augmented(layer, "samples")[:] for layer in layers]
        samples, ends = zip(*(spread_out(matrix[:count, :count][triangle]) for matrix in whole), strict=True)
        shown = {"layers": list(map(printable, layers)), "all": len(file.layers)}
        ranges = {"ends": ends, "typical": list(map(typical_range, whole)), "means": list(map(off_diagonal, whole))}
        meta = {**shown, **ranges, "count": count, "epoch": file.epochs[-1]}
    return meta, {"samples": np.array(samples)}


def augmented_images(folder):
    """The augmented images themselves, or the rows or texts, with the tokens that were replaced marked."""
    with Augmented(folder / Augmented.FILE) as file, Activations(folder / Activations.FILE) as probe:
        name = None if file.label is None else probe.classes[file.label]
        meta = {"sample": file.sample, "name": name, "all": len(file.inputs)}
        inputs, original = file.inputs[:MOST_AUGMENTATIONS], file.original
        about, arrays = shown(inputs, probe, None if original is None else inputs != original)
        if original is not None:
            of_original, images = shown(original[None], probe, like=inputs)
            about["original"] = of_original["texts"]
            arrays |= {f"original_{name}": array for name, array in images.items()}
    return meta | about, arrays
