"""gradient_stats.json: how gradients vanished, came back and changed sign, as `drillcore.summarise` tells it.

`tensors`, `sizes`; `thresholds`: by threshold ("1e-07") and by `raw`, `ema` and, where it was recorded, `same_batch` a dict
of `step` (lists with an entry a recorded step), `epoch` (an entry an epoch) and `tensor` (for each tensor lists with an
entry an epoch); `scalars`: `epoch`, and of the `network` and by `tensor` the step scalars with an entry an epoch, where they
were recorded. null is NaN. With further seeds, `seeds` in all, statistics of `raw` have a `_mean` and an `_interval`.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from drillcore.artifacts.gradients import KINDS, SAME_BATCH, step_axis
from drillcore.artifacts.reader import Reader, Variable, known, read_text
from drillcore.base.errors import DamagedFile
from drillcore.base.store import write_json

INDEX = "step", "epoch"
OVER_SEEDS = "mean", "interval"
"""The endings of what a statistic is over several seeds: the mean, and the half width of its interval."""


class GradientStats(Reader):
    """gradient_stats.json: `file["1e-07"]` or `file[1e-7]` are the statistics at a threshold, `raw` and `ema`.

    Attributes
    ----------
    tensors : list of str
    sizes : list of int
    thresholds : list of float
    scalars : dict
        `epoch`, and of the `network` and by `tensor` lists with an entry an epoch: medians of its steps; or empty.
    seeds : int
        Over how many trainings, alike but for the seed, a statistic of `raw` has a `_mean` and an `_interval`; 1 is none.
    """

    FILE = "gradient_stats.json"

    def __init__(self, path: str | Path):
        super().__init__(path)
        text = read_text(path)
        try:
            self.take(json.loads(text))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise DamagedFile(path) from None

    @classmethod
    def of(cls, path: str | Path, statistics: dict[str, Any]) -> "GradientStats":
        """What `drillcore.summarise` returned for the file at `path`, as it would be read."""
        made = object.__new__(cls)
        made.path = Path(path)
        made.take(statistics)
        return made

    def take(self, content: dict[str, Any]) -> None:
        self.tensors, self.by_threshold = list(content["tensors"]), dict(content["thresholds"])
        self.sizes = list(content.get("sizes", []))
        self.scalars = dict(content.get("scalars", {}))
        self.seeds = int(content.get("seeds", 1))

    @property
    def thresholds(self) -> list[float]:
        """The thresholds, ascending."""
        return sorted(map(float, self.by_threshold))

    @property
    def kinds(self) -> tuple[str, ...]:
        """Of which kinds there are statistics: `raw`, `ema` and, where it was recorded, `same_batch`."""
        return tuple(next(iter(self.by_threshold.values()), ()))

    def by_step(self, threshold: float | str, kind: str = "raw") -> dict[str, np.ndarray]:
        """Arrays (steps) over all tensors, beside `step` and `epoch`."""
        return arrays(self[threshold][kind]["step"])

    def by_epoch(self, threshold: float | str, kind: str = "raw") -> dict[str, np.ndarray]:
        """Arrays (epochs) over all tensors, beside `epoch`."""
        return arrays(self[threshold][kind]["epoch"])

    def by_tensor(self, threshold: float | str, kind: str = "raw") -> dict[str, dict[str, np.ndarray]]:
        """By tensor, arrays (epochs)."""
        return {tensor: arrays(lists) for tensor, lists in self[threshold][kind]["tensor"].items()}

    def __getitem__(self, threshold: float | str) -> dict[str, Any]:
        name = threshold if isinstance(threshold, str) else f"{threshold:g}"
        return self.by_threshold[known(name, list(self), "threshold", self.path)]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self.by_threshold, key=float))

    def variables(self) -> dict[str, Variable]:
        """The statistics of every step, along the thresholds and the kinds."""
        tables = [[self.by_step(threshold, kind) for kind in KINDS] for threshold in self]
        names = [name for name in tables[0][0] if name not in INDEX] if tables else []
        axes = "threshold", "kind", "step"
        found = {
            name: Variable.of(axes, np.array([[table[name] for table in row] for row in tables]))
            for name in names
            if all(name in table for table in tables[0])
        }
        for name in (name for name in names if name not in found):  # over seeds
            found[name] = Variable.of(("threshold", "step"), np.array([raw[name] for raw, *_ in tables]))
        if SAME_BATCH in self.kinds:
            tables = [self.by_step(threshold, SAME_BATCH) for threshold in self]
            axes = "threshold", step_axis(SAME_BATCH)
            for name in (name for name in tables[0] if name not in INDEX):
                found[f"{SAME_BATCH}_{name}"] = Variable.of(axes, np.array([table[name] for table in tables]))
        return found

    def coordinates(self) -> dict[str, list]:
        """Thresholds, kinds and steps."""
        first = next(iter(self), None)
        steps = {step_axis(kind): self.by_step(first, kind)["step"].astype(int).tolist() for kind in self.kinds}
        return {"threshold": self.thresholds, "kind": list(KINDS), **(steps or {"step": []})}

    def columns(self) -> dict[str, np.ndarray]:
        """The statistics of every step, a row for each threshold, kind and step."""
        rows = [(float(threshold), kind, self.by_step(threshold, kind)) for threshold in self for kind in self.kinds]
        if not rows:
            return {}
        lengths = [len(table["step"]) for *_, table in rows]
        index = {
            "threshold": np.repeat([threshold for threshold, *_ in rows], lengths),
            "kind": np.repeat(np.array([kind for _, kind, _ in rows], object), lengths),
        }
        return index | {
            name: np.concatenate([table.get(name, np.full(len(table["step"]), np.nan)) for *_, table in rows])
            for name in rows[0][2]
        }

    def facts(self) -> dict[str, str]:
        """The thresholds and the number of tensors."""
        return {"thresholds": ", ".join(self), "tensors": str(len(self.tensors))}


def arrays(columns: dict[str, list]) -> dict[str, np.ndarray]:
    """A dict of lists as one of float64 arrays, null as NaN."""
    return {name: np.array(values, np.float64) for name, values in columns.items()}


def write_gradient_stats(path: str | Path, statistics: dict[str, Any]) -> None:
    """Write what `drillcore.summarise` returns."""
    write_json(path, statistics)
