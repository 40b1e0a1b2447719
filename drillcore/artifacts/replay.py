"""replays/<name>.h5: a window of a training, lived through once more under instruments.

`step`, `epoch` int64, `loss`, `learning_rate`, `gradient_norm`, `update_norm` float64 (steps), norms those of all weights
together; `<instrument>/<name>` (steps, ...), what each measured.
Attributes: `network`; `optimizer`; `source`, of the data; `instruments`; `tensors` and `sizes` of the trained tensors;
`state`, the epoch whose kept state it began with; `proof`, whether it was the same training, in words; `same`, whether all
that was compared is equal;
`differing_counts`, how many parameters were counted otherwise than in gradients.h5, and `largest_difference`, of a weight at
the end of an epoch from its checkpoint, NaN where no epoch ended.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from drillcore.artifacts.about import read_about
from drillcore.artifacts.gradients import extend
from drillcore.artifacts.reader import Stored, TensorsReader, Variable, known
from drillcore.base.names import escaped, unescaped
from drillcore.base.store import checked_chunks, new_group

FOLDER = "replays"
"""The folder of these files, beside those of the networks."""
STEPS = {
    "step": np.int64,
    "epoch": np.int64,
    **dict.fromkeys(("loss", "learning_rate", "gradient_norm", "update_norm"), np.float64),
}
"""The datasets of one number a step, whatever the instruments, with their types."""


def replay_path(artifacts: str | Path, name: str) -> Path:
    """The path of the replay `name` in the folder `artifacts`."""
    return Path(artifacts, FOLDER, f"{name}.h5")


def replay_files(artifacts: str | Path) -> dict[str, Path]:
    """The replays in the folder `artifacts`, by name."""
    return {path.stem: path for path in sorted(Path(artifacts, FOLDER).glob("[!.]*.h5"))}


class ReplayFile(TensorsReader):
    """replays/<name>.h5: `file["curvature/largest"]` is what an instrument measured, (steps, ...).

    Attributes
    ----------
    network, optimizer, source : str
    step : int64 array (steps)
        The numbers of the window's steps.
    instruments : list of str
    tensors : list of str
        The trained tensors, in the network's order.
    sizes : int64 array (tensors)
    state : int
        The epoch whose kept state the replay began with.
    proof : str
        Whether it was the same training, in words.
    same : bool
        Whether all that could be compared is equal, bit for bit.

    Examples
    --------
    >>> import drillcore
    >>> replay = drillcore.open("artifacts/replays/spike.h5")  # doctest: +SKIP
    >>> replay["curvature/largest"][:, 0], replay.proof  # doctest: +SKIP
    >>> replay.plot()  # doctest: +SKIP
    """

    @property
    def title(self) -> str:
        """What readers call the network, whose folder is beside that of the replays; its name where it has no title."""
        return read_about(self.path.absolute().parents[1] / self.network).title

    @property
    def network(self) -> str:
        """The name of the network."""
        return str(self.attribute("network"))

    @property
    def optimizer(self) -> str:
        """Which optimiser trained it."""
        return str(self.attribute("optimizer"))

    @property
    def source(self) -> str:
        """Where the data came from."""
        return str(self.attribute("source"))

    @property
    def step(self) -> np.ndarray:
        """The numbers of the steps."""
        return self.array("step")

    @property
    def epoch(self) -> np.ndarray:
        """The epoch of each step."""
        return self.array("epoch")

    @cached_property
    def instruments(self) -> list[str]:
        """The names of the instruments."""
        return self.names("instruments")

    @property
    def state(self) -> int:
        """The epoch whose kept state the replay began with."""
        return int(self.attribute("state"))

    @property
    def proof(self) -> str:
        """Whether it was the same training, in words."""
        return str(self.attribute("proof"))

    @property
    def same(self) -> bool:
        """Whether all that could be compared is equal."""
        return bool(self.attribute("same"))

    def __getitem__(self, name: str) -> Stored:
        name = known(name, list(self), "dataset", self.path)
        return self.dataset("/".join(escaped(part) for part in self.stored[name]))

    def __iter__(self) -> Iterator[str]:
        return iter(self.stored)

    @cached_property
    def stored(self) -> dict[str, list[str]]:
        """By the name of each dataset the parts of its path, as the model names them."""
        paths: list[str] = []
        self.file.visititems(lambda path, item: paths.append(path) if isinstance(item, h5py.Dataset) else None)
        parts = [[unescaped(part) for part in path.split("/")] for path in paths]
        order = [*STEPS, *self.instruments]
        parts.sort(key=lambda names: order.index(names[0]) if names[0] in order else len(order))
        return {"/".join(names): names for names in parts}

    def variables(self) -> dict[str, Variable]:
        """All datasets; of the instruments' the axes behind the steps have their numbers for names."""
        found = {}
        for name in self:
            shape = self[name].shape
            axes = ("step", *(f"{name} axis {axis}" for axis in range(1, len(shape))))
            found[name.replace("/", "_")] = Variable.of(axes, self[name])
        return found

    def coordinates(self) -> dict[str, list]:
        """The numbers of the steps."""
        return {"step": self.step.tolist()}

    def columns(self) -> dict[str, np.ndarray]:
        """A row a step: of each dataset that holds one number a step its values."""
        return {name: self[name][()] for name in self if len(self[name].shape) == 1}

    def facts(self) -> dict[str, str]:
        """The network, the window, and whether it was the same training."""
        step = self.step
        return {
            "network": self.network,
            "steps": f"{step[0]} to {step[-1]}" if len(step) else "none",
            "instruments": ", ".join(self.instruments),
            "proof": self.proof,
        }


class ReplayWriter:
    """Stores steps in an open file, a row a step; `finish` stores the rest."""

    def __init__(self, file: h5py.File, sizes: Mapping[str, int], instruments: list[str]):
        self.file = file
        file.attrs["tensors"] = [escaped(name) for name in sizes]
        file.attrs["sizes"] = list(sizes.values())
        file.attrs["instruments"] = [escaped(name) for name in instruments]

    def append(self, name: str, row: Any) -> None:
        """Append a step's `row`, a number or an array, to the dataset at the path `name`."""
        row = np.asarray(row)
        if name not in self.file:
            *groups, last = name.split("/")
            parent = new_group(self.file, "/".join(groups)) if groups else self.file
            shape = (0, *row.shape)
            chunks = checked_chunks((1024, *row.shape), row.itemsize) or {"chunks": (1, *row.shape)}
            parent.create_dataset(last, shape, row.dtype, maxshape=(None, *row.shape), **chunks)
        extend(self.file[name], row[None])

    def finish(self, network: str, optimizer: str, source: str, state: int, proof: Any) -> None:
        """Store whose training it was, the source of its data, the epoch of the state that it began with, and its `Proof`."""
        self.file.attrs.update(
            network=network,
            optimizer=optimizer,
            source=source,
            state=state,
            proof=proof.sentence() if proof else "not compared with any training",
            same=bool(proof and proof.same),
            differing_counts=proof.differing_counts if proof else 0,
            largest_difference=proof.largest_difference if proof else np.nan,
        )
