"""The figures of one file, by what `drillcore.open` returns for it."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from matplotlib.figure import Figure

from drillcore.artifacts.activations import Activations
from drillcore.artifacts.augmentations import AugmentedImage
from drillcore.artifacts.augmented import Augmented
from drillcore.artifacts.correlations import Correlations
from drillcore.artifacts.curvature import CurvatureFile
from drillcore.artifacts.folder import NetworkFolder
from drillcore.artifacts.geometry import Geometry
from drillcore.artifacts.gradient_stats import GradientStats
from drillcore.artifacts.gradients import Gradients
from drillcore.artifacts.history import History
from drillcore.artifacts.pairs import Pair
from drillcore.artifacts.predictions import Predictions
from drillcore.artifacts.reader import Reader
from drillcore.artifacts.replay import ReplayFile
from drillcore.artifacts.rewinding import Rewinding
from drillcore.artifacts.similarity import Similarity
from drillcore.artifacts.svd import Spectra
from drillcore.artifacts.tsne import Maps
from drillcore.base.errors import InputError
from drillcore.figures import (
    augmentations,
    catalogue,
    correlations,
    curvature,
    embeddings,
    geometry,
    gradients,
    pairs,
    replays,
    rewound,
    samples,
    scalars,
    signs,
    similarities,
    spectra,
    training,
)
from drillcore.figures.axis import counted
from drillcore.recording.summary import summarise

THRESHOLDS = 1e-7, 1e-5
"""Of near zero, where nobody names others: those of the studies that a file has among its edges."""


def of_gradients(
    file: Gradients, thresholds: Sequence[float] | None = None, palette: str = "study"
) -> Iterator[tuple[str, Callable[[], Figure]]]:
    """Names and functions of the figures of a gradients.h5 alone."""
    if thresholds is None:
        thresholds = [edge for edge in THRESHOLDS if edge in file.edges] or file.edges[:1]
    stats = GradientStats.of(file.path, summarise(file, thresholds))
    yield from gradients.drawings(file, stats)
    yield from scalars.drawings(file)
    yield from signs.drawings(file, palette)


def of_network(folder: NetworkFolder, palette: str = "study") -> Iterator[tuple[str, Callable[[], Figure]]]:
    """Names and functions of all figures of a network's folder."""
    return catalogue.figures(folder.path, palette)


DRAWINGS = {
    NetworkFolder: (of_network, "training_curves"),
    Gradients: (of_gradients, None),
    Correlations: (correlations.drawings, "layer_feature_correlation"),
    Similarity: (similarities.drawings, "layer_similarity"),
    Pair: (pairs.drawings, "layer_similarity"),
    CurvatureFile: (curvature.drawings, "sharpness"),
    Rewinding: (rewound.drawings, "rewinding"),
    ReplayFile: (replays.drawings, "replay"),
    Geometry: (geometry.drawings, "probes"),
    Spectra: (spectra.drawings, "f_svd_analysis"),
    Predictions: (samples.drawings, "sample_map"),
    Maps: (embeddings.drawings, "model_tsne_layers"),
    History: (training.drawings, "training_curves"),
    Augmented: (augmentations.drawings, None),
    AugmentedImage: (augmentations.drawings, None),
}
"""By reader, what yields the names and functions of its figures, and the name of the main one; None for the first."""


def drawings(reader: Reader, **options: Any) -> Iterator[tuple[str, Callable[[], Figure]]]:
    """Names and functions of a reader's figures, to be called before the next; `options` are of its function in DRAWINGS."""
    if type(reader) in DRAWINGS:
        yield from counted(reader.path.parent, DRAWINGS[type(reader)][0](reader, **options))


def plot(reader: Reader, figure: str | None = None, **options: Any) -> Figure:
    """Draw one figure of a reader, its main one by default.

    Parameters
    ----------
    reader : Reader
        What `drillcore.open` returns.
    figure : str, optional
        One of the names that `reader.figures()` lists.
    **options
        Of a gradients.h5 `thresholds` of near zero, some of its edges, and the `palette` of the signs, "study" or
        "colourblind"; of a similarity.h5 `untrained`, the epoch from before training.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        If the file has no figure, or none of that name.
    """
    chosen, names = figure or DRAWINGS.get(type(reader), (None, None))[1], []
    for name, draw in drawings(reader, **options):
        names.append(name)
        if name == chosen or chosen is None:
            return draw()
    if not names:
        raise InputError(f"{reader.path} has no figure: {reason(reader)}.")
    raise InputError(f"{reader.path} has no figure {chosen!r}; it has {', '.join(names)}.")


def reason(reader: Reader) -> str:
    """Why a reader has no figure."""
    if isinstance(reader, Gradients):
        return "no step was recorded"
    if isinstance(reader, Activations):
        return "plot correlations.h5, similarity.h5, geometry.h5, svd.h5 or tsne.h5, which are made of it"
    return f"those that have some are {', '.join(kind.FILE for kind in DRAWINGS if kind.FILE)}"
