"""Tells mkdocstrings which public names a package loads lazily, so that pages can call them as users do."""

import ast
from pathlib import Path
from typing import Any

import griffe


def attached(path: Path) -> dict[str, list[str]]:
    """The names that a package hands to `lazy_loader.attach`, by module."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "lazy_loader.attach":
            return ast.literal_eval({keyword.arg: keyword.value for keyword in node.keywords}["submod_attrs"])
    return {}


class LazyNames(griffe.Extension):
    """Makes each lazily loaded name an alias in its package."""

    def on_module_members(self, *, mod: griffe.Module, **kwargs: Any) -> None:
        if not mod.is_init_module:
            return
        for module, names in attached(Path(mod.filepath)).items():
            for name in names:
                mod.set_member(name, griffe.Alias(name, f"{mod.path}.{module}.{name}"))
