"""history.csv: the loss and scores of every epoch; metrics.json has the last row.

Columns `epoch`, `train_loss`, `val_loss`, and those of the task's scores, such as `train_accuracy`, `val_accuracy`, `val_f1`:
see drillcore/tasks.py; empty where nothing was trained.
"""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from drillcore.artifacts.reader import Reader, Variable, known, read_text
from drillcore.base.errors import DamagedFile
from drillcore.base.store import whole
from drillcore.tasks import TASKS, task_of


class History(Reader):
    """history.csv: `file[column]` is a float64 array (epochs), NaN for an empty cell.

    Attributes
    ----------
    names : list of str
        The columns, which are those of a task.
    task : drillcore.tasks.Task
        Its `score` and `others` are what the columns are called after train_ and val_.
    """

    FILE = "history.csv"

    def __init__(self, path: str | Path):
        super().__init__(path)
        text = read_text(path)
        try:
            rows = csv.DictReader(text.splitlines())
            self.names, rows = list(rows.fieldnames or []), list(rows)
            self.values_of = {name: np.array([row[name] or "nan" for row in rows], np.float64) for name in self.names}
            self.task = TASKS[task_of(self.names)]
        except (ValueError, KeyError, TypeError, csv.Error):
            raise DamagedFile(path) from None

    def __getitem__(self, column: str) -> np.ndarray:
        return self.values_of[known(column, self.names, "column", self.path)]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def variables(self) -> dict[str, Variable]:
        """The columns."""
        return {name: Variable.of(("epoch",), self[name]) for name in self.names[1:]}

    def coordinates(self) -> dict[str, list]:
        """The epochs."""
        return {"epoch": self["epoch"].astype(int).tolist()}

    def columns(self) -> dict[str, np.ndarray]:
        """The columns."""
        return {**self.values_of, "epoch": self["epoch"].astype(int)}


def write_history(path: str | Path, rows: list[Mapping]) -> None:
    """Write `rows`, each a mapping with the columns of one task as its keys; None is an empty cell."""
    with whole(path) as part, open(part, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
