"""The public names of the library, and what their docstrings and signatures leave unsaid."""

import inspect
import re
import typing

import drillcore

CALLBACKS = {"OptimizationInsightCallback", "callback"}
"""A class of Keras by both its names: to look it up loads TensorFlow."""
OBJECTS = [
    *(f"drillcore.{name}" for name in dir(drillcore) if name not in {"figures"} | CALLBACKS),
    *(f"drillcore.figures.{name}" for name in dir(drillcore.figures) if name != "STYLE"),
]
SECTIONS = ["Parameters", "Returns", "Yields", "Raises", "References", "Examples"]


def public(name):
    """The object that a dotted name of the library stands for."""
    found = drillcore
    for part in name.split(".")[1:]:
        found = getattr(found, part)
    return found


def sections(item):
    """The sections of an object's docstring by title, the text before them as ""."""
    parts = re.split(r"^(\w+)\n-+$\n", inspect.getdoc(item) or "", flags=re.MULTILINE)
    return dict(zip(["", *parts[1::2]], parts[::2], strict=True))


def described(section):
    """The names that a section of parameters describes, each with its type in the line and a sentence below it."""
    found = re.findall(r"^(\*{0,2}\w[\w, *]*?)(?: : .+)?\n {4}\S", section, re.MULTILINE)
    return [name.strip().lstrip("*") for names in found for name in names.split(",")]


def parameters(item):
    """The parameters of a function, or those that a class is made with."""
    return list(inspect.signature(item).parameters)


def undocumented(item):
    """What the docstring of a function or class lacks, as a list of sentences."""
    said, lacks = sections(item), []
    if not said[""].strip():
        lacks.append("no summary")
    if [title for title in said if title] != [title for title in SECTIONS if title in said]:
        lacks.append(f"sections {list(said)} are none of {SECTIONS}, or not in their order")
    if parameters(item) != described(said.get("Parameters", "")):
        lacks.append(f"Parameters describes {described(said.get('Parameters', ''))}, not {parameters(item)}")
    if "Examples" not in said:
        lacks.append("no Examples")
    if inspect.isfunction(item) and not said.keys() & {"Returns", "Yields"}:
        lacks.append("neither Returns nor Yields")
    return lacks


def unannotated(item):
    """The parameters of a function, a class or its public methods, and "return", that have no type which resolves."""
    if inspect.isclass(item) and hasattr(item, "_fields"):
        return [field for field in item._fields if field not in typing.get_type_hints(item)]
    functions = [item]
    if inspect.isclass(item):
        functions = [value for name, value in vars(item).items() if inspect.isfunction(value) and said(name, value)]
    return [name for function in functions for name in lacking(function)]


def said(name, method):
    """Whether a method is part of what a class's users call: it makes the object, or documents its parameters."""
    return name == "__init__" or "Parameters" in sections(method)


def lacking(function):
    """Of one function, as `unannotated`."""
    hints, wanted = typing.get_type_hints(function), [*inspect.signature(function).parameters, "return"]
    return [f"{function.__qualname__}: {name}" for name in wanted if name not in hints and name != "self"]


def needs(item):
    """Which framework the examples of an object import, if any."""
    found = re.search(r"import (torch|keras)", sections(item).get("Examples", ""))
    return found and found[1]
