"""params.yaml, read and checked: every mistake is one sentence that names the parameter, the value and the remedy."""

from io import StringIO
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML, YAMLError

from drillcore.base.errors import InputError

Count = Annotated[int, Field(ge=1)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
"""Of a network or a data set: it becomes a file's."""


def listed(layers):
    """Refuse one name or pattern that is no list, which pydantic would only compare with the two words."""
    if isinstance(layers, str) and layers not in ("blocks", "all"):
        raise ValueError("should be blocks, all, or a list of names and patterns, as in [conv1, 'layer?.*']")
    return layers


Layers = Annotated[Literal["blocks", "all"] | Annotated[list[str], Field(min_length=1)], BeforeValidator(listed)]


class Section(BaseModel):
    """A group of parameters: types are exact (no "10" for 10, no true for 1) and unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def load(path):
    """Return the YAML mapping in the file at `path`, read as DVC reads it: YAML 1.2, where 010 is ten and `no` a word."""
    try:
        values = YAML(typ="safe").load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path} does not exist: run from the folder that holds it.") from None
    except (YAMLError, ValueError, TypeError, RecursionError) as error:
        raise InputError(f"{path} is not valid YAML: {fault(error)}.") from None
    if not isinstance(values, dict):
        raise InputError(f"{path} holds {type(values).__name__}, not a mapping of parameters to values.")
    return values


def fault(error):
    """What a reader of YAML found wrong, and where, with the remedy for a colon, which it takes for that of a mapping."""
    mark = getattr(error, "problem_mark", None)
    if not mark:
        return " ".join(str(error).split())
    colon = ", which within brackets wants quotes" if error.problem == "found unexpected ':'" else ""
    return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}{colon}"


def dump(values, width=80):
    """Return `values` as YAML that `load` reads back, the innermost lists and mappings each within brackets."""
    writer, text = YAML(typ="safe"), StringIO()
    writer.sort_base_mapping_type_on_output, writer.width = False, width
    writer.dump(values, text)
    return text.getvalue()


def check(model, values, context):
    """Return `values` as the pydantic `model`, or raise an `InputError` for the first mistake below `context`."""
    try:
        return model.model_validate(values)
    except ValidationError as failure:
        raise InputError(sentence(failure.errors(), model, values, context)) from None


def sentence(errors, model, values, context):
    """The most specific of pydantic's errors, as one sentence."""
    error = max(errors, key=lambda error: (len(error["loc"]), error["type"] == "extra_forbidden"))
    name = ".".join([*filter(None, [context]), *keys_of(error["loc"], values)])
    if error["type"] == "extra_forbidden":
        return (
            f"params.yaml: {name} is not a parameter; allowed here: {', '.join(sorted(allowed(model, error['loc'])))}."
        )
    if error["type"] == "missing":
        return f"params.yaml: {name} is missing; add it."
    reason = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"params.yaml: {name} is {error['input']!r}, but {reason[0].lower() + reason[1:].rstrip('.')}."


def keys_of(location, values):
    """The keys and indices of pydantic's `location` in `values`, less the names of types that it tried on the way."""
    for part in location:
        if isinstance(values, dict):
            values = values.get(part)
        elif isinstance(values, list) and isinstance(part, int):
            values = values[part]
        else:
            continue
        yield str(part)


def allowed(model, location):
    """The parameters of the section of `model` that `location` is in."""
    for part in location[:-1]:
        kind = model.model_fields[part].annotation
        model = next(choice for choice in (kind, *get_args(kind)) if hasattr(choice, "model_fields"))
    return model.model_fields
