"""What the readers of all files share: opening and closing, arrays that are read when asked for, and how they are shown."""

import importlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, NamedTuple, Self

import h5py
import numpy as np

from drillcore.base.errors import DamagedFile, MissingFile, UnknownName
from drillcore.base.names import printable, unescaped
from drillcore.base.store import READING, read, write


class Variable(NamedTuple):
    """An array of a file: the names of its `axes`, its `shape` and `dtype`, and `load`, which reads it as NumPy's."""

    axes: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype
    load: Callable[[], np.ndarray]

    @classmethod
    def of(cls, axes: tuple[str, ...], array: Any) -> "Variable":
        """The variable of a NumPy array or an HDF5 dataset, which stays on the disk."""
        return cls(axes, array.shape, array.dtype, lambda: array[()])

    @classmethod
    def stacked(cls, axis: str, axes: tuple[str, ...], arrays: list) -> "Variable":
        """The variable of `arrays` of one shape, along a new first `axis`."""
        shape = (len(arrays), *arrays[0].shape)
        return cls((axis, *axes), shape, arrays[0].dtype, lambda: np.array([array[()] for array in arrays]))


class Reader(Mapping):
    """A file of an artifact: its arrays by name, read when asked for, and how they are shown.

    Attributes
    ----------
    path : pathlib.Path
    """

    FILE = ""
    """What the file is called in a network's folder."""

    def __init__(self, path: str | Path):
        self.path = Path(path)

    __eq__, __hash__ = object.__eq__, object.__hash__  # a mapping's would compare arrays

    @property
    def title(self) -> str:
        """What readers call the network in whose folder the file is; the file's name where no network.yaml is beside it."""
        from drillcore.artifacts.about import read_about  # which reads with what is defined here

        folder = self.path.absolute().parent
        return read_about(folder).title if (folder / "network.yaml").exists() else self.path.name

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; its arrays cannot be read any more."""

    def variables(self) -> dict[str, Variable]:
        """The file's arrays by name, none of them read yet."""
        return {}

    def coordinates(self) -> dict[str, list]:
        """By axis the names or numbers along it, of those that have some."""
        return {}

    def columns(self) -> dict[str, np.ndarray]:
        """The file as a table: by name, columns of one length; empty where it is none."""
        return {}

    def facts(self) -> dict[str, str]:
        """What the file says beside its arrays, in few words each."""
        return {}

    def rows(self) -> list[tuple[str, str]]:
        """The file's arrays in words: of each the name, and its type and axes."""
        return [
            (
                name,
                f"{array.dtype} ({', '.join(f'{axis} {n}' for axis, n in zip(array.axes, array.shape, strict=True))})",
            )
            for name, array in self.variables().items()
        ]

    def __repr__(self) -> str:
        return shown().text(self)

    def _repr_html_(self) -> str:
        return shown().html(self)

    def to_xarray(self) -> Any:
        """The arrays of `variables` as an `xarray.Dataset` with named axes; an `InputError` says what to install."""
        return shown().to_xarray(self)

    def to_pandas(self) -> Any:
        """The file as a table, a `pandas.DataFrame`; an `InputError` where it is none, or says what to install."""
        return shown().to_pandas(self)

    def plot(self, figure: str | None = None, **options: Any) -> Any:
        """Draw the file's main figure or the one that is called `figure`.

        Parameters
        ----------
        figure : str, optional
            One of the names of `figures`.
        **options
            What the figure can be asked for besides, such as `thresholds`; see `drillcore.figures.of_file`.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        InputError
            If the file has no figure, or none of that name.
        """
        return shown().plot(self, figure, **options)

    def figures(self) -> list[str]:
        """The names of the figures that `plot` can draw."""
        return shown().figures(self)


def shown() -> ModuleType:
    """The module that shows readers, by its name: no number that a stage computes depends on how a file is shown."""
    return importlib.import_module("drillcore.artifacts.shown")


