"""Images and labels in idx files, as MNIST and its relatives come: packed by gzip or not, in a folder or a zip."""

import gzip
import math
import re
import zlib

import numpy as np

from drillcore.base.errors import InputError
from stages.rig.sources.arrays import LARGEST_RATIO, SMALL

NAME = re.compile(r"(?:.*[-_])?(train|t10k|test)[-_](image|label)s?[-._]idx[13][-._]ubyte(\.gz)?")

BLOCK = 16 << 20
"""Bytes that are unpacked at a time."""


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
    """Return {role: (the file's name, array)} of the `files` that `idx_files` found in the folder or zip `path`."""
    roles = [f"{split}_{part}" for split in ("train", "test") for part in ("images", "labels")]
    for role in roles:
        if len(files.get(role, [])) != 1:
            held = ", ".join(name for names in files.values() for name in names)
            raise InputError(
                f"{path} has the idx files {held}, but should have one of {role.replace('_', ' ')}, named as in "
                "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte: "
                "add what is missing, or remove what is too much."
            )
    return {role: (files[role][0], read_array(path, files[role][0], open_member)) for role in roles}


def read_array(path, name, open_member):
    """Return the uint8 array of one idx file: two zeros, the type (8), the number of axes, their lengths, the values.

    Lengths are big-endian (http://yann.lecun.com/exdb/mnist).
    """
    try:
        with open_member(name) as stream, gzip.open(stream) if name.endswith(".gz") else stream as content:
            header = content.read(4)
            if len(header) < 4 or header[:3] != b"\0\0\x08" or not 1 <= header[3] <= 3:
                raise ValueError("no idx file of bytes")
            shape = np.frombuffer(content.read(4 * header[3]), ">u4").tolist()
            values = bytearray()
            while len(values) <= math.prod(shape) and (block := content.read(BLOCK)):
                values += block
                if len(values) > max(SMALL, LARGEST_RATIO * stream.tell()):
                    raise ValueError(f"it unpacks to more than {LARGEST_RATIO} times its size")
        if len(shape) != header[3] or len(values) != math.prod(shape):
            raise ValueError(f"{len(values)} values instead of {' x '.join(map(str, shape))}")
        return np.frombuffer(values, np.uint8).reshape(shape)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise InputError(f"{path} has {name!r}, which cannot be read ({error}): replace it by a whole file.") from None
