"""Prints how long the documentation of every name is that the packages in its arguments list: {package: {name: length}}."""

import importlib
import inspect
import json
import sys


def lengths(package):
    names = getattr(package, "__all__", [])
    return {name: len(inspect.getdoc(getattr(package, name)) or "") for name in names}


print(json.dumps({name: lengths(importlib.import_module(name)) for name in sys.argv[1:]}))