class Stored(h5py.Dataset):
    """An HDF5 dataset that names its file where its content turns out to be damaged."""

    def __getitem__(self, selection: Any, new_dtype: Any = None) -> Any:
        try:
            return super().__getitem__(selection, new_dtype)
        except (OSError, RuntimeError):
            raise DamagedFile(self.file.filename) from None

    def read_direct(self, dest: np.ndarray, source_sel: Any = None, dest_sel: Any = None) -> None:
        """As h5py's."""
        try:
            super().read_direct(dest, source_sel, dest_sel)
        except (OSError, RuntimeError):
            raise DamagedFile(self.file.filename) from None


class Hdf5Reader(Reader):
    """A reader of an HDF5 file, which stays open until `close`, the end of a `with` block or that of the reader."""

    def __init__(self, path: str | Path):
        super().__init__(path)
        self.file = read(path)

    def __exit__(self, kind: Any, error: BaseException | None, trace: TracebackType | None) -> None:
        self.file.__exit__(kind, error, trace)

    def close(self) -> None:
        """Close the file; its arrays cannot be read any more."""
        self.file.close()

    def dataset(self, name: str) -> Stored:
        """The dataset at the path `name`, of which nothing is read yet.

        Raises
        ------
        DamagedFile
            If it is missing in the file.
        """
        try:
            return Stored(self.file[name].id)
        except READING:
            raise DamagedFile(self.path) from None

    def array(self, name: str) -> np.ndarray:
        """The dataset at the path `name`, read."""
        return self.dataset(name)[()]

    def attribute(self, name: str, at: str = "/") -> Any:
        """The attribute `name` of the group or dataset at the path `at`.

        Raises
        ------
        DamagedFile
            If it is missing in the file.
        """
        try:
            return self.file[at].attrs[name]
        except READING:
            raise DamagedFile(self.path) from None

    def texts(self, name: str) -> list[str]:
        """The texts of the dataset at the path `name`; none where there is no such dataset."""
        return self.dataset(name).asstr()[:].tolist() if name in self.file else []

    def names(self, attribute: str) -> list[str]:
        """The names in the file's attribute `attribute`, as the model has them and not as they are stored."""
        return [unescaped(name) for name in self.attribute(attribute)]


class LayersReader(Hdf5Reader):
    """A reader of an HDF5 file whose attributes name the layers and epochs that it is about."""

    @cached_property
    def layers(self) -> list[str]:
        """The names of the layers, in the network's order."""
        return self.names("layers")

    @cached_property
    def epochs(self) -> list[int]:
        """The epochs, ascending."""
        return [int(epoch) for epoch in self.attribute("epochs")]


class TensorsReader(Hdf5Reader):
    """A reader of an HDF5 file whose attributes name the trained tensors that it is about."""

    @cached_property
    def tensors(self) -> list[str]:
        """The names of the tensors, in the network's order."""
        return self.names("tensors")

    @property
    def sizes(self) -> np.ndarray:
        """The tensors' numbers of parameters."""
        return self.attribute("sizes")


def write_texts(file: h5py.File, **texts: Sequence[str]) -> None:
    """Write lists of texts, which may be more than an attribute can hold, to datasets of their names; none of empty lists."""
    for name, values in texts.items():
        if len(values):
            encoded = [text.encode() for text in values]  # of one length, for others can have no checksums
            write(file, name, np.array(encoded, h5py.string_dtype("utf-8", max(1, *map(len, encoded)))))


def known(name: Hashable, names: list, kind: str, path: Path) -> Any:
    """The one of `names` that `name` stands for: itself, or the one that is shown so.

    Raises
    ------
    UnknownName
    """
    if name in names:
        return name
    for other in names:
        if isinstance(other, str) and printable(other) == name:
            return other
    raise UnknownName(f"{path} has no {kind} {name!r}; it has {', '.join(map(str, names)) or 'none'}.")


def read_text(path: str | Path) -> str:
    """The text of the file at `path`.

    Raises
    ------
    MissingFile, DamagedFile
    """
    try:
        return Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise MissingFile(path) from None
    except UnicodeDecodeError:
        raise DamagedFile(path) from None
