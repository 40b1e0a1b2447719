"""gradients.h5: what the optimiser did to every parameter, from step to step; see `drillcore.recording.recorder`.

`raw/` of the gradients and `ema/` of their averages: `counts` uint32 (steps, tensors, bins before, bins now, crossings),
`weight_change` float64 (steps, tensors, bins before, bins now, 2), the sums of abs(dw) and dw^2, `step`, `epoch` int64
(steps); `raw/nonfinite` uint32 (steps, tensors); `loss` float64 (all steps); `snapshots/NNN/<tensor>` int8 (parameters),
the sign of each gradient times its bin at the epoch's last step. Attributes `bin_edges`, `tensors`, `sizes` and, of
`drillcore.record`, `gradients`: which gradients these are. `same_batch/`, where it was recorded, is as `raw/`, but both
gradients are those of the batch of the step before.

Bin 0 of abs(g) is exactly zero, bin k is (edge[k-2], edge[k-1]] of the ascending edges (the first begins at 0), the last
is above the last edge: K edges make K + 2 bins.
"""

from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from drillcore.artifacts.layers import epoch_name, epochs_in
from drillcore.artifacts.reader import Hdf5Reader, Stored, Variable, known
from drillcore.base.names import escaped
from drillcore.base.store import CHUNK_BYTES, create, new_group, read, write

KINDS = "raw", "ema"
"""The groups that every file has: of the gradients, and of their exponential averages."""
SAME_BATCH = "same_batch"
"""The group of the gradients of one batch, before and after the update."""
NOT_A_NUMBER = -128
"""The code of a NaN gradient in a snapshot."""
CROSSINGS = 4
STAYED, MINIMUM, MAXIMUM, UNMOVED = range(CROSSINGS)
"""Along the last axis of the counts: the sign stayed; it changed, over a minimum or a maximum, or where nothing moved."""
SUMS = "abs", "squared"
"""Along the last axis of the weight changes: the sums of abs(dw) and of dw^2."""
STORED = {"counts": (CROSSINGS, np.uint32), "weight_change": (len(SUMS), np.float64)}
"""What a row holds of every tensor and pair of bins: how many numbers, of what type."""
AXES = "step", "tensor", "bin_before", "bin_now"


def bins_of(edges: Iterable[float]) -> int:
    """Into how many bins the `edges` cut abs(gradient)."""
    return len(list(edges)) + 2


