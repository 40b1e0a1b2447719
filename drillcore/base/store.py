"""Files that are whole or absent: written beside their place, renamed when complete, the same bytes every time."""

import io
import json
import math
import os
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from drillcore.base.arrays import row_blocks
from drillcore.base.errors import DamagedFile, InputError, MissingFile, disk_full, no_space

CHUNK_BYTES = 1 << 20
BLOCK_BYTES = 16 << 20
"""Of rows that `write_rows` asks for at a time."""
READING = OSError, RuntimeError, KeyError, ValueError
"""What h5py raises when it meets damage."""


@contextmanager
def whole(path):
    """Yield a temporary path in the folder of `path`; rename it to `path` if the block succeeds, else remove it.

    A reader therefore never sees half a file under its final name, whatever kills the writer. An `InputError` names
    the path that the disk was too full for.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.part")
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield part
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def naming(path):
    """Name `path` in an `InputError` where the disk is too full for what the block writes to it."""
    try:
        yield
    except Exception as error:  # what a library raises of it, or fails of later, is its own
        if not disk_full(error):
            raise
        raise InputError(no_space(path)) from None


@contextmanager
def create(path):
    """Yield a new `h5py.File` that appears at `path` when the block succeeds.

    The latest format has checksums of all but the arrays, and `write` adds those. Links are sorted by name and no times
    are kept, by `new_group`, so that equal content gives equal bytes.
    """
    creation, access = (h5py.h5p.create(kind) for kind in (h5py.h5p.FILE_CREATE, h5py.h5p.FILE_ACCESS))
    creation.set_obj_track_times(False)
    access.set_fclose_degree(h5py.h5f.CLOSE_STRONG)  # with all that is still open in it
    access.set_libver_bounds(h5py.h5f.LIBVER_LATEST, h5py.h5f.LIBVER_LATEST)
    with whole(path) as part, Disk(part, "w+") as disk:
        access.set_fileobj_driver(h5py.h5fd.fileobj_driver, disk)
        handle = h5py.h5f.create(os.fsencode(part), h5py.h5f.ACC_TRUNC, creation, access)
        access.close()  # an error's traceback would keep it, and HDF5 crash on its way out, when Python is gone
        try:
            with h5py.File(handle) as file:
                yield file
        finally:
            if disk.failure:
                raise disk.failure


class Disk(io.FileIO):
    """A file that HDF5 writes to, which keeps the first `failure` to itself: HDF5 crashes when it cannot write."""

    failure = None

    def write(self, content):
        """Write all of `content`, or from the first failure on nothing."""
        rest = memoryview(content).cast("B")
        try:
            while rest and not self.failure:
                rest = rest[super().write(rest) :]
        except OSError as error:
            self.failure = error
        return len(content)

    def truncate(self, size=None):
        """Set the file's size."""
        try:
            super().truncate(size)
        except OSError as error:
            self.failure = self.failure or error


class Readable(h5py.File):
    """An HDF5 file that names itself where its content turns out to be damaged."""

    def __exit__(self, kind, error, trace):
        path = self.filename
        broken = isinstance(error, READING) and not isinstance(error, InputError) and damaged(self)
        super().__exit__(kind, error, trace)
        if broken:
            raise DamagedFile(path) from None


def read(path: str | os.PathLike) -> h5py.File:
    """Open an HDF5 file for reading, in a `with` block.

    Parameters
    ----------
    path : path
        The file, such as gradients.h5.

    Returns
    -------
    h5py.File
        Open for reading; it says so where its content turns out to be damaged.

    Raises
    ------
    InputError
        If the file is missing or damaged.

    Examples
    --------
    >>> import h5py
    >>> from drillcore.base.store import read
    >>> with h5py.File("outputs.h5", "w") as file:
    ...     file["layer"] = [[1.0, 2.0]]
    >>> with read("outputs.h5") as file:
    ...     file["layer"][:]
    array([[1., 2.]])
    """
    try:
        return Readable(path, "r")
    except FileNotFoundError:
        raise MissingFile(path) from None
    except (OSError, RuntimeError):
        raise DamagedFile(path) from None


def damaged(file):
    """Whether anything in an open HDF5 file cannot be read."""

    def visit(_, item):
        dict(item.attrs)
        if isinstance(item, h5py.Dataset):
            for rows in row_blocks(len(item), item.nbytes // max(1, len(item))) if item.ndim else [()]:
                item[rows]

    try:
        dict(file.attrs)
        file.visititems(visit)
    except READING:
        return True
    return False


def new_group(parent, name):
    """The group at the path `name` in `parent`, made where it is missing: h5py's own would keep the time it was made."""
    timeless = h5py.h5p.create(h5py.h5p.GROUP_CREATE)
    timeless.set_obj_track_times(False)
    for part in name.split("/"):
        if part not in parent:
            h5py.h5g.create(parent.id, part.encode(), gcpl=timeless)
        parent = parent[part]
    return parent


def write(parent, name, array, compress=False):
    """Store `array` as the dataset `name`, in checked chunks of whole rows of about a megabyte.

    Floating-point noise hardly compresses and gzip is slower than a disk, so only what is mostly zeros is worth
    `compress`.
    """
    options = {"compression": "gzip", "compression_opts": 1, "shuffle": True} if compress else {}
    *groups, name = name.split("/")
    parent = new_group(parent, "/".join(groups)) if groups else parent
    return parent.create_dataset(name, data=array, **options, **checked_chunks(array.shape, array.itemsize))


def write_rows(parent, name, rows):
    """Store `rows`, an array or anything with a shape, a type and slices, as `write` does, reading blocks of whole chunks."""
    *groups, name = name.split("/")
    parent = new_group(parent, "/".join(groups)) if groups else parent
    dataset = reserve(parent, name, rows.shape, rows.dtype)
    chunk = dataset.chunks[0] if dataset.chunks else 1
    for block in row_blocks(-(-len(rows) // chunk), dataset.nbytes // max(1, len(rows)) * chunk, BLOCK_BYTES):
        begin = block.start * chunk
        fill(dataset, begin, rows[begin : block.stop * chunk])
    return dataset


def reserve(parent, name, shape, dtype):
    """A dataset to be filled row by row, chunked and checked as those of `write`."""
    return parent.create_dataset(name, shape, dtype, **checked_chunks(shape, np.dtype(dtype).itemsize))


def fill(dataset, begin, rows):
    """Write the array `rows` to those of a reserved `dataset` from `begin` on: h5py's own indexing takes as long again."""
    space = dataset.id.get_space()
    space.select_hyperslab((begin, *[0] * (rows.ndim - 1)), rows.shape)
    dataset.id.write(h5py.h5s.create_simple(rows.shape), space, np.ascontiguousarray(rows))


def checked_chunks(shape, itemsize):
    """HDF5's options for chunks of whole rows, each with a checksum; none for a scalar and where there are no elements."""
    size = math.prod(shape) * itemsize
    if not shape or not size:
        return {}
    rows = min(shape[0], max(1, CHUNK_BYTES * shape[0] // size))
    return {"chunks": (rows, *shape[1:]), "fletcher32": True}


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
