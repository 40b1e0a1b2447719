"""The parameters' section `datasets`: a name for each data set, and the source that its samples come from."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from drillcore.artifacts.dataset import TASKS
from drillcore.base.errors import InputError
from stages.rig.base.parameters import Section, check

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""A data set's name, the same as a network's: it becomes a file's."""

DATA = "data"
"""The source that stands for the one that the top-level parameter `data` names."""

FORMS = (
    "the word data, a folder, a .zip, .npz, .csv, .parquet or .txt file, a class of torchvision.datasets, my_data.py:make, "
    "or {source: one of these, size: [height, width], arguments: {...}}"
)

FUNCTION = re.compile(r"[^:]+\.py:[A-Za-z_]\w*")
"""A file below models/ and the function in it."""
SUFFIXES = ".csv", ".tsv", ".parquet"
"""Of tables."""

Side = Annotated[int, Field(ge=1, le=8000)]


class Source(Section):
    """Where a data set's samples come from, the size that images are scaled to, and the arguments of torchvision's class or
    the user's function; the `target` of a table and the columns to `drop`, the `tokens` and the window's `length` of a
    text; and the `task`, where it is not the one that the data tell."""

    source: Annotated[str, Field(min_length=1)]
    size: Annotated[list[Side], Field(min_length=2, max_length=2)] | None = None
    arguments: dict[str, Any] = {}
    task: Literal[TASKS] | None = None
    target: str | Annotated[list[str], Field(min_length=1)] | None = None
    drop: str | list[str] = []
    tokens: Annotated[str, Field(min_length=1)] | None = None
    length: Annotated[int, Field(ge=1, le=65536)] | None = None

    @model_validator(mode="before")
    @classmethod
    def written_out(cls, values):
        """A source alone as the mapping that it is short for."""
        if isinstance(values, str):
            return {"source": values}
        if not isinstance(values, dict):
            raise ValueError(f"should be {FORMS}")
        return values

    @field_validator("source")
    @classmethod
    def no_blank(cls, source):
        """Refuse a source of spaces alone."""
        if not source.strip():
            raise ValueError(f"should be {FORMS}")
        return source

    @property
    def form(self):
        """What the source gives: images, or those of a user's "function", a "table" or a "text"."""
        suffix = Path(self.source).suffix.lower()
        if FUNCTION.fullmatch(self.source):
            return "function"
        if suffix in SUFFIXES:
            return "table"
        return "text" if self.tokens or self.length or suffix == ".txt" else "images"

    @model_validator(mode="after")
    def alone(self):
        """Refuse what a source does not take, and to change the images of the studies, whose size the networks rely on."""
        if self.task == "next_token" and self.form == "table":
            raise ValueError("a table has no next token; leave the task out")
        if self.task and self.form == "text":
            raise ValueError(f"a text has the task next_token, not {self.task}; leave it out")
        if self.task not in (None, "classification", "reconstruction") and self.form == "images":
            raise ValueError(
                f"images have classes, so their task is not {self.task}; reconstruct them, or leave it out"
            )
        if self.target and self.form != "table":
            raise ValueError("a table, and nothing else, has a target: the name of its column")
        if not self.target and self.form == "table" and self.task != "reconstruction":
            raise ValueError("a table has a target: the name of its column, unless its task is reconstruction")
        if self.drop and self.form != "table":
            raise ValueError("a table, and nothing else, has columns to drop")
        if (self.tokens or self.length) and self.form != "text":
            raise ValueError("a text, and nothing else, has tokens and a length")
        if self.size and self.form != "images":
            raise ValueError("images, and nothing else, are scaled to a size")
        if self.source == DATA and (self.size or self.arguments):
            raise ValueError(
                "the source data takes neither size nor arguments; name a folder, a file or a class instead"
            )
        return self


def read_sources(values):
    """Return the section `datasets` of params.yaml as {name: `Source`}.

    Raises
    ------
    InputError
        For the first mistake in it.
    """
    if not isinstance(values, dict) or not values:
        raise InputError(f"params.yaml: datasets is {values!r}, but should map a name to a source: {FORMS}.")
    for name in values:
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise InputError(
                f"params.yaml: datasets has {name!r}, but a name is 1 to 64 letters, digits, - and _, "
                "the first a letter or a digit: rename it."
            )
    return {name: check(Source, source, f"datasets.{name}") for name, source in values.items()}
