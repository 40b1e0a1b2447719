"""The files below models/ that a user's code names: libraries in C and Rust, as those of safetensors, tokenizers and HDF5,
open them themselves, which Python does not see."""

import ast
import os
from pathlib import Path

from stages.rig.user_defined import MODELS

OUTSIDE_PYTHON = ".safetensors", ".json", ".model", ".h5", ".hdf5"
"""How the files end that such libraries read; others beside them may be of a whole training, or written by the code."""

LONGEST = 255
"""Bytes of a file's name; the system fails on a longer one, as a sentence in the code may be."""


def named_files(modules, arguments):
    """The files that texts in the Python files `modules` or in the `arguments` of a network name, or that lie in a folder so
    named: a set of paths below models/, as are `modules`. Names are relative to models/, to the file, or to the project."""
    found = set()
    for module in modules:
        tree = ast.parse((MODELS / module).read_bytes()) if module.suffix == ".py" else ast.Module([], [])
        texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        found |= files_of(texts, (MODELS / module).parent)
    return found | files_of({*texts_in(arguments)}, MODELS)


def files_of(texts, folder):
    """The files below models/ that any of `texts` names relative to `folder`, models/ or the project."""
    paths = {
        Path(os.path.normpath(base / text)) for text in filter(may_be_path, texts) for base in (folder, MODELS, Path())
    }
    within = [file for path in paths if MODELS in path.parents for file in (path, *path.rglob("*"))]
    return {file.relative_to(MODELS) for file in within if file.suffix in OUTSIDE_PYTHON and file.is_file()}


def may_be_path(text):
    """Whether a value is a text that may name a file."""
    return isinstance(text, str) and text.isprintable() and 0 < len(text.encode()) <= LONGEST


def texts_in(value):
    """The texts in dicts and lists within each other."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from texts_in(item)
    elif isinstance(value, str):
        yield value
