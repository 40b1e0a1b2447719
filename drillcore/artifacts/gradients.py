"""gradients.h5: what the optimiser did to every parameter, from step to step; see `drillcore.recording.recorder`.

`raw/` of the gradients and `ema/` of their averages: `counts` uint32 (steps, tensors, bins before, bins now, crossings),
`weight_change` float64 (steps, tensors, bins before, bins now, 2), the sums of abs(dw) and dw^2, `null_minima` and
`null_flips` uint32 (steps, tensors, bins before, bins now), how many of how many flips chance alone calls minima, `step`,
`epoch` int64 (steps); `raw/nonfinite` uint32 (steps, tensors); `scalars/<name of SCALARS>` float64 (steps, tensors); `loss`
float64 (all steps); `snapshots/NNN/<tensor>` int8 (parameters), the sign of each gradient times its bin at the epoch's last
step. Attributes `bin_edges`, `tensors`, `sizes`, and `decay`, with which chance was drawn; of `drillcore.record` also
`gradients`: which gradients these are. `same_batch/`, where it was recorded, is as `raw/` without the null, but both
gradients are those of the batch of the step before. Files of earlier versions have neither null, nor scalars, nor decay.

Bin 0 of abs(g) is exactly zero, bin k is (edge[k-2], edge[k-1]] of the ascending edges (the first begins at 0), the last
is above the last edge: K edges make K + 2 bins.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from drillcore.artifacts.layers import epoch_name, epochs_in
from drillcore.artifacts.reader import Stored, TensorsReader, Variable, known
from drillcore.base.errors import InputError
from drillcore.base.names import escaped
from drillcore.base.store import CHUNK_BYTES, create, new_group, read, write

KINDS = "raw", "ema"
"""The groups that every file has: of the gradients, and of their exponential averages."""
SAME_BATCH = "same_batch"
"""The group of the gradients of one batch, before and after the update."""
NOT_A_NUMBER = -128
"""The code of a NaN gradient in a snapshot."""
CROSSING = "stayed", "minimum", "maximum", "unmoved"
CROSSINGS = len(CROSSING)
STAYED, MINIMUM, MAXIMUM, UNMOVED = range(CROSSINGS)
"""Along the last axis of the counts: the sign stayed; it changed, over a minimum or a maximum, or where nothing moved."""
SUMS = "abs", "squared"
"""Along the last axis of the weight changes: the sums of abs(dw) and of dw^2."""
STORED = {
    "counts": ((CROSSINGS,), np.uint32),
    "weight_change": ((len(SUMS),), np.float64),
    "null_minima": ((), np.uint32),
    "null_flips": ((), np.uint32),
}
"""What a row holds of every tensor and pair of bins: numbers of what shape and type."""
NULL = "null_minima", "null_flips"
"""Those of STORED that say what chance alone gives."""
SCALARS = "gradient_norm", "weight_norm", "update_norm", "gradient_cosine", "descent", "curvature_along_step"
"""The names of the step scalars."""
AXES = "step", "tensor", "bin_before", "bin_now"


def bins_of(edges: Iterable[float]) -> int:
    """Into how many bins the `edges` cut abs(gradient)."""
    return len(list(edges)) + 2


class Gradients(TensorsReader):
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

    @property
    def has_null(self) -> bool:
        """Whether chance alone, and with it the scalars, were recorded."""
        return "scalars" in self.file

    def null_minima(self, kind: str = "raw") -> Stored:
        """How many of `null_flips` chance alone calls minima, (steps, tensors, bins before, bins now)."""
        return self.recorded(f"{kind}/null_minima", "null")

    def null_flips(self, kind: str = "raw") -> Stored:
        """The flips that chance alone tells minima from maxima in, (steps, tensors, bins before, bins now): of the gradients
        those that are a minimum or a maximum, of the averages those of their surrogate."""
        return self.recorded(f"{kind}/null_flips", "null")

    @property
    def decay(self) -> float:
        """The decay of the optimiser's average of gradients, with which chance was drawn."""
        self.recorded("scalars", "null")
        return float(self.attribute("decay"))

    @property
    def scalars(self) -> dict[str, Stored]:
        """By name the step scalars, (steps, tensors)."""
        return {name: self.recorded(f"scalars/{name}", "step scalars") for name in SCALARS}

    def recorded(self, name: str, content: str) -> Any:
        """The dataset or group `name`, or an `InputError` that says that the file's `content` was not recorded."""
        if not self.has_null:
            raise InputError(f"{self.path} has no {content}: it was recorded by an earlier version; train again.")
        return self.dataset(name) if "/" in name else self.file[name]

    def step(self, kind: str = "raw") -> np.ndarray:
        """The numbers of the recorded steps."""
        return self.of_kind(kind, "step")[()]

    def epoch(self, kind: str = "raw") -> np.ndarray:
        """The epoch of each recorded step."""
        return self.of_kind(kind, "epoch")[()]

    @property
    def epoch_starts(self) -> np.ndarray:
        """The first step, recorded or not, of each epoch with recorded steps but the first of these.

        The file does not say how long an epoch is: epochs of one length are tried, and where the recorded steps do not fit
        these, it is the first recorded step.
        """
        step, epoch, losses = self.step(), self.epoch(), self.dataset("loss").shape[0]
        later = np.flatnonzero(np.diff(epoch)) + 1
        length = losses // max([1, *self.snapshots, *epoch.tolist()])
        if length and np.array_equal((step - 1) // length + 1, epoch):
            return (epoch[later] - 1) * length + 1
        return step[later]

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
        """Counts and weight changes of all kinds, what chance gives, and what is known of every step."""
        found = {}
        for kind in self.kinds:
            axes = (step_axis(kind), *AXES[1:])
            found[f"{kind}_counts"] = Variable.of((*axes, "crossing"), self.counts(kind))
            found[f"{kind}_weight_change"] = Variable.of((*axes, "sum"), self.weight_change(kind))
        if self.has_null:
            for kind in KINDS:
                found[f"{kind}_null_minima"] = Variable.of(AXES, self.null_minima(kind))
                found[f"{kind}_null_flips"] = Variable.of(AXES, self.null_flips(kind))
            found |= {name: Variable.of(AXES[:2], values) for name, values in self.scalars.items()}
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
            "crossing": list(CROSSING),
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
            "decay": f"{self.decay:g}" if self.has_null else "not recorded",
            **({"gradients": self.origin} if self.origin else {}),
        }