class Gradients(Hdf5Reader):
    """gradients.h5: `file[tensor]` counts how a tensor's gradients moved between bins, (steps, bins, bins, crossings).

    Attributes
    ----------
    tensors : list of str
        In the network's order.
    sizes : int64 array (tensors)
        Their numbers of parameters.
    edges : list of float
        Where abs(gradient) is cut into bins.
    snapshots : list of int
        The epochs with a snapshot.

    Examples
    --------
    >>> import drillcore
    >>> file = drillcore.open("gradients.h5")  # doctest: +SKIP
    >>> file.counts("raw").shape, file.snapshot("fc1.weight", 8)[:]  # doctest: +SKIP
    >>> file.plot(thresholds=[1e-7])  # doctest: +SKIP
    """

    FILE = "gradients.h5"

    @cached_property
    def tensors(self) -> list[str]:
        """The names of the tensors."""
        return self.names("tensors")

    @property
    def sizes(self) -> np.ndarray:
        """The tensors' numbers of parameters."""
        return self.attribute("sizes")

    @property
    def edges(self) -> list[float]:
        """Where abs(gradient) is cut into bins."""
        return [float(edge) for edge in self.attribute("bin_edges")]

    @property
    def loss(self) -> np.ndarray:
        """The loss of every step, recorded or not; NaN where it is not known."""
        return self.array("loss")

    @property
    def nonfinite(self) -> Stored:
        """The numbers of NaN and Inf gradients, (steps, tensors)."""
        return self.dataset("raw/nonfinite")

    @property
    def origin(self) -> str:
        """In words, which gradients of a step the file holds; empty where it does not say."""
        return str(self.file.attrs.get("gradients", ""))

    @property
    def kinds(self) -> tuple[str, ...]:
        """What was recorded: `raw`, `ema` and, if the same batch was taken once more, `same_batch`."""
        return kinds_in(self.file)

    def counts(self, kind: str = "raw") -> Stored:
        """Numbers of parameters, (steps, tensors, bins before, bins now, crossings)."""
        return self.of_kind(kind, "counts")

    def weight_change(self, kind: str = "raw") -> Stored:
        """Sums of abs(dw) and dw^2 of the same parameters, (steps, tensors, bins before, bins now, 2)."""
        return self.of_kind(kind, "weight_change")

    def step(self, kind: str = "raw") -> np.ndarray:
        """The numbers of the recorded steps."""
        return self.of_kind(kind, "step")[()]

    def epoch(self, kind: str = "raw") -> np.ndarray:
        """The epoch of each recorded step."""
        return self.of_kind(kind, "epoch")[()]

    def of_kind(self, kind: str, name: str) -> Stored:
        """The dataset `name` of one of the `kinds`."""
        return self.dataset(f"{known(kind, list(self.kinds), 'gradients of kind', self.path)}/{name}")

    @property
    def snapshots(self) -> list[int]:
        """The epochs with a snapshot."""
        return epochs_in(self.file.get("snapshots", {}))

    def snapshot(self, tensor: str, epoch: int) -> Stored:
        """The sign of each of a tensor's gradients times its bin at the last step of `epoch`, int8 (parameters);
        NOT_A_NUMBER stands for NaN."""
        name = known(tensor, self.tensors, "tensor", self.path)
        return self.dataset(
            f"snapshots/{epoch_name(known(epoch, self.snapshots, 'snapshot of epoch', self.path))}/{escaped(name)}"
        )

    def __getitem__(self, tensor: str) -> np.ndarray:
        return self.counts()[:, self.tensors.index(known(tensor, self.tensors, "tensor", self.path))]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensors)

    def variables(self) -> dict[str, Variable]:
        """Counts and weight changes of all kinds, and what is known of every step."""
        found = {}
        for kind in self.kinds:
            axes = (step_axis(kind), *AXES[1:])
            found[f"{kind}_counts"] = Variable.of((*axes, "crossing"), self.counts(kind))
            found[f"{kind}_weight_change"] = Variable.of((*axes, "sum"), self.weight_change(kind))
        return found | {
            "epoch": Variable.of(("step",), self.dataset("raw/epoch")),
            "nonfinite": Variable.of(AXES[:2], self.nonfinite),
            "loss": Variable.of(("every_step",), self.dataset("loss")),
        }

    def coordinates(self) -> dict[str, list]:
        """Steps, tensors, bins by their upper edge, and the names along the last axes."""
        bins = [0.0, *self.edges, np.inf]
        return {
            **{step_axis(kind): self.step(kind).tolist() for kind in self.kinds},
            "tensor": self.tensors,
            "bin_before": bins,
            "bin_now": bins,
            "crossing": ["stayed", "minimum", "maximum", "unmoved"],
            "sum": list(SUMS),
        }

    def columns(self) -> dict[str, np.ndarray]:
        """The recorded steps with their epochs and numbers of NaN and Inf gradients, a column a tensor."""
        nonfinite = self.nonfinite[()]
        by_tensor = {f"nonfinite {tensor}": nonfinite[:, position] for position, tensor in enumerate(self.tensors)}
        return {"step": self.step(), "epoch": self.epoch(), **by_tensor}

    def facts(self) -> dict[str, str]:
        """Numbers of parameters and of steps, the edges, and the snapshots' epochs."""
        return {
            "parameters": f"{int(self.sizes.sum()):,} in {len(self.tensors)} tensors",
            "recorded steps": str(self.counts().shape[0]),
            "edges": ", ".join(f"{edge:g}" for edge in self.edges),
            "snapshots": ", ".join(map(str, self.snapshots)) or "none",
            **({"gradients": self.origin} if self.origin else {}),
        }


def kinds_in(file: h5py.File) -> tuple[str, ...]:
    """Of which kinds the open `file` holds counts."""
    return (*KINDS, SAME_BATCH) if SAME_BATCH in file else KINDS


def step_axis(kind: str) -> str:
    """The name of the axis of the recorded steps of a kind: the same batch is taken at other steps than all are."""
    return "same_batch_step" if kind == SAME_BATCH else "step"


