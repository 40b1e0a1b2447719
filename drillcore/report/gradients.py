"""How gradients stay near zero, leave and flip, for any edge of the recorder: what the counts must keep for that.

Near zero at a threshold means a bin up to the threshold's. Whether a parameter was retained depends only on the larger
of its bins before and now, what was near zero before or now only on that one bin: those sums replace the counts of all
pairs of bins, and lose nothing.
"""

import numpy as np

from drillcore.artifacts.gradients import KINDS, SUMS, Gradients
from drillcore.base.arrays import evenly, row_blocks
from drillcore.base.names import printable
from drillcore.colours import SERIES, layers_of
from drillcore.report.pack import colours

MOST_STEPS, MOST_ROWS = 1000, 8000
"""Of a longer training so many recorded steps, evenly spread, go into the page, and of many layers fewer: no more than
MOST_ROWS steps times layers."""


def steps(folder):
    """The sums of every layer at every recorded step, raw and averaged.

    `crossed` uint32 (layers, bins, 4, steps) by the larger bin and by crossing, `before` and `now` uint32 (layers, bins,
    steps), and `moved` float64 (layers, bins, steps), the sums of dw^2 by the larger bin.
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
            "series": SERIES,
            "recorded": len(file.step()),
        }
        arrays = {"step": file.step()[kept].astype(np.int32), "epoch": file.epoch()[kept].astype(np.int32)}
        for kind in KINDS:
            found = sums(file.counts(kind), file.weight_change(kind), owner, kept)
            arrays |= {f"{kind}/{name}": values for name, values in found.items()}
    return meta, arrays


def sums(counts, weight_change, owner, kept):
    """The arrays of one kind, from datasets of counts (steps, tensors, bins, bins, 4) and changes (..., 2).

    `owner` (tensors) is the layer of each tensor, `kept` the ascending steps that are taken.
    """
    row_bytes = sum(data.dtype.itemsize * int(np.prod(data.shape[1:])) for data in (counts, weight_change))
    parts = {"crossed": [], "before": [], "now": [], "moved": []}
    for rows in row_blocks(len(counts), row_bytes) or [slice(0, 0)]:
        wanted = kept[(kept >= rows.start) & (kept < rows.stop)] - rows.start
        block = by_layer(counts[rows][wanted], owner)
        parts["crossed"].append(by_larger_bin(block))
        parts["before"].append(block.sum((3, 4)))
        parts["now"].append(block.sum((2, 4)))
        parts["moved"].append(by_larger_bin(by_layer(weight_change[rows][wanted][..., SUMS.index("squared")], owner)))
    types = {name: np.float64 if name == "moved" else np.uint32 for name in parts}
    return {name: np.moveaxis(np.concatenate(found), 0, -1).astype(types[name]) for name, found in parts.items()}


def by_layer(values, owner):
    """Sums over the tensors of each layer: (steps, tensors, ...) to (steps, layers, ...)."""
    return np.stack([values[:, owner == layer].sum(1) for layer in range(owner.max() + 1)], axis=1)


def by_larger_bin(values):
    """Sums by the larger of two bins: (steps, layers, before, now, ...) to (steps, layers, bins, ...)."""
    return np.stack(
        [values[:, :, : k + 1, k].sum(2) + values[:, :, k, :k].sum(2) for k in range(values.shape[2])], axis=2
    )
