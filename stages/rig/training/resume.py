"""Training that goes on where it was killed: what the next epoch starts from is stored whole after every epoch.

What is unfinished belongs to its recipe, all that decides a training's result: the network card, the images, the code,
the versions of the libraries, the number of threads. Whatever was left by another recipe is never continued.
"""

import hashlib
import importlib.metadata
import json
import os
import shutil
import sys

import h5py
import numpy as np

from drillcore.base.errors import InputError
from drillcore.base.names import escaped, unescaped
from drillcore.base.store import create, new_group, read, write, write_json
from drillcore.frameworks import FRAMEWORKS
from stages.rig.base.command import say

LIBRARIES = "numpy", "numba", "h5py"
"""Beside those of a network's framework: their versions may decide the bytes of a training."""


def recipe_of(card, files):
    """What decides the training of `card` from `files`, its card and its images: a dict of texts.

    Call once the modules that train are imported, for their content is part of it.
    """
    modules = [
        module for name, module in sys.modules.items() if name.partition(".")[0] in ("drillcore", "stages", "__main__")
    ]
    libraries = [*FRAMEWORKS[card.framework].libraries, *LIBRARIES]
    return {
        "network card": digest(files[:1]),
        "images": digest(files[1:]),
        "code": digest(sorted({module.__file__ for module in modules if getattr(module, "__file__", None)})),
        "versions": " ".join(f"{name} {importlib.metadata.version(name)}" for name in libraries),
        "threads": os.environ.get("OMP_NUM_THREADS", "all"),
    }


def digest(paths):
    """SHA-256 of the content of the files at `paths`."""
    content = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            content.update(hashlib.file_digest(file, "sha256").digest())
    return content.hexdigest()


def claim(folder, recipe):
    """Make `folder` one for the training of `recipe`, and return what its last complete epoch left, or None.

    What another recipe left there, or no complete epoch, or what is damaged, is discarded; all but the second with a
    line that says so.
    """
    reason = None
    try:
        before = json.loads((folder / "recipe.json").read_text())
        state = load(folder)
        differing = [part for part in recipe if before[part] != recipe[part]]
        if differing:
            reason = f"{folder} holds an unfinished training with another {' and another '.join(differing)}."
    except FileNotFoundError:
        state = None
    except (ValueError, KeyError, TypeError) as error:
        name = "resume.h5" if isinstance(error, InputError) else "recipe.json"
        reason = f"{folder / name} is damaged."
    if reason:
        state = None
        say(f"{reason} It is discarded, and the training starts from its first epoch.")
    if state is None and folder.exists():
        shutil.rmtree(folder)
    write_json(folder / "recipe.json", recipe)
    return state


def load(folder):
    """What `save` stored in `folder`."""
    path = folder / "resume.h5"
    if not path.exists():
        raise FileNotFoundError(path)
    with read(path) as file:
        return unpack(file)


def save(folder, state):
    """Store `state`, a nested dict of arrays and of what JSON can hold, in `folder`; it replaces what was saved before."""
    with create(folder / "resume.h5") as file:
        pack(file, state)


def pack(parent, state):
    """Store a nested dict: dicts as groups, arrays as datasets, everything else as JSON."""
    for key, value in state.items():
        name = escaped(key)
        if isinstance(value, dict):
            pack(new_group(parent, name), value)
        elif isinstance(value, np.ndarray):
            write(parent, name, value, compress=value.ndim and not value.any())  # as moments are before the first step
        else:
            write(parent, name, np.array(json.dumps(value), h5py.string_dtype()))


def unpack(parent):
    """What `pack` stored."""
    return {
        unescaped(name): unpack(item) if isinstance(item, h5py.Group) else value(item) for name, item in parent.items()
    }


def value(dataset):
    """An array, or what was stored as JSON."""
    return json.loads(dataset[()]) if h5py.check_string_dtype(dataset.dtype) else np.asarray(dataset[()])
