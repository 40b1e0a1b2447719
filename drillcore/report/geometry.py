"""What every layer knows, by measure, with what chance alone gives."""

import warnings

import numpy as np

from drillcore.artifacts.geometry import Geometry
from drillcore.artifacts.rewinding import Rewinding
from drillcore.artifacts.similarity import Similarity
from drillcore.artifacts.svd import Spectra
from drillcore.base.names import printable
from drillcore.geometry.catalogue import MEASURES
from drillcore.ranks import EFFECTIVE
from drillcore.report.effects import rewound, settling, status
from drillcore.report.pack import looks, single

RANK = next(iter(EFFECTIVE))
RANK_OF_FEATURES = [
    "rank",
    "Effective rank of the features",
    "directions",
    False,
    "As many equal directions would spread their singular values as widely.",
]
"""As `described`, but for the status."""
NO_SPECTRUM = "layers of which no unit varies or not all outputs are finite, and epochs without a spectrum"


def geometry(folder):
    """By measure its scores float32 (epochs, layers), and `<measure>/chance` (3, epochs, layers): the least, the mean and the
    largest of what chance gives; `sizes` int32 and `curve` float32 (epochs, layers, sizes), the dimension of fewer samples.

    Where there are further seeds, `<measure>/seeds` (2, layers) are the mean at the last epoch and the half width of its t
    interval. The effective rank of the features, settling and rewinding are measures too where their files are there.
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
            "seeds": file.seeds,
        }
        arrays = {name: single(file[name]) for name in shown}
        arrays |= {f"{name}/chance": single(spread(file.null(name))) for name in shown if file.null(name).shape[2]}
        if file.seeds > 1:
            arrays |= {f"{name}/seeds": single(file.interval(name)) for name in shown}
        sizes, curve = file.curve()
        arrays |= {"sizes": sizes.astype(np.int32), "curve": single(curve)}
        if (folder / Spectra.FILE).exists():
            arrays |= effective_ranks(folder, file)
            meta["measures"].append([*RANK_OF_FEATURES, status(arrays["rank"], NO_SPECTRUM)])
        for found, path in ((settling, Similarity.FILE), (rewound, Rewinding.FILE)):
            if (folder / path).exists():
                about, more = found(folder / path, file.layers, file.epochs)
                meta["measures"] += [about] if about else []
                arrays |= more
    return meta, arrays


def described(name, file):
    """Of a measure its name, title and axis, whether its values may span decades, what it tells, and its status."""
    measure = MEASURES[name]
    return [
        name,
        measure.title,
        measure.label(file.task),
        measure.range == (0, None),
        f"{measure.meaning} Chance: {measure.by_chance(file.task)}.",
        file.status(name),
    ]


def spread(null):
    """The least, the mean and the largest of a null (epochs, layers, draws), (3, epochs, layers)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of layers that have none: NaN
        return np.array([np.nanmin(null, 2), np.nanmean(null, 2), np.nanmax(null, 2)])


def effective_ranks(folder, geometry):
    """`rank`, the effective ranks of the features, (epochs, layers) of `geometry`, NaN where no spectrum is stored; and
    `rank/seeds`."""
    with Spectra(folder / Spectra.FILE) as file:
        known = [layer in file.layers for layer in geometry.layers]
        ranks = [
            [
                file.rank(layer, RANK, epoch) if there and epoch in file.epochs else np.nan
                for layer, there in zip(geometry.layers, known, strict=True)
            ]
            for epoch in geometry.epochs
        ]
        if file.seeds == 1:
            return {"rank": single(ranks)}
        none = np.nan, np.nan
        intervals = [
            file.interval(layer, RANK)[:2] if there else none
            for layer, there in zip(geometry.layers, known, strict=True)
        ]
    return {"rank": single(ranks), "rank/seeds": single(np.transpose(intervals))}
