"""The artifacts that are no HDF5: the training's history, and JSON."""

import csv
import json

import numpy as np

from drillcore.base.errors import InputError, MissingFile


def read_text(path):
    """The text of the file at `path`; an `InputError` names one that is missing."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise MissingFile(path) from None


def read_history(path):
    """The columns of a history.csv: a dict of float64 arrays (epochs), NaN for an empty cell."""
    rows = list(csv.DictReader(read_text(path).splitlines()))
    if not rows:
        raise InputError(f"{path} holds no epoch: delete it and run `dvc repro`.")
    return {name: np.array([row[name] or "nan" for row in rows], np.float64) for name in rows[0]}


def read_json(path):
    """The value in a JSON file."""
    return json.loads(read_text(path))


def arrays(columns):
    """A dict of lists as one of float64 arrays, null as NaN."""
    return {name: np.array(values, np.float64) for name, values in columns.items()}
