"""Hides installed libraries from a process that tests start."""

import sys


class Hiding:
    """One of Python's finders of modules, which does not find those of the libraries `hidden`."""

    def __init__(self, finder, hidden):
        self.finder, self.hidden = finder, hidden

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, path=None, target=None):
        return None if name.split(".")[0] in self.hidden else self.finder.find_spec(name, path, target)


def hide(libraries):
    """From now on `libraries`, none of which is loaded, are as if they were not installed."""
    sys.meta_path[:] = [Hiding(finder, set(libraries)) for finder in sys.meta_path]
