"""How alike layers represent the same images: within each network, and between two."""

import numpy as np

from drillcore.artifacts.pairs import Pair
from drillcore.artifacts.similarity import Similarity
from drillcore.base.arrays import evenly
from drillcore.base.names import printable
from drillcore.report.pack import looks
from drillcore.similarity.catalogue import MEASURES, TESTED

LEAST_EPOCHS, MOST_CELLS = 2, 100_000
"""Maps of more cells, over all epochs, are kept of fewer epochs."""


def within(folder):
    """`between/<measure>` float32 (epochs, layers, layers), `across/<measure>` (layers, epochs), each layer against itself
    at the last epoch, `quantile/<measure>` (layers, layers) and `q_value` (epochs, layers, layers)."""
    with Similarity(folder / Similarity.FILE) as file:
        layers = list(map(printable, file.layers))
        kept = evenly(range(len(file.epochs)), max(LEAST_EPOCHS, MOST_CELLS // len(layers) ** 2))
        meta = {
            "rows": layers,
            "columns": layers,
            "looks": looks(layers),
            "measures": described(file.measures),
            "epochs": [file.epochs[position] for position in kept],
            "stored": len(file.epochs),
            "compared": file.compared,
            "samples": file.samples,
            "tested": TESTED,
        }
        arrays = {"q_value": file.q_values[kept]}
        for name in file.measures:
            arrays[f"between/{name}"] = file[name][kept].astype(np.float32)
            arrays[f"across/{name}"] = file.across(name)[:, :, -1].astype(np.float32)
            arrays[f"quantile/{name}"] = file.quantile(name).astype(np.float32)
    return meta, arrays


def between(path):
    """The same of two networks, whose file is at `path`, at the epochs that both have where the last is one of them, else at
    the last of each; q-values are those of the last, and there is no history."""
    with Pair(path) as file:
        shared = file.shared if set(file.epochs) <= set(file.shared[-1:]) else []
        rows, columns = (list(map(printable, layers)) for layers in file.layers)
        meta = {
            "networks": file.networks,
            "rows": rows,
            "columns": columns,
            "measures": described(file.measures),
            "epochs": shared or file.epochs[:1],
            "last": file.epochs,
            "stored": len(shared) or 1,
            "compared": [],
            "samples": file.samples,
            "tested": TESTED,
        }
        arrays = {"q_value": np.full((len(meta["epochs"]), len(rows), len(columns)), np.nan)}
        arrays["q_value"][-1] = file.q_values[:]
        for name in file.measures:
            values = file.by_epoch(name)[:] if shared else file[name][:][None]
            arrays[f"between/{name}"] = values.astype(np.float32)
            arrays[f"quantile/{name}"] = file.quantile(name).astype(np.float32)
        return meta, arrays


def described(measures):
    """By measure what the page wants of the catalogue."""
    return {name: MEASURES[name]._asdict() for name in measures}
