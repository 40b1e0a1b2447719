"""What only a part of the library needs: which extra of the package brings it, and the sentence where it is missing."""

from importlib.util import find_spec

from drillcore.base.errors import InputError

LIBRARIES = {
    "torch": {"torch": "PyTorch"},
    "keras": {"keras": "Keras", "tensorflow": "TensorFlow"},
    "clusters": {"scipy": "SciPy"},
    "figures": {"matplotlib": "Matplotlib", "noto_cjk_sans_jp_regular": "noto-cjk-sans-jp-regular"},
    "maps": {"openTSNE": "openTSNE", "sklearn": "scikit-learn"},
    "report": {"plotly": "plotly"},
    "tables": {"xarray": "xarray", "pandas": "pandas"},
}
"""By extra, the modules that the library imports of it, each with the name it is known by."""


class MissingExtra(InputError, ImportError):
    """A library that is not installed and that only a part of this one needs: the sentence names the extra to install."""


def missing(extra: str) -> list[str]:
    """The names of the libraries of an extra that are not installed; nothing is loaded."""
    return [name for module, name in LIBRARIES[extra].items() if find_spec(module) is None]


def require(extra: str, user: str) -> None:
    """Refuse, by a `MissingExtra`, to go on where a library is missing that `user` needs; call before it is imported."""
    if absent := missing(extra):
        is_not = "is not" if len(absent) == 1 else "are not"
        raise MissingExtra(f"{user} needs {' and '.join(absent)}, which {is_not} installed: run {command(extra)}.")


def command(extra: str) -> str:
    """What installs an extra, as a sentence quotes it."""
    return f"`pip install 'drillcore[{extra}]'`"
