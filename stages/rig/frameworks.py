"""The modules that build, train and load the networks of one framework; only those that a network needs are loaded."""

import hashlib
from importlib import import_module
from pathlib import Path

from drillcore import frameworks

ROOT = Path(__file__).parents[2]


def module(framework, name):
    """The module `name` of a `framework`: network, inspection, training or pretrained."""
    return import_module(f"stages.rig.{frameworks.known(framework)}.{name}")


def code_of(framework):
    """SHA-256 of each file that trains and loads networks of `framework` and of no other, by path.

    The stage `define` writes it beside a network's card: a change of one framework's code then reruns the stages of
    that framework's networks alone.
    """
    files = [
        *ROOT.glob(f"drillcore/frameworks/{framework}.py"),
        *ROOT.glob(f"drillcore/recording/{framework}_*.py"),
        *ROOT.glob(f"stages/rig/{framework}/*.py"),
    ]
    names = sorted(
        file.relative_to(ROOT).as_posix() for file in files if file.name not in ("inspection.py", "replay.py")
    )
    return {name: hashlib.sha256((ROOT / name).read_bytes()).hexdigest() for name in names}