def chunk_length(tensors: int, bins: int) -> int:
    """How many rows make a chunk of about a megabyte."""
    return max(1, CHUNK_BYTES // (16 * tensors * bins * bins))


def create_rows(group: h5py.Group, name: str, shape: tuple[int, ...]) -> h5py.Dataset:
    """A dataset `name` of STORED of no rows yet, each of `shape` (tensors, bins, bins, numbers)."""
    dtype = STORED[name][1]
    return group.create_dataset(
        name,
        (0, *shape),
        dtype,
        maxshape=(None, *shape),
        chunks=(chunk_length(*shape[:2]), *shape),
        compression="gzip",
        compression_opts=1,
        shuffle=dtype is np.uint32,  # it helps integers alone
        fletcher32=True,
    )


def extend(dataset: h5py.Dataset, rows: np.ndarray) -> None:
    """Append `rows` to a dataset."""
    begin = len(dataset)
    dataset.resize(begin + len(rows), axis=0)
    dataset[begin:] = rows


class GradientsWriter:
    """Stores steps in an open file: rows as they come, the rest at the end by `finish`."""

    def __init__(self, file: h5py.File, sizes: dict[str, int], edges: list[float], kinds: Iterable[str] = KINDS):
        self.file, self.sizes, self.edges = file, sizes, edges
        bins = bins_of(edges)
        self.rows = {}
        for kind in kinds:
            group = new_group(file, kind)
            for name, (numbers, _) in STORED.items():
                self.rows[kind, name] = create_rows(group, name, (len(sizes), bins, bins, numbers))

    def append(self, kind: str, name: str, rows: np.ndarray) -> None:
        """Append rows (steps, tensors, bins, bins, numbers) to the `name` of STORED of a kind."""
        extend(self.rows[kind, name], rows)

    def finish(self, step: list, epoch: list, nonfinite: list, loss: list) -> None:
        """Store of each recorded step its number, epoch and counts of NaN and Inf (tensors), and of every step its loss."""
        for kind in KINDS:
            self.store_steps(kind, step, epoch)
        write(self.file, "raw/nonfinite", np.array(nonfinite, np.uint32).reshape(-1, len(self.sizes)))
        write(self.file, "loss", np.array(loss))

    def store_steps(self, kind: str, step: list, epoch: list) -> None:
        """Store of each recorded step of a kind its number and epoch."""
        write(self.file, f"{kind}/step", np.array(step, np.int64))
        write(self.file, f"{kind}/epoch", np.array(epoch, np.int64))

    def store_snapshot(self, epoch: int, tensor: str, signed_bins: np.ndarray) -> None:
        """Store the sign of each gradient times its bin, int8 (parameters), at the end of `epoch`."""
        write(self.file, f"snapshots/{epoch_name(epoch)}/{escaped(tensor)}", signed_bins)

    def store_origin(self, gradients: str) -> None:
        """Store in words which gradients of a step the file holds."""
        self.file.attrs["gradients"] = gradients

    def store_names(self) -> None:
        """Store the edges, and the tensors' names and sizes."""
        self.file.attrs["bin_edges"] = self.edges
        self.file.attrs["tensors"] = [escaped(name) for name in self.sizes]
        self.file.attrs["sizes"] = list(self.sizes.values())


def join(parts: list[Path], path: str | Path) -> None:
    """Make one file at `path` of those of all parts: rows and losses one after the other, and every snapshot."""
    with read(parts[0]) as first:
        kinds = kinds_in(first)
    with create(path) as file:
        for kind in kinds:
            for name in STORED:
                copy_rows(parts, f"{kind}/{name}", file)
            for name in ("step", "epoch", *["nonfinite"] * (kind == "raw")):
                write(file, f"{kind}/{name}", concatenated(parts, f"{kind}/{name}"))
        write(file, "loss", concatenated(parts, "loss"))
        for part in parts:
            with read(part) as source:
                for epoch in source.get("snapshots", ()):
                    source.copy(f"snapshots/{epoch}", new_group(file, "snapshots"))
                file.attrs.update(source.attrs)


def copy_rows(parts: list[Path], name: str, file: h5py.File) -> None:
    """Append the dataset `name` of every part to that of `file`, whole chunks at a time, so that none is packed twice."""
    folder, _, kind = name.partition("/")
    target: Any = None
    for part in parts:
        with read(part) as source:
            rows = source[name]
            if target is None:
                target = create_rows(new_group(file, folder), kind, rows.shape[1:])
                waiting = np.empty((0, *rows.shape[1:]), rows.dtype)
            length = rows.chunks[0]
            for begin in range(0, len(rows), length):
                waiting = np.concatenate([waiting, rows[begin : begin + length]])
                if len(waiting) >= length:
                    extend(target, waiting[:length])
                    waiting = waiting[length:]
    extend(target, waiting)


def concatenated(parts: list[Path], name: str) -> np.ndarray:
    """The dataset `name` of all parts, one after the other."""
    arrays = []
    for part in parts:
        with read(part) as source:
            arrays.append(source[name][:])
    return np.concatenate(arrays)
