"""Prints the top-level modules that a fresh Python has loaded once it has imported `module` or `module:name`, `*` for all."""

import importlib
import sys

for wanted in sys.argv[1:]:
    module, _, name = wanted.partition(":")
    imported = importlib.import_module(module)
    for public in list(getattr(imported, "__all__", vars(imported))) if name == "*" else [name] if name else []:
        getattr(imported, public)
print(*(name for name in sys.modules if "." not in name))
