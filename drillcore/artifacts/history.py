"""history.csv: loss, accuracy and F1 of every epoch; metrics.json has the last row.

Columns `epoch`, `train_loss`, `train_accuracy`, `val_loss`, `val_accuracy`, `val_f1`; empty where nothing was trained.
"""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from drillcore.artifacts.reader import Reader, Variable, known, read_text
from drillcore.base.errors import DamagedFile
from drillcore.base.store import whole

COLUMNS = ["epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "val_f1"]


class History(Reader):
    """history.csv: `file[column]` is a float64 array (epochs), NaN for an empty cell."""

    FILE = "history.csv"

    def __init__(self, path: str | Path):
        super().__init__(path)
        text = read_text(path)
        try:
            rows = list(csv.DictReader(text.splitlines()))
            self.values_of = {name: np.array([row[name] or "nan" for row in rows], np.float64) for name in COLUMNS}
        except (ValueError, KeyError, TypeError, csv.Error):
            raise DamagedFile(path) from None

    def __getitem__(self, column: str) -> np.ndarray:
        return self.values_of[known(column, COLUMNS, "column", self.path)]

    def __iter__(self) -> Iterator[str]:
        return iter(COLUMNS)

    def variables(self) -> dict[str, Variable]:
        """The columns."""
        return {name: Variable.of(("epoch",), self[name]) for name in COLUMNS[1:]}

    def coordinates(self) -> dict[str, list]:
        """The epochs."""
        return {"epoch": self["epoch"].astype(int).tolist()}

    def columns(self) -> dict[str, np.ndarray]:
        """The columns."""
        return {**self.values_of, "epoch": self["epoch"].astype(int)}


def write_history(path: str | Path, rows: list[Mapping]) -> None:
    """Write `rows`, each a mapping with the keys of COLUMNS; None is an empty cell."""
    with whole(path) as part, open(part, "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