def kinds_in(file: h5py.File) -> tuple[str, ...]:
    """Of which kinds the open `file` holds counts."""
    return tuple(kind for kind in (*KINDS, SAME_BATCH) if kind in file)


def step_axis(kind: str) -> str:
    """The name of the axis of the recorded steps of a kind: the same batch is taken at other steps than all are."""
    return "same_batch_step" if kind == SAME_BATCH else "step"


def stored(kind: str, null: bool = True) -> dict[str, tuple]:
    """Those of STORED that there are of a kind: gradients of the same batch differ by no noise, and have no null, nor have
    others where no `null` is drawn."""
    return {name: numbers for name, numbers in STORED.items() if (null and kind in KINDS) or name not in NULL}


def chunk_length(tensors: int, bins: int) -> int:
    """How many rows make a chunk of about a megabyte."""
    return max(1, CHUNK_BYTES // (16 * tensors * bins * bins))


def create_rows(group: h5py.Group, name: str, shape: tuple[int, ...]) -> h5py.Dataset:
    """A dataset `name` of STORED of no rows yet, each of `shape` (tensors, bins, bins, ...)."""
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

    def __init__(
        self,
        file: h5py.File,
        sizes: dict[str, int],
        edges: list[float],
        kinds: Iterable[str] = KINDS,
        null: bool = True,
    ):
        self.file, self.sizes, self.edges = file, sizes, edges
        bins = bins_of(edges)
        self.rows = {}
        for kind in kinds:
            group = new_group(file, kind)
            for name, (numbers, _) in stored(kind, null).items():
                self.rows[kind, name] = create_rows(group, name, (len(sizes), bins, bins, *numbers))

    def append(self, kind: str, name: str, rows: np.ndarray) -> None:
        """Append rows (steps, tensors, bins, bins, ...) to the `name` of STORED of a kind."""
        extend(self.rows[kind, name], rows)

    def finish(self, step: list, epoch: list, nonfinite: list, loss: list, scalars: list) -> None:
        """Store of each recorded step its number, epoch, counts of NaN and Inf (tensors) and scalars (tensors, SCALARS), and
        of every step its loss."""
        self.finish_raw(step, epoch, nonfinite, loss)
        self.store_steps("ema", step, epoch)
        values = np.array(scalars, np.float64).reshape(-1, len(self.sizes), len(SCALARS))
        for name, column in zip(SCALARS, np.moveaxis(values, -1, 0), strict=True):
            write(self.file, f"scalars/{name}", np.ascontiguousarray(column))

    def finish_raw(self, step: list, epoch: list, nonfinite: list, loss: list) -> None:
        """The same without scalars, of the gradients themselves alone."""
        self.store_steps("raw", step, epoch)
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

    def store_names(self, decay: float | None = None) -> None:
        """Store the edges, the decay of the optimiser where chance was drawn with it, and the tensors' names and sizes."""
        self.file.attrs["bin_edges"] = self.edges
        if decay is not None:
            self.file.attrs["decay"] = decay
        self.file.attrs["tensors"] = [escaped(name) for name in self.sizes]
        self.file.attrs["sizes"] = list(self.sizes.values())


def join(parts: list[Path], path: str | Path) -> None:
    """Make one file at `path` of those of all parts: rows and losses one after the other, and every snapshot."""
    with read(parts[0]) as first:
        kinds = kinds_in(first)
    with create(path) as file:
        for kind in kinds:
            for name in stored(kind):
                copy_rows(parts, f"{kind}/{name}", file)
            for name in ("step", "epoch", *["nonfinite"] * (kind == "raw")):
                write(file, f"{kind}/{name}", concatenated(parts, f"{kind}/{name}"))
        for name in ("loss", *(f"scalars/{name}" for name in SCALARS)):
            write(file, name, concatenated(parts, name))
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
