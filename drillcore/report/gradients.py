"""How gradients stay near zero, leave and flip, at any edge of the recorder: the statistics of every layer and step."""

import numpy as np

from drillcore.artifacts.gradients import KINDS, SUMS, Gradients
from drillcore.base.arrays import evenly, row_blocks
from drillcore.base.names import printable
from drillcore.colours import SERIES, layers_of
from drillcore.recording.threshold import NEAR, near_zero, statistics, studied_edge
from drillcore.report.pack import colours

MOST_STEPS, MOST_ROWS = 1000, 8000
"""Of a longer training so many recorded steps, evenly spread, go into the page, and of many layers fewer: no more than
MOST_ROWS steps times layers."""
AT_ANY = "counted", "exact_zeros"
AT_EDGES = "zeros", "retained", "released", "flips", "minima", "maxima", "weight_change"
"""Those of the `statistics` that are the same at any threshold, and those that depend on it."""


def steps(folder):
    """The statistics of every layer at every recorded step, raw and averaged.

    AT_ANY uint32 and `moved` float64, the norm of the weights' change, are (layers, steps); AT_EDGES uint32, but
    `weight_change` float64, are (edges, layers, steps), as are those of NULL, uint32, where chance was recorded.
    """
    with Gradients(folder / Gradients.FILE) as file:
        tensors, sizes = list(map(printable, file.tensors)), file.sizes
        layers = list(dict.fromkeys(layers_of(tensors)))
        owner = np.array([layers.index(layer) for layer in layers_of(tensors)])
        kept = np.array(evenly(range(len(file.step())), min(MOST_STEPS, MOST_ROWS // len(layers))), int)
        meta = {
            "layers": layers,
            "colours": colours(layers),
            "parameters": np.bincount(owner, sizes).astype(int).tolist(),
            "edges": file.edges,
            "first": studied_edge(file.edges),
            "near": NEAR,
            "series": SERIES,
            "recorded": len(file.step()),
            "starts": file.epoch_starts.tolist(),
        }
        arrays = {"step": file.step()[kept].astype(np.int32), "epoch": file.epoch()[kept].astype(np.int32)}
        for kind in KINDS:
            found = of_layers(file.counts(kind), file.weight_change(kind), file.edges, owner, kept)
            arrays |= {f"{kind}/{name}": values for name, values in found.items()}
            if file.has_null:
                null = {"null_minima": file.null_minima(kind), "null_flips": file.null_flips(kind)}
                arrays |= {f"{kind}/{name}": at_edges(data, file.edges, owner, kept) for name, data in null.items()}
    return meta, arrays


def at_edges(data, edges, owner, kept):
    """Sums (edges, layers, steps) of what is near zero at each edge, from a dataset (steps, tensors, bins, bins)."""
    parts = [np.zeros((len(edges), owner.max() + 1, 0), np.uint32)]
    for rows in row_blocks(len(data), data.dtype.itemsize * int(np.prod(data.shape[1:]))):
        wanted = kept[(kept >= rows.start) & (kept < rows.stop)] - rows.start
        block = by_layer(data[rows][wanted], owner)
        nears = [near_zero(edges, edge) for edge in edges]
        parts.append(np.stack([block[..., near, near].sum((-2, -1)).T for near in nears]).astype(np.uint32))
    return np.concatenate(parts, -1)


def of_layers(counts, weight_change, edges, owner, kept):
    """The arrays of one kind, from datasets of counts (steps, tensors, bins, bins, 4) and changes (..., 2).

    `owner` (tensors) is the layer of each tensor, `kept` the ascending steps that are taken.
    """
    row_bytes = sum(data.dtype.itemsize * int(np.prod(data.shape[1:])) for data in (counts, weight_change))
    parts = {name: [] for name in (*AT_ANY, "moved", *AT_EDGES)}
    for rows in row_blocks(len(counts), row_bytes) or [slice(0, 0)]:
        wanted = kept[(kept >= rows.start) & (kept < rows.stop)] - rows.start
        block, moved = (by_layer(data[rows][wanted], owner) for data in (counts, weight_change))
        found = [statistics(block, moved, edges, edge) for edge in edges]
        for name in AT_ANY:
            parts[name].append(found[0][name])
        parts["moved"].append(np.sqrt(moved[..., SUMS.index("squared")].sum((2, 3))))
        for name in AT_EDGES:
            parts[name].append(np.stack([at_edge[name] for at_edge in found], axis=1))
    joined = {name: np.moveaxis(np.concatenate(found), 0, -1) for name, found in parts.items()}
    return {name: values if values.dtype == float else values.astype(np.uint32) for name, values in joined.items()}


def by_layer(values, owner):
    """Sums over the tensors of each layer: (steps, tensors, ...) to (steps, layers, ...)."""
    return np.stack([values[:, owner == layer].sum(1) for layer in range(owner.max() + 1)], axis=1)
