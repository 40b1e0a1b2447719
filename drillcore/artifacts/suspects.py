"""suspects.csv: the samples whose labels are likely wrong, the likeliest first.

Columns `split`, `sample`, `label`, `likely`, `predicted`, `area`, `confidence`, `variability`, `correctness`, `forgetting`,
`learned`; empty where a number is not known. Of a regression `split`, `sample`, `number`, `target`, `output`, `residual`,
`standardised`, `error`, `mean`, `variability`, `settled`.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from drillcore.artifacts.predictions import NUMBERS as REGRESSION
from drillcore.artifacts.predictions import Predictions
from drillcore.artifacts.reader import Reader, Variable, known, read_text
from drillcore.base.errors import DamagedFile
from drillcore.base.store import whole
from drillcore.residuals import OUTLYING
from drillcore.samples import UNKNOWN

NUMBERS = ["area", "confidence", "variability", "correctness", "forgetting", "learned"]
COLUMNS = ["split", "sample", "label", "likely", "predicted", *NUMBERS]
ERRORS = ["residual", "standardised", "error", "mean", "variability", "settled"]
OF_REGRESSION = ["split", "sample", "number", "target", "output", *ERRORS]


class Suspects(Reader):
    """suspects.csv: `file[column]` is an array (suspects): text of split and classes, numbers of all else.

    Attributes
    ----------
    names : list of str
        The columns: those of classes or those of a regression.
    """

    FILE = "suspects.csv"

    def __init__(self, path: str | Path):
        super().__init__(path)
        try:
            lines = csv.DictReader(read_text(path).splitlines())
            self.names = OF_REGRESSION if "target" in (lines.fieldnames or ()) else COLUMNS
            rows = list(lines)
            self.values_of = {name: column(name, [row[name] for row in rows]) for name in self.names}
        except (ValueError, KeyError, TypeError, csv.Error):
            raise DamagedFile(path) from None

    def __getitem__(self, name: str) -> np.ndarray:
        return self.values_of[known(name, self.names, "column", self.path)]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def variables(self) -> dict[str, Variable]:
        """The columns."""
        return {name: Variable.of(("suspect",), self[name]) for name in self.names}

    def columns(self) -> dict[str, np.ndarray]:
        """The columns."""
        return self.values_of


def column(name, texts):
    if name in (*NUMBERS, *ERRORS, "target", "output"):
        return np.array([text or "nan" for text in texts], np.float64)
    return np.array(texts, np.int64 if name in ("sample", "number") else object)


def write_suspects(path: str | Path, predictions: Predictions, untrained: int | None) -> None:
    """Write those samples of both splits to which another class scores higher than their label, on average over the stored
    epochs but the `untrained`; of a regression those whose standardised residual is an outlier. Texts and reconstructions
    have no label that could be wrong."""
    regression = predictions.outputs == REGRESSION
    columns, rows_of = (OF_REGRESSION, outliers) if regression else (COLUMNS, mislabelled)
    rows = list(rows_of(predictions, untrained)) if regression or predictions.classes else []
    with whole(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(row for _, row in sorted(rows, key=lambda row: row[0]))


def mislabelled(predictions, untrained):
    """By a key that sorts them the rows of samples with a negative mean margin."""
    classes = predictions.classes
    for split in predictions.order:
        found, labels = predictions.dynamics(split, untrained), predictions.labels(split)
        for sample in found.suspects():
            if found.area[sample] >= 0:
                break
            of = {name: getattr(found, name)[sample] for name in NUMBERS}
            named = {"label": labels[sample], "likely": found.likely[sample], "predicted": found.predicted[sample]}
            named = {name: "" if one == UNKNOWN else classes[one] for name, one in named.items()}
            yield of["area"], {"split": split, "sample": sample, **named, **written(of)}


def outliers(predictions, untrained):
    """By a key that sorts them the rows of samples whose standardised residual is beyond OUTLYING."""
    for split in predictions.order:
        found, targets = predictions.dynamics(split, untrained), predictions.targets(split)
        outputs = predictions.at(split)
        for sample in np.flatnonzero(np.abs(found.standardised) > OUTLYING):
            number = found.number[sample]
            of = {"target": targets[sample, number], "output": outputs[sample, number]}
            of |= {name: getattr(found, name)[sample] for name in ERRORS}
            yield -abs(of["standardised"]), {"split": split, "sample": sample, "number": number, **written(of)}


def written(numbers):
    """Numbers as text, empty where they are not known."""
    return {name: "" if np.isnan(value) else f"{value:.6g}" for name, value in numbers.items()}
