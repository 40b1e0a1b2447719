"""Singular values of features and weights, and the numbers of directions they amount to."""

import numpy as np

from drillcore.base.arrays import evenly
from drillcore.base.names import readable
from drillcore.base.store import read
from drillcore.report.pack import colours, single

MOST_EPOCHS, LEAST_EPOCHS, MOST_SPECTRA = 20, 2, 400
"""So many epochs are kept and, of more layers or tensors than MOST_SPECTRA divided by them, fewer."""
RANKS = "effective_rank", "effective_rank_of_variances", "participation_ratio"


def spectra(folder):
    """Every spectrum, `features/<position>` and `weights/<position>` float32 (epochs, values), and ranks (epochs, names)."""
    meta, arrays = {}, {}
    with read(folder / "svd.h5") as file:
        for part, order in (("features", "layers"), ("weights", "tensors")):
            group, stored = file[part], sorted(file[part], key=int)
            names = list(file.attrs[order])
            names += sorted(set(group[stored[-1]]) - set(names))  # the products of squeeze-expand pairs
            kept = evenly(stored, min(MOST_EPOCHS, max(LEAST_EPOCHS, MOST_SPECTRA // len(names))))
            shown = list(map(readable, names))
            meta[part] = {"names": shown, "colours": colours(shown), "epochs": [int(epoch) for epoch in kept]}
            for position, name in enumerate(names):
                values = [group[f"{epoch}/{name}/singular_values"][:] for epoch in kept]
                arrays[f"{part}/{position}"] = single(values)
            for rank in RANKS:
                arrays[f"{part}/{rank}"] = np.array(
                    [[group[f"{epoch}/{name}"].attrs[rank] for name in names] for epoch in kept]
                )
    return meta, arrays
