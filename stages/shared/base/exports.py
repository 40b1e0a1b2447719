"""The names that a package offers without loading the modules they are from."""

from importlib import import_module


def lazily(package, names_of_modules):
    """Return `__getattr__` and `__dir__` for a package whose names load their module when first asked for (PEP 562).

    Parameters
    ----------
    package : str
        Its `__name__`.
    names_of_modules : mapping of str to list of str
        The names that each of its modules, or packages within it, offers.
    """
    module_of = {name: f"{package}.{module}" for module, names in names_of_modules.items() for name in names}

    def get(name):
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(module_of[name]), name)

    return get, lambda: sorted(module_of)
