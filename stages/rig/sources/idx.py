"""Images and labels in idx files, as MNIST and its relatives come: packed by gzip or not, in a folder or a zip."""

import gzip
import math
import re
import zlib

import numpy as np

from drillcore.base.errors import InputError
from stages.rig.sources.arrays import LARGEST_RATIO, SMALL
from stages.rig.sources.blocks import BLOCK, Streamed, together

NAME = re.compile(r"(?:.*[-_])?(train|t10k|test)[-_](image|label)s?[-._]idx[13][-._]ubyte(\.gz)?")


def idx_files(names):
    """Of the `names` of a folder's files those that are idx, by role: train_images, train_labels, test_images, test_labels.

    A file that is there both packed and unpacked counts once. Empty where there is none.
    """
    found = {}
    for name in sorted(names, reverse=True):  # the unpacked one comes last
        if match := NAME.fullmatch(name):
            split = "train" if match[1] == "train" else "test"
            found.setdefault(f"{split}_{match[2]}s", {})[name.removesuffix(".gz")] = name
    return {role: list(files.values()) for role, files in found.items()}


def read_idx(path, files, open_member):
    """Return {role: (the file's name, array)} of the `files` that `idx_files` found in the folder or zip `path`.

    Images are `Streamed`.
    """
    roles = [f"{split}_{part}" for split in ("train", "test") for part in ("images", "labels")]
    for role in roles:
        if len(files.get(role, [])) != 1:
            held = ", ".join(name for names in files.values() for name in names)
            raise InputError(
                f"{path} has the idx files {held}, but should have one of {role.replace('_', ' ')}, named as in "
                "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte: "
                "add what is missing, or remove what is too much."
            )
    found = {role: Streamed.of(idx_blocks(path, files[role][0], open_member)) for role in roles}
    return {
        role: (files[role][0], array if "images" in role else together(array.blocks, np.uint8, array.shape[1:]))
        for role, array in found.items()
    }


def idx_blocks(path, name, open_member):
    """Yield the shape and type of the uint8 array of one idx file, then its rows in blocks.

    The file is two zeros, the type (8), the number of axes, their lengths, the values. Lengths are big-endian
    (http://yann.lecun.com/exdb/mnist).
    """
    try:
        with open_member(name) as stream, gzip.open(stream) if name.endswith(".gz") else stream as content:
            header = content.read(4)
            if len(header) < 4 or header[:3] != b"\0\0\x08" or not 1 <= header[3] <= 3:
                raise ValueError("no idx file of bytes")
            shape = np.frombuffer(content.read(4 * header[3]), ">u4").tolist()
            if len(shape) != header[3]:
                raise ValueError("its header is cut off")
            yield tuple(shape), np.dtype(np.uint8)
            row, count, size, rest = math.prod(shape[1:]), 0, math.prod(shape), b""
            while count <= size and (values := content.read(BLOCK)):
                count += len(values)
                if count > max(SMALL, LARGEST_RATIO * stream.tell()):
                    raise ValueError(f"it unpacks to more than {LARGEST_RATIO} times its size")
                rest += values
                if count <= size and (whole := len(rest) // row * row):
                    yield np.frombuffer(rest[:whole], np.uint8).reshape(-1, *shape[1:])
                    rest = rest[whole:]
        if count != size:
            raise ValueError(f"{count} values instead of {' x '.join(map(str, shape))}")
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise InputError(f"{path} has {name!r}, which cannot be read ({error}): replace it by a whole file.") from None
