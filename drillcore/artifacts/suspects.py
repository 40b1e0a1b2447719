"""suspects.csv: the samples whose labels are likely wrong, the likeliest first.

Columns `split`, `sample`, `label`, `likely`, `predicted`, `area`, `confidence`, `variability`, `correctness`, `forgetting`,
`learned`; empty where a number is not known.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from drillcore.artifacts.predictions import Predictions
from drillcore.artifacts.reader import Reader, Variable, known, read_text
from drillcore.base.errors import DamagedFile
from drillcore.base.store import whole
from drillcore.samples import UNKNOWN

NUMBERS = ["area", "confidence", "variability", "correctness", "forgetting", "learned"]
COLUMNS = ["split", "sample", "label", "likely", "predicted", *NUMBERS]


class Suspects(Reader):
    """suspects.csv: `file[column]` is an array (suspects): text of split and classes, numbers of all else."""

    FILE = "suspects.csv"

    def __init__(self, path: str | Path):
        super().__init__(path)
        try:
            rows = list(csv.DictReader(read_text(path).splitlines()))
            self.values_of = {name: column(name, [row[name] for row in rows]) for name in COLUMNS}
        except (ValueError, KeyError, TypeError, csv.Error):
            raise DamagedFile(path) from None

    def __getitem__(self, name: str) -> np.ndarray:
        return self.values_of[known(name, COLUMNS, "column", self.path)]

    def __iter__(self) -> Iterator[str]:
        return iter(COLUMNS)

    def variables(self) -> dict[str, Variable]:
        """The columns."""
        return {name: Variable.of(("suspect",), self[name]) for name in COLUMNS}

    def columns(self) -> dict[str, np.ndarray]:
        """The columns."""
        return self.values_of


def column(name, texts):
    if name in NUMBERS:
        return np.array([text or "nan" for text in texts], np.float64)
    return np.array(texts, np.int64 if name == "sample" else object)


def write_suspects(path: str | Path, predictions: Predictions, untrained: int | None) -> None:
    """Write those samples of both splits to which another class scores higher than their label, on average over the stored
    epochs but the `untrained`."""
    classes, rows = predictions.classes, []
    for split in predictions.order:
        found, labels = predictions.dynamics(split, untrained), predictions.labels(split)
        for sample in found.suspects():
            if found.area[sample] >= 0:
                break
            of = {name: getattr(found, name)[sample] for name in NUMBERS}
            named = {"label": labels[sample], "likely": found.likely[sample], "predicted": found.predicted[sample]}
            named = {name: "" if one == UNKNOWN else classes[one] for name, one in named.items()}
            numbers = {name: "" if np.isnan(value) else f"{value:.6g}" for name, value in of.items()}
            rows.append((of["area"], {"split": split, "sample": sample, **named, **numbers}))
    with whole(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(row for _, row in sorted(rows, key=lambda row: row[0]))
