"""The parameters' section `datasets`: a name for each data set, and the source that its images come from."""

import re
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from drillcore.base.errors import InputError
from stages.rig.base.parameters import Section, check

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""A data set's name, the same as a network's: it becomes a file's."""

DATA = "data"
"""The source that stands for the one that the top-level parameter `data` names."""

FORMS = (
    "the word data, a folder, a .zip or .npz file, a class of torchvision.datasets, "
    "or {source: one of these, size: [height, width], arguments: {...}}"
)

Side = Annotated[int, Field(ge=1, le=8000)]


class Source(Section):
    """Where a data set's images come from, the size that they are scaled to, and the arguments of torchvision's class."""

    source: Annotated[str, Field(min_length=1)]
    size: Annotated[list[Side], Field(min_length=2, max_length=2)] | None = None
    arguments: dict[str, Any] = {}

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

    @model_validator(mode="after")
    def data_alone(self):
        """Refuse to change the images of the studies, whose size the networks rely on."""
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
