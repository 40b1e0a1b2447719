"""corr_means.json: the means of r between every two layers, for programs that read no HDF5.

`{"layers": [...], "epochs": {"0": [[...]], ...}}`; null where a layer is dead.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from drillcore.artifacts.reader import Reader, Variable, known, read_text
from drillcore.base.errors import DamagedFile
from drillcore.base.store import write_json


class CorrMeans(Reader):
    """corr_means.json: `file[layer]` are the means of r of a layer with every other at the last epoch.

    Attributes
    ----------
    layers : list of str
    epochs : list of int
    mean : float64 array (epochs, layers, layers)
        NaN where a layer is dead.
    """

    FILE = "corr_means.json"

    def __init__(self, path: str | Path):
        super().__init__(path)
        text = read_text(path)
        try:
            content = json.loads(text)
            self.layers, self.epochs = list(content["layers"]), [int(epoch) for epoch in content["epochs"]]
            self.mean = np.array(list(content["epochs"].values()), np.float64)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise DamagedFile(path) from None

    def __getitem__(self, layer: str) -> np.ndarray:
        return self.mean[-1, self.layers.index(known(layer, self.layers, "layer", self.path))]

    def __iter__(self) -> Iterator[str]:
        return iter(self.layers)

    def variables(self) -> dict[str, Variable]:
        """The means."""
        return {"mean": Variable.of(("epoch", "layer", "other_layer"), self.mean)}

    def coordinates(self) -> dict[str, list]:
        """The epochs and the layers."""
        return {"epoch": self.epochs, "layer": self.layers, "other_layer": self.layers}


def write_corr_means(path: str | Path, layers: list[str], means: dict[int, np.ndarray]) -> None:
    """Write `means`, by epoch the mean of r (layers, layers) between every two of `layers`; NaN becomes null."""
    epochs = {str(epoch): mean.tolist() for epoch, mean in means.items()}
    write_json(path, {"layers": list(layers), "epochs": epochs})
