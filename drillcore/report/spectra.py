"""Singular values of features and weights, and the numbers of directions they amount to."""

import numpy as np

from drillcore.artifacts.svd import PARTS, Spectra
from drillcore.base.arrays import evenly
from drillcore.base.names import printable
from drillcore.ranks import RANKS
from drillcore.report.pack import looks, single

MOST_EPOCHS, LEAST_EPOCHS, MOST_SPECTRA = 20, 2, 400
"""So many epochs are kept and, of more layers or tensors than MOST_SPECTRA divided by them, fewer."""


def spectra(folder):
    """Every spectrum, `features/<position>` and `weights/<position>` float32 (epochs, values), and ranks (epochs, names)."""
    meta, arrays = {}, {}
    with Spectra(folder / Spectra.FILE) as file:
        for part in PARTS:
            names = file.named(part)
            kept = evenly(file.epochs_of(part), min(MOST_EPOCHS, max(LEAST_EPOCHS, MOST_SPECTRA // len(names))))
            shown = list(map(printable, names))
            meta[part] = {"names": shown, "looks": looks(shown), "epochs": kept}
            for position, name in enumerate(names):
                arrays[f"{part}/{position}"] = single([file[name, epoch][:] for epoch in kept])
            for rank in RANKS:
                arrays[f"{part}/{rank}"] = np.array(
                    [[file.rank(name, rank, epoch) for name in names] for epoch in kept]
                )
    return meta, arrays
