"""metrics.json: the last row of history.csv, as DVC compares it between experiments.

The keys are the columns of history.csv; null where nothing was trained.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from drillcore.artifacts.reader import Reader, known, read_text
from drillcore.base.errors import DamagedFile
from drillcore.base.store import write_json


class Metrics(Reader):
    """metrics.json: `file["val_accuracy"]` is a float, NaN where it is not known."""

    FILE = "metrics.json"

    def __init__(self, path: str | Path):
        super().__init__(path)
        text = read_text(path)
        try:
            content = json.loads(text)
            self.numbers = {name: float("nan") if value is None else float(value) for name, value in content.items()}
        except (ValueError, TypeError, AttributeError):
            raise DamagedFile(path) from None

    def __getitem__(self, name: str) -> float:
        return self.numbers[known(name, list(self.numbers), "metric", self.path)]

    def __iter__(self) -> Iterator[str]:
        return iter(self.numbers)

    def columns(self) -> dict[str, np.ndarray]:
        """One row of all metrics."""
        return {name: np.array([value]) for name, value in self.numbers.items()}

    def facts(self) -> dict[str, str]:
        """The metrics."""
        return {name: f"{value:g}" for name, value in self.numbers.items()}


def write_metrics(path: str | Path, row: Mapping) -> None:
    """Write the last row of a history."""
    write_json(path, dict(row))
