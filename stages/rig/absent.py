"""Imports without modules that a library loads where they are installed, for functions that no stage calls."""

import sys
from contextlib import contextmanager


@contextmanager
def absent(*names):
    """Let what is imported meanwhile find none of the modules `names` that are not loaded yet."""
    hidden = dict.fromkeys(name for name in names if name not in sys.modules)
    sys.modules.update(hidden)  # None stands for a module that is not installed
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
