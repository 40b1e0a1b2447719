"""How readers are shown: as text, in a notebook, as tables of other libraries, and as figures."""

from html import escape
from importlib import import_module
from textwrap import shorten
from types import ModuleType
from typing import TYPE_CHECKING, Any

from drillcore.base.errors import InputError
from drillcore.base.names import printable
from drillcore.extras import require

if TYPE_CHECKING:
    from drillcore.artifacts.reader import Reader

MOST_ROWS = 20
"""Of more arrays so many are listed."""


def heading(reader: "Reader") -> str:
    """What kind of file it is, and where."""
    return f"{type(reader).__name__} {printable(str(reader.path))}"


def listed(reader: "Reader") -> list[tuple[str, str]]:
    """The first rows of what a reader holds: names and descriptions, and how many more there are."""
    rows = [(printable(name), said) for name, said in reader.rows()]
    more = [("...", f"and {len(rows) - MOST_ROWS} more")] if len(rows) > MOST_ROWS else []
    return rows[:MOST_ROWS] + more


def facts(reader: "Reader") -> list[tuple[str, str]]:
    """What a reader says of its file: epochs and layers, and its `facts`."""
    axes = reader.coordinates()
    along = {f"{axis}s": ", ".join(map(str, axes[axis])) for axis in ("epoch", "layer") if axis in axes}
    return [
        (name, shorten(printable(said), 110, placeholder=" ...")) for name, said in {**along, **reader.facts()}.items()
    ]


def text(reader: "Reader") -> str:
    """A reader in a few lines."""
    lines = [f"  {name}: {said}" for name, said in facts(reader)]
    rows = listed(reader)
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join([heading(reader), *lines, *(f"    {name:<{width}}  {said}" for name, said in rows)])


def html(reader: "Reader") -> str:
    """A reader as a notebook shows it."""
    lines = "<br>".join(f"{escape(name)}: {escape(said)}" for name, said in facts(reader))
    rows = "".join(
        f'<tr><th style="text-align:left">{escape(name)}</th><td style="text-align:left">{escape(said)}</td></tr>'
        for name, said in listed(reader)
    )
    return f"<div><b>{escape(heading(reader))}</b><br>{lines}<table>{rows}</table></div>"


def to_xarray(reader: "Reader") -> Any:
    """The arrays of a reader as an `xarray.Dataset`, read."""
    variables = reader.variables()
    if not variables:
        raise InputError(f"{reader.path} holds no arrays with axes: open a file of it, or take to_pandas().")
    require("tables", "to_xarray()")
    import xarray

    used = {axis for variable in variables.values() for axis in variable.axes}
    return xarray.Dataset(
        {name: (variable.axes, variable.load()) for name, variable in variables.items()},
        {axis: values for axis, values in reader.coordinates().items() if axis in used},
        {"path": str(reader.path), **reader.facts()},
    )


def to_pandas(reader: "Reader") -> Any:
    """The columns of a reader as a `pandas.DataFrame`."""
    columns = reader.columns()
    if not columns:
        raise InputError(f"{reader.path} is no table: take its arrays by name, or to_xarray().")
    require("tables", "to_pandas()")
    import pandas

    return pandas.DataFrame(columns)


def of_file() -> ModuleType:
    """The module that draws files: by its name, for a figure changes nothing of how a file is read."""
    return import_module("drillcore.figures.of_file")


def plot(reader: "Reader", figure: str | None = None, **options: Any) -> Any:
    """A figure of a reader, the main one by default."""
    return of_file().plot(reader, figure, **options)


def figures(reader: "Reader") -> list[str]:
    """The names of a reader's figures."""
    return [name for name, _ in of_file().drawings(reader)]
