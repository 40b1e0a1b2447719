"""Opening any file of the contract, or all of a network's, by its path."""

from pathlib import Path

import h5py

from drillcore.artifacts.activations import Activations, TrainActivations
from drillcore.artifacts.augmentations import AugmentedImage
from drillcore.artifacts.augmented import Augmented
from drillcore.artifacts.corr_means import CorrMeans
from drillcore.artifacts.correlations import Correlations
from drillcore.artifacts.curvature import CurvatureFile
from drillcore.artifacts.dataset import DatasetFile
from drillcore.artifacts.folder import NetworkFolder
from drillcore.artifacts.geometry import Geometry
from drillcore.artifacts.gradient_stats import GradientStats
from drillcore.artifacts.gradients import Gradients
from drillcore.artifacts.history import History
from drillcore.artifacts.metrics import Metrics
from drillcore.artifacts.pairs import Pair
from drillcore.artifacts.predictions import Predictions
from drillcore.artifacts.reader import Reader
from drillcore.artifacts.replay import ReplayFile
from drillcore.artifacts.replicates import Replicates
from drillcore.artifacts.rewinding import Rewinding
from drillcore.artifacts.similarity import Similarity
from drillcore.artifacts.suspects import Suspects
from drillcore.artifacts.svd import Spectra
from drillcore.artifacts.tsne import Maps
from drillcore.artifacts.weights import Weights
from drillcore.base.errors import InputError, MissingFile
from drillcore.base.store import read

CONTENTS = {
    Gradients: {"raw", "ema", "loss"},
    TrainActivations: {"epochs", "sample", "activity"},
    Activations: {"epochs", "sample"},
    Predictions: {"epochs", "shown"},
    Correlations: {"epochs", "layer_of_unit"},
    Augmented: {"images", "layers"},
    Similarity: {"between_layers", "across_epochs"},
    Geometry: {"scores", "null", "dimension"},
    Spectra: {"features", "weights"},
    CurvatureFile: {"diagonal", "residual"},
    ReplayFile: {"step", "learning_rate"},
    Rewinding: {"whole", "loss"},
    DatasetFile: {"train", "test"},
    Pair: {"null", "floor"},
    AugmentedImage: {"images"},
    Replicates: {"seeds"},
    Weights: {"epochs"},
    Maps: {"sample"},
}
"""By reader of an HDF5 file, the groups and datasets that only its file has all of; the first that fits is the file's.
Inputs of another kind stand for images."""
TEXTS = {reader.FILE: reader for reader in (CorrMeans, GradientStats, History, Metrics, Suspects)}
"""By name, the readers of the files that are no HDF5."""
KNOWN = [
    *(reader.FILE for reader in CONTENTS if reader.FILE),
    "similarity/A--B.h5",
    "replays/<name>.h5",
    "data/<dataset>.h5",
    *TEXTS,
]


def open(path: str | Path) -> Reader:
    """Open a file that Drillcore wrote, or a network's folder with all of them.

    Nothing is read before it is asked for. What is returned is a mapping of names to arrays, which says what it holds
    (`repr`), turns into `to_xarray()` and `to_pandas()`, and draws itself: `plot()`. An HDF5 file stays open until
    `close()`, the end of a `with` block or that of the reader.

    Parameters
    ----------
    path : str or pathlib.Path
        A folder such as `artifacts/mine`, or a file of any name: an HDF5 file is known by what it holds.

    Returns
    -------
    Reader
        Of a file; a `NetworkFolder` of a folder.

    Raises
    ------
    InputError
        If there is nothing at `path`, it is damaged, or it is no file of Drillcore's.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> with drillcore.GradientRecorder({"weight": 2}, "gradients.h5") as recorder:
    ...     for step, gradient in enumerate(np.float32([[0.0, 1e-4], [1e-6, -1e-4]]), 1):
    ...         recorder.record(step, 1, 0.5, [gradient], [np.zeros(2, np.float32)])
    >>> file = drillcore.open("gradients.h5")
    >>> list(file), file["weight"].shape
    (['weight'], (1, 13, 13, 4))
    """
    path = Path(path)
    if path.is_dir():
        return NetworkFolder(path)
    if not path.exists():
        raise MissingFile(path)
    if path.name in TEXTS:
        return TEXTS[path.name](path)
    if not (path.suffix == ".h5" or h5py.is_hdf5(path)):
        raise unknown(path)
    with read(path) as file:
        held = {"images" if name == "inputs" else name for name in file}
    for reader, names in CONTENTS.items():
        if names <= held:
            return reader(path)
    raise unknown(path)


def unknown(path: Path) -> InputError:
    """The error for a file that none of the readers reads."""
    return InputError(f"{path} is no file that Drillcore wrote: open a network's folder, or one of {', '.join(KNOWN)}.")
