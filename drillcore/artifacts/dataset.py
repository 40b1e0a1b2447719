"""data/<dataset>.h5: the inputs of a data set, and what a network should make of them.

`train/inputs`, `test/inputs` uint8 (samples, height, width, channels) images, float32 (samples, ...) features or int32
(samples, positions) tokens; `train/targets`, `test/targets` with a row for each sample; attributes `name`, `source`, `kind`,
`task` and, where the targets are classes, `classes`, which they index. `columns` has the names of the numbers of features,
along the last axis, `vocabulary` the text of every token, where the source tells.
"""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from drillcore.artifacts.reader import Hdf5Reader, Stored, Variable, known, write_texts
from drillcore.base.store import create, write_rows

SPLITS = "train", "test"
ARRAYS = [f"{split}/{name}" for split in SPLITS for name in ("inputs", "targets")]

KINDS = {"images": ("height", "width", "channel"), "features": ("feature",), "tokens": ("position",)}
"""What the inputs of a data set may be, each with the axes of one input; features may have more than one."""

TASKS = "classification", "regression", "next_token", "reconstruction"
"""What a network may be asked for: the class, numbers, the token after each one, or the inputs themselves."""


IGNORED = -100
"""The target of a token that counts nowhere, as in PyTorch and Hugging Face."""


def kind_of(inputs: Any) -> str:
    """What stored `inputs` are: bytes are images, floats features, other integers tokens."""
    return "images" if inputs.dtype == np.uint8 else "features" if inputs.dtype.kind == "f" else "tokens"


def axes_of(names: tuple[str, ...], count: int) -> tuple[str, ...]:
    """Those of KINDS' `names` for `count` axes: themselves, or the first of them, numbered."""
    return names if len(names) == count else tuple(f"{names[0]}_{axis}" for axis in range(1, count + 1))


def dataset_path(data: str | Path, dataset: str) -> Path:
    """The path of the file of `dataset` in the folder `data`."""
    return Path(data, f"{dataset}.h5")


class DatasetFile(Hdf5Reader):
    """data/<dataset>.h5: `file["train/inputs"]`, `file["test/targets"]` ...

    Attributes
    ----------
    kind : str
        "images", "features" or "tokens".
    task : str
        "classification", "regression", "next_token" or "reconstruction".
    classes, column_names, vocabulary : list of str
        Empty where the data set has none.
    source : str
        Where the data came from.
    shape : tuple of int
        Of one input: of an image its height, width and channels.
    """

    @cached_property
    def kind(self) -> str:
        """What the inputs are."""
        return str(self.attribute("kind"))

    @cached_property
    def task(self) -> str:
        """What a network is asked for."""
        return str(self.attribute("task"))

    @cached_property
    def classes(self) -> list[str]:
        """The names of the classes."""
        return list(self.attribute("classes")) if "classes" in self.file.attrs else []

    @cached_property
    def column_names(self) -> list[str]:
        """The names of the numbers of a sample's features."""
        return self.texts("columns")

    @cached_property
    def vocabulary(self) -> list[str]:
        """The text of every token."""
        return self.texts("vocabulary")

    @property
    def source(self) -> str:
        """Where the data came from."""
        return self.attribute("source")

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one input."""
        return self.inputs("train").shape[1:]

    def inputs(self, split: str) -> Stored:
        """The inputs of "train" or "test"."""
        return self[f"{split}/inputs"]

    def targets(self, split: str) -> Stored:
        """The targets of "train" or "test"."""
        return self[f"{split}/targets"]

    def __getitem__(self, name: str) -> Stored:
        return self.dataset(known(name, ARRAYS, "array", self.path))

    def __iter__(self) -> Iterator[str]:
        return iter(ARRAYS)

    def variables(self) -> dict[str, Variable]:
        """The inputs and targets of both splits."""
        return {name.replace("/", "_"): Variable.of(self.axes(name), self[name]) for name in ARRAYS}

    def axes(self, name: str) -> tuple[str, ...]:
        """The names of the axes of the array `name`."""
        split, _, part = name.partition("/")
        kind = self.kind if part == "inputs" or self.task == "next_token" else None
        return f"{split}_sample", *axes_of(KINDS.get(kind, ("target",)), self[name].ndim - 1)

    def facts(self) -> dict[str, str]:
        """The kind and task, the classes if there are some, and the source."""
        classes = {"classes": ", ".join(self.classes)} if self.classes else {}
        return {"kind": self.kind, "task": self.task, **classes, "data": self.source}


def write_dataset_file(path: str | Path, name: str, dataset: Any) -> None:
    """Write a data set with the attributes `train_inputs`, `train_targets`, `test_inputs`, `test_targets`, `classes`,
    `source`, `kind`, `task`, `columns` and `vocabulary`, called `name`.

    Its arrays may be larger than memory: they are asked for a slice of rows at a time.
    """
    with create(path) as file:
        for array in ARRAYS:
            write_rows(file, array, getattr(dataset, array.replace("/", "_")))
        file.attrs.update(name=name, source=dataset.source, kind=dataset.kind, task=dataset.task)
        if dataset.classes:
            file.attrs["classes"] = dataset.classes
        write_texts(file, columns=dataset.columns, vocabulary=dataset.vocabulary)
