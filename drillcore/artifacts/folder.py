"""A network's folder: all its files, each opened when it is asked for."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from drillcore.artifacts.about import About, read_about
from drillcore.artifacts.activations import Activations, TrainActivations
from drillcore.artifacts.augmented import Augmented
from drillcore.artifacts.corr_means import CorrMeans
from drillcore.artifacts.correlations import Correlations
from drillcore.artifacts.curvature import CurvatureFile
from drillcore.artifacts.geometry import Geometry
from drillcore.artifacts.gradient_stats import GradientStats
from drillcore.artifacts.gradients import Gradients
from drillcore.artifacts.history import History
from drillcore.artifacts.metrics import Metrics
from drillcore.artifacts.network import Network, read_network
from drillcore.artifacts.predictions import Predictions
from drillcore.artifacts.reader import Reader, known
from drillcore.artifacts.replicates import Replicates
from drillcore.artifacts.rewinding import Rewinding
from drillcore.artifacts.similarity import Similarity
from drillcore.artifacts.svd import Spectra
from drillcore.artifacts.tsne import Maps
from drillcore.artifacts.weights import Weights
from drillcore.base.errors import InputError

FILES = {
    Path(reader.FILE).stem: reader
    for reader in (
        History,
        Metrics,
        Gradients,
        GradientStats,
        Activations,
        TrainActivations,
        Predictions,
        Augmented,
        Weights,
        Replicates,
        Correlations,
        CorrMeans,
        Similarity,
        CurvatureFile,
        Rewinding,
        Geometry,
        Spectra,
        Maps,
    )
}
"""By name, the readers of a network's files, in the order in which they are made."""


class NetworkFolder(Reader):
    """A network's folder: `folder["activations"]` or `folder.activations` is a file's reader, by its name without ending.

    Attributes
    ----------
    network : Network
        Its card, network.yaml.
    about : About
        Its title, and the number of its test images.

    Examples
    --------
    >>> import drillcore
    >>> mine = drillcore.open("artifacts/mine")  # doctest: +SKIP
    >>> list(mine), mine.activations["layer1"][:10], mine.history["val_accuracy"]  # doctest: +SKIP
    >>> mine.plot("similarity_evolution")  # doctest: +SKIP
    """

    def __init__(self, path: str | Path):
        super().__init__(path)
        self.opened: dict[str, Reader] = {}
        if not (list(self) or (self.path / Network.FILE).exists()):
            files = ", ".join([Network.FILE, *(reader.FILE for reader in FILES.values())])
            raise InputError(f"{path} is no network's folder: it holds none of {files}.")

    @property
    def title(self) -> str:
        """What readers call the network."""
        return self.about.title

    @cached_property
    def network(self) -> Network:
        """The network's card."""
        return read_network(self.path / Network.FILE)

    @property
    def about(self) -> About:
        """What a reader is told of the network."""
        return read_about(self.path)

    def __getitem__(self, name: str) -> Reader:
        reader = FILES[known(name, list(FILES), "file", self.path)]
        if name not in self.opened:
            self.opened[name] = reader(self.path / reader.FILE)
        return self.opened[name]

    def __getattr__(self, name: str) -> Any:
        if name in FILES:
            return self[name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self]

    def __iter__(self) -> Iterator[str]:
        return (name for name, reader in FILES.items() if (self.path / reader.FILE).exists())

    def rows(self) -> list[tuple[str, str]]:
        """The files in words: of each the name to ask for, its own name and its size."""
        files = {name: self.path / FILES[name].FILE for name in self}
        return [(name, f"{file.name}, {file.stat().st_size / 1e6:.1f} MB") for name, file in files.items()]

    def facts(self) -> dict[str, str]:
        """What the card says of the network."""
        if not (self.path / Network.FILE).exists():
            return {}
        values = self.network.values
        return {name: str(values[name]) for name in ("framework", "dataset", "input", "seed") if name in values}

    def close(self) -> None:
        """Close the files that were opened."""
        for reader in self.opened.values():
            reader.close()
        self.opened.clear()
