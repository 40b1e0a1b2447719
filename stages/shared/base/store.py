"""Files that are whole or absent: written beside their place, renamed when complete, the same bytes every time."""

import json
import os
from contextlib import contextmanager
from pathlib import Path

import h5py

from stages.shared.base.command import InputError

CHUNK_BYTES = 1 << 20


@contextmanager
def whole(path):
    """Yield a temporary path in the folder of `path`; rename it to `path` if the block succeeds, else remove it.

    A reader therefore never sees half a file under its final name, whatever kills the writer.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def create(path):
    """Yield a new `h5py.File` that appears at `path` when the block succeeds.

    h5py stores no times (`track_times` is off by default) and links sorted by name, so equal content gives equal bytes.
    """
    with whole(path) as part, h5py.File(part, "w") as file:
        yield file


def read(path):
    """Open the HDF5 file at `path` for reading; an `InputError` names a file that is missing or damaged."""
    try:
        return h5py.File(path, "r")
    except FileNotFoundError:
        raise InputError(f"{path} does not exist: run the stage that makes it with `dvc repro`.") from None
    except OSError as error:
        raise InputError(f"{path} is not a readable HDF5 file ({error}): delete it and run `dvc repro`.") from None


def write(group, name, array, compress=False):
    """Store `array` as the dataset `name`, in chunks of whole rows of about a megabyte.

    Floating-point noise hardly compresses and gzip is slower than a disk, so only what is mostly zeros is worth
    `compress`.
    """
    options = {"compression": "gzip", "compression_opts": 1, "shuffle": True} if compress else {}
    if array.ndim and array.size:
        rows = min(len(array), max(1, CHUNK_BYTES * len(array) // array.nbytes))
        options["chunks"] = (rows, *array.shape[1:])
    return group.create_dataset(name, data=array, **options)


def write_json(path, value):
    """Write `value` to `path` as JSON that any parser reads: NaN and infinities become null."""
    with whole(path) as part:
        part.write_text(json.dumps(finite(value), indent=1) + "\n")


def finite(value):
    """Return `value` with every float that JSON cannot hold (NaN, Inf) replaced by None, nested lists and dicts included."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))) else value


def epochs(file):
    """Names of the stored epochs of an activations or weights file, in order: ['000', '001', ...]."""
    return sorted(file["epochs"], key=int)


def row_blocks(count, row_bytes, budget=64 << 20):
    """Slices that cover `count` rows in blocks of at most `budget` bytes, for reading a dataset larger than memory."""
    step = max(1, budget // max(1, row_bytes))
    return [slice(begin, min(begin + step, count)) for begin in range(0, count, step)]
