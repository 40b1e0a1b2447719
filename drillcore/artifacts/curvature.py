"""curvature.h5: the Hessian and the gradient noise of a network's loss at stored epochs, and what a step crosses.

Of the mean loss over a probe of training samples, `sample` int64 (samples), in evaluation mode. `epoch` int64 (epochs);
float64 (epochs): those of SCALARS; `largest` float64 (epochs, eigenvalues) descending, `residual` (epochs, eigenvalues + 1)
of those and of the smallest. Of single weights, `tensor_of_entry` and `position` int64 (entries): `diagonal` float64
(epochs, entries), `another_batch` and `same_batch` uint8 (epochs, entries), which crossing of gradients.h5 a step of
`step_length` against the gradient made, NOT_TAKEN where there was none; `crossings` uint32 (epochs, batches, tensors,
crossings) counts them over all weights, the batches those of BATCHES. `status` uint8 (epochs) indexes the attribute
`statuses`. Attributes `tensors`, `sizes`, `optimizer`, `edge_of`.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from drillcore.artifacts.gradients import CROSSING, CROSSINGS
from drillcore.artifacts.reader import Stored, TensorsReader, Variable, known
from drillcore.base.names import escaped
from drillcore.base.store import create, write

SCALARS = (
    "loss",
    "gradient_norm",
    "smallest",
    "trace",
    "trace_error",
    "noise_variance",
    "noise_signal",
    "noise_scale",
    "preconditioned",
    "learning_rate",
    "edge",
    "step_length",
)
"""The datasets of one number an epoch."""
BATCHES = "another_batch", "same_batch"
"""The datasets of crossings: with the gradient after the step from another batch than the one before, or from the same."""
NOT_TAKEN = 255
"""The code of a step that was not taken, as no optimiser is known."""
AXES = {
    **dict.fromkeys(SCALARS, ("epoch",)),
    "largest": ("epoch", "eigenvalue"),
    "residual": ("epoch", "bound"),
    "diagonal": ("epoch", "entry"),
    **dict.fromkeys(BATCHES, ("epoch", "entry")),
    "crossings": ("epoch", "batch", "tensor", "crossing"),
    "tensor_of_entry": ("entry",),
    "position": ("entry",),
    "status": ("epoch",),
}
"""The axes of the datasets, but for `sample`."""


class CurvatureFile(TensorsReader):
    """curvature.h5: `file[name]` is one of its datasets, such as "largest", "trace" or "noise_scale".

    Attributes
    ----------
    epochs : list of int
    tensors : list of str
        Those that are trained, in the network's order.
    sizes : int64 array (tensors)
    statuses : list of str
        Of each epoch why it has numbers that are not known, or "complete".
    optimizer : str
        Which optimiser trained the network; empty where none did.
    edge_of : str
        What the edge of stability is an edge of, in words.
    """

    FILE = "curvature.h5"

    @cached_property
    def epochs(self) -> list[int]:
        """The epochs."""
        return [int(epoch) for epoch in self.array("epoch")]

    @property
    def statuses(self) -> list[str]:
        """The status of each epoch."""
        texts = list(self.attribute("statuses"))
        return [texts[number] for number in self.array("status")]

    @property
    def optimizer(self) -> str:
        """Which optimiser trained the network."""
        return self.attribute("optimizer")

    @property
    def edge_of(self) -> str:
        """What the edge of stability is an edge of."""
        return self.attribute("edge_of")

    def __getitem__(self, name: str) -> Stored:
        return self.dataset(known(name, list(self), "dataset", self.path))

    def __iter__(self) -> Iterator[str]:
        return iter(AXES)

    def variables(self) -> dict[str, Variable]:
        """All datasets but the probe's samples."""
        return {name: Variable.of(axes, self[name]) for name, axes in AXES.items()}

    def coordinates(self) -> dict[str, list]:
        """The epochs, tensors, batches, and the names of the crossings."""
        named = {
            "tensor": self.tensors,
            "batch": list(BATCHES),
            "crossing": list(CROSSING),
        }
        return {"epoch": self.epochs, **named}

    def columns(self) -> dict[str, np.ndarray]:
        """A row an epoch: its scalars, its largest eigenvalues, and its status."""
        largest = {f"largest_{number}": values for number, values in enumerate(self.array("largest").T, 1)}
        scalars = {name: self.array(name) for name in SCALARS}
        return {"epoch": np.array(self.epochs), **largest, **scalars, "status": np.array(self.statuses, object)}

    def facts(self) -> dict[str, str]:
        """The probe's size, the optimiser, and what is known at which epochs."""
        incomplete = [f"epoch {epoch}: {text}" for epoch, text in zip(self.epochs, self.statuses, strict=True)]
        return {
            "samples": f"{self.dataset('sample').shape[0]} of the training split, in evaluation mode",
            "optimizer": self.optimizer or "none",
            "edge": self.edge_of,
            "incomplete": "; ".join(text for text in incomplete if not text.endswith(": complete")) or "none",
        }


