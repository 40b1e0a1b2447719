"""rewind.h5: what a network scores with one layer put back to an earlier epoch and the others as trained.

`loss` and, of classes, `accuracy` float64 (layers, epochs); `whole/loss` and `whole/accuracy` (epochs): those of the whole
network at that epoch. `sample` int64 (samples): their numbers in the test set. Attributes `layers`, `epochs`, the last of
which is the trained network, and `chance`: the accuracy of always giving the most frequent class, NaN without classes.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from drillcore.artifacts.layers import epoch_name
from drillcore.artifacts.reader import LayersReader, Stored, Variable, known
from drillcore.base.names import escaped
from drillcore.base.store import create, write

SCORES = "accuracy", "loss"
"""What there may be, the first of which is looked at first."""

MOST_NAMED = 3
"""Of the layers and epochs whose score is not finite so many are named."""


class Rewinding(LayersReader):
    """rewind.h5: `file[score]` is what the network scores with each layer put back to each epoch, (layers, epochs).

    Attributes
    ----------
    layers : list of str
        Those that have weights, in the network's order.
    epochs : list of int
        The last is the trained network.
    scores : list of str
        "accuracy", where there are classes, and "loss".
    """

    FILE = "rewind.h5"

    @cached_property
    def scores(self) -> list[str]:
        """The names of the scores."""
        return [name for name in SCORES if name in self.file]

    @property
    def sample(self) -> np.ndarray:
        """The samples' numbers in the test set."""
        return self.array("sample")

    @property
    def chance(self) -> float:
        """The accuracy of always giving the most frequent class; NaN without classes."""
        return float(self.attribute("chance"))

    def whole(self, score: str) -> np.ndarray:
        """The score of the whole network at each epoch, (epochs)."""
        return self.array(f"whole/{known(score, self.scores, 'score', self.path)}")

    def costs(self, score: str) -> np.ndarray:
        """By how much putting back each layer worsens `score`, on average over the epochs before the last, (layers)."""
        worse = self[score][:, :-1] - self.whole(score)[-1]
        return np.mean(-worse if score == "accuracy" else worse, axis=1) if worse.size else np.full(len(worse), np.nan)

    def __getitem__(self, score: str) -> Stored:
        return self.dataset(known(score, self.scores, "score", self.path))

    def __iter__(self) -> Iterator[str]:
        return iter(self.scores)

    def variables(self) -> dict[str, Variable]:
        """The scores, and as `whole_<score>` those of the whole network."""
        of_layers = {name: Variable.of(("layer", "epoch"), self[name]) for name in self.scores}
        return of_layers | {f"whole_{name}": Variable.of(("epoch",), self.whole(name)) for name in self.scores}

    def coordinates(self) -> dict[str, list]:
        """The layers and the epochs."""
        return {"layer": self.layers, "epoch": self.epochs}

    def columns(self) -> dict[str, np.ndarray]:
        """A row for each layer and epoch."""
        layer, epoch = np.indices((len(self.layers), len(self.epochs))).reshape(2, -1)
        values = {name: self[name][()].reshape(-1) for name in self.scores}
        return {"layer": np.array(self.layers, object)[layer], "epoch": np.array(self.epochs)[epoch], **values}

    def facts(self) -> dict[str, str]:
        """The number of samples."""
        return {"samples": str(self.dataset("sample").shape[0])}


def undefined(scores: np.ndarray, layers: Sequence[str], epochs: Sequence[int]) -> str:
    """Which layers at which epochs have `scores` (layers, epochs) that are not finite, as text; "" where none has.

    Examples
    --------
    >>> undefined(np.array([[0.5, np.nan], [np.inf, 0.9]]), ["fc1", "fc2"], [0, 3])
    'fc1 at epoch 3, fc2 at epoch 0'
    """
    found = [f"{layers[row]} at epoch {epochs[column]}" for row, column in np.argwhere(~np.isfinite(scores))]
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return ", ".join(found[:MOST_NAMED]) + more


def write_rewinding(path: str | Path, rewound: Any, sample: np.ndarray, chance: float) -> None:
    """Write what `rewind` returned to a new file at `path`, scored on the `sample` of the test set."""
    with create(path) as file:
        for name, values in rewound.scores.items():
            write(file, name, values)
            write(file, f"whole/{name}", rewound.whole[name])
        write(file, "sample", sample)
        file.attrs.update(layers=[escaped(layer) for layer in rewound.layers], chance=chance)
        file.attrs["epochs"] = list(map(epoch_name, rewound.epochs))
