"""What every layer knows, by measure, with what chance alone gives."""

import warnings

import numpy as np

from drillcore.artifacts.geometry import Geometry
from drillcore.artifacts.svd import Spectra
from drillcore.base.names import printable
from drillcore.geometry.catalogue import MEASURES
from drillcore.ranks import EFFECTIVE
from drillcore.report.pack import looks, single

RANK = next(iter(EFFECTIVE))
RANK_OF_FEATURES = [
    "rank",
    "Effective rank of the features",
    "directions",
    False,
    "As many equal directions would spread their singular values as widely.",
    "complete",
]
"""As `described`."""


def geometry(folder):
    """By measure its scores float32 (epochs, layers), and `<measure>/chance` (3, epochs, layers): the least, the mean and the
    largest of what chance gives; `sizes` int32 and `curve` float32 (epochs, layers, sizes), the dimension of fewer samples.

    The effective rank of the features is a measure too where the file of the spectra is there.
    """
    with Geometry(folder / Geometry.FILE) as file:
        shown = [name for name in MEASURES if np.isfinite(file[name]).any()]
        names = list(map(printable, file.layers))
        meta = {
            "layers": names,
            "looks": looks(names),
            "epochs": file.epochs,
            "samples": file.samples,
            "testSamples": file.test_samples,
            "measures": [described(name, file) for name in shown],
        }
        arrays = {name: single(file[name]) for name in shown}
        arrays |= {f"{name}/chance": single(spread(file.null(name))) for name in shown if file.null(name).shape[2]}
        sizes, curve = file.curve()
        arrays |= {"sizes": sizes.astype(np.int32), "curve": single(curve)}
        if (folder / Spectra.FILE).exists():
            meta["measures"].append(RANK_OF_FEATURES)
            arrays["rank"] = effective_ranks(folder, file)
    return meta, arrays


def described(name, file):
    """Of a measure its name, title and axis, whether its values may span decades, what it tells, and its status."""
    measure = MEASURES[name]
    return [
        name,
        measure.title,
        measure.axis.format(score=file.task),
        measure.range == (0, None),
        f"{measure.meaning} Chance: {measure.chance}.",
        file.status(name),
    ]


def spread(null):
    """The least, the mean and the largest of a null (epochs, layers, draws), (3, epochs, layers)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of layers that have none: NaN
        return np.array([np.nanmin(null, 2), np.nanmean(null, 2), np.nanmax(null, 2)])


def effective_ranks(folder, geometry):
    """The effective ranks of the features, (epochs, layers) of `geometry`; NaN where no spectrum is stored."""
    with Spectra(folder / Spectra.FILE) as file:
        return single(
            [
                [
                    file.rank(layer, RANK, epoch) if layer in file.layers and epoch in file.epochs else np.nan
                    for layer in geometry.layers
                ]
                for epoch in geometry.epochs
            ]
        )