class Row(NamedTuple):
    """What is known of one epoch: `found`, a `Curvature`, the learning rate and the edge of stability there, the length
    of a step, `crossed`, by BATCHES what a step crosses along every weight (parameters), None where there was no step, and
    the largest eigenvalue of the Hessian that is `preconditioned` by Adam's second moment, NaN where that is not known."""

    epoch: int
    found: Any
    learning_rate: float
    edge: float
    step_length: float
    crossed: list[np.ndarray] | None
    preconditioned: float = np.nan

    def arrays(self, sizes: Mapping[str, int]) -> dict[str, Any]:
        """The row of each dataset that has one an epoch; `sizes` are those of the tensors by name."""
        found = self.found
        named = {
            **{name: getattr(found, name) for name in ("loss", "gradient_norm", "smallest", "largest")},
            **{"residual": found.residuals, "trace": found.trace.value, "trace_error": found.trace.standard_error},
            **{f"noise_{name}": value for name, value in found.noise._asdict().items()},
            **{name: getattr(self, name) for name in ("preconditioned", "learning_rate", "edge", "step_length")},
            "diagonal": np.concatenate([*found.diagonal.values()]),
        }
        begins = np.cumsum([0, *sizes.values()])
        entries = np.concatenate([begin + found.entries[name] for begin, name in zip(begins, sizes, strict=False)])
        crossed = self.crossed or [np.full(begins[-1], NOT_TAKEN, np.uint8)] * len(BATCHES)
        parts = [np.split(codes, begins[1:-1]) for codes in crossed]
        counts = [[[np.count_nonzero(part == code) for code in range(CROSSINGS)] for part in codes] for codes in parts]
        return {
            **named,
            **{name: codes[entries] for name, codes in zip(BATCHES, crossed, strict=True)},
            "crossings": np.array(counts, np.uint32),
        }


def write_curvature(
    path: str | Path, sample: np.ndarray, sizes: Mapping[str, int], rows: list[Row], optimizer: str, edge_of: str
) -> None:
    """Write a new file at `path` of one `Row` an epoch, all of the same tensors of `sizes` and the same entries."""
    entries = rows[0].found.entries
    statuses = [row.found.status for row in rows]
    texts = list(dict.fromkeys(statuses))
    arrays = [row.arrays(sizes) for row in rows]
    with create(path) as file:
        write(file, "sample", np.asarray(sample, np.int64))
        write(file, "epoch", np.array([row.epoch for row in rows], np.int64))
        write(file, "status", np.array([texts.index(status) for status in statuses], np.uint8))
        write(file, "tensor_of_entry", np.repeat(np.arange(len(sizes)), [len(entries[name]) for name in sizes]))
        write(file, "position", np.concatenate([entries[name] for name in sizes]).astype(np.int64))
        for name in arrays[0]:
            write(file, name, np.array([row[name] for row in arrays]))
        file.attrs.update(
            tensors=[escaped(name) for name in sizes],
            sizes=list(sizes.values()),
            statuses=texts,
            optimizer=optimizer,
            edge_of=edge_of,
        )
