"""How alike layers represent the same images: within each network, and between two."""

from itertools import product

import numpy as np

from drillcore.base.arrays import evenly
from drillcore.base.names import readable
from drillcore.base.store import read
from drillcore.report.pack import colours
from drillcore.similarity.catalogue import MEASURES, TESTED, catalogued

LEAST_EPOCHS, MOST_CELLS = 2, 100_000
"""Maps of more cells, over all epochs, are kept of fewer epochs."""
CHANCE = "null/debiased_cka/q_value"
CONTROLS = {"null", "floor"}
"""What a pair's file holds beside the measures."""


def within(folder):
    """`between/<measure>` float32 (epochs, layers, layers), `across/<measure>` (layers, epochs), each layer against itself
    at the last epoch, and `q_value` (epochs, layers, layers)."""
    with read(folder / "similarity.h5") as file:
        layers, measures = list(map(readable, file.attrs["layers"])), catalogued(file["between_layers"])
        most = max(LEAST_EPOCHS, MOST_CELLS // len(layers) ** 2)
        kept = evenly(range(len(file.attrs["epochs"])), most)
        meta = {
            "rows": layers,
            "columns": layers,
            "colours": colours(layers),
            "measures": described(measures),
            "epochs": [int(file.attrs["epochs"][position]) for position in kept],
            "stored": len(file.attrs["epochs"]),
            "compared": [int(epoch) for epoch in file["across_epochs"].attrs["epochs"]],
            "samples": int(file.attrs["samples"]),
            "tested": TESTED,
        }
        arrays = {"q_value": file[CHANCE][kept]}
        for name in measures:
            arrays[f"between/{name}"] = file[f"between_layers/{name}"][kept].astype(np.float32)
            arrays[f"across/{name}"] = file[f"across_epochs/{name}"][:, :, -1].astype(np.float32)
    return meta, arrays


def between(path):
    """The same of two networks, whose file is at `path`: one epoch, and no history."""
    with read(path) as file:
        measures = catalogued(set(file) - CONTROLS)
        meta = {
            "networks": [str(file.attrs[f"network_{side}"]) for side in "ab"],
            "rows": list(map(readable, file.attrs["layers_a"])),
            "columns": list(map(readable, file.attrs["layers_b"])),
            "measures": described(measures),
            "epochs": [int(file.attrs["epoch_a"])],
            "last": [int(file.attrs[f"epoch_{side}"]) for side in "ab"],
            "stored": 1,
            "compared": [],
            "samples": int(file.attrs["samples"]),
            "tested": TESTED,
        }
        arrays = {f"between/{name}": file[name][:][None].astype(np.float32) for name in measures}
        return meta, {**arrays, "q_value": file[CHANCE][:][None]}


def described(measures):
    """By measure what the page wants of the catalogue."""
    return {name: MEASURES[name]._asdict() for name in measures}


def pair_files(artifacts, networks):
    """The files of compared pairs of `networks`, by the pair's name."""
    names = [f"{a}--{b}" for a, b in product(networks, networks)]
    paths = {name: artifacts / "similarity" / f"{name}.h5" for name in names}
    return {name: path for name, path in paths.items() if path.exists()}
