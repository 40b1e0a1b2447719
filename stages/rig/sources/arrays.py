"""Images that are NumPy arrays already, in an .npz file; nothing in it is ever executed."""

import math
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.lib import format

from drillcore.base.errors import InputError
from stages.rig.base.command import progress
from stages.rig.sources.blocks import BLOCK, Gathered, Streamed
from stages.rig.sources.dataset import Dataset
from stages.rig.sources.images import Stack, scaled

NAMES = (
    ("train_images", "train_labels", "test_images", "test_labels"),
    ("x_train", "y_train", "x_test", "y_test"),
)
"""What the arrays may be called; the second are Keras' names."""

LARGEST_RATIO = 250
"""An array may be so many times larger than it is in the file: zeros shrink a thousandfold, images hardly tenfold."""

SCALE = "scale them to 0 to 255, where they are not, and only then save them by astype(numpy.uint8)"
"""What to do with values that bytes alone would cut or wrap."""

SMALL = 64 << 20
"""Bytes up to which the ratio does not matter."""

ROUNDING = 1e-6
"""How far floats may be outside of [0, 1]: scaling in single precision leaves 1.0000001, which rounds to the same byte."""


def load_arrays(name, path, size=None):
    """Return the arrays of the .npz file at `path` as a `Dataset`; images are scaled to `size` (height, width) if given.

    Raises
    ------
    InputError
        If the file is missing or damaged, or its arrays are no images with labels.
    """
    stored = read_arrays(name, path)
    floats = ", values in [0, 1] times 255" if stored["train_images"][1].dtype.kind == "f" else ""
    return as_dataset(name, path, stored, f"npz {path}{floats}", size)


def as_dataset(name, path, stored, source, size=None, shape=None):
    """Return the arrays `stored` of `path`, {role: (the array's own name, array)}, as a `Dataset` from `source`.

    Images are `Streamed`. They are scaled to `size` (height, width) if given, and must have the `shape` (height, width,
    channels) if given.
    """
    images = {split: check_images(path, *stored[f"{split}_images"]) for split in ("train", "test")}
    if images["train"].shape[1:] != images["test"].shape[1:]:
        shapes = " and ".join(str(split.shape) for split in images.values())
        raise InputError(f"{path} has images of shapes {shapes} for training and testing: make their sizes equal.")
    if shape and images["train"].shape[1:] != tuple(shape):
        raise InputError(
            f"{path} has images of {images['train'].shape[1:]}, but {name} has {tuple(shape)}: correct it."
        )
    labels = {split: check_labels(path, *stored[f"{split}_labels"], len(images[split])) for split in images}
    labels, classes = numbered(path, stored.get("classes"), labels)
    check_trained(path, classes, **labels)
    train, test = (resized(name, split, size) for split in images.values())
    return Dataset(train, labels["train"], test, labels["test"], classes, source + scaled(size))


def read_arrays(name, path):
    """Return {role: (the array's own name, array)} of the .npz file at `path`, for the roles `NAMES[0]` and `classes`.

    Images are `Streamed`.
    """
    with reading(name, path):
        with zipfile.ZipFile(path) as archive:
            held = {Path(member.filename).stem: member for member in archive.infolist()}
        names = next((names for names in NAMES if held.keys() >= set(names)), None)
        if names is None:
            raise InputError(
                f"{path} holds {', '.join(sorted(held)[:8]) or 'nothing'}, but should hold "
                f"{' or '.join(map(', '.join, NAMES))}: save it again by numpy.savez_compressed with such names."
            )
        wanted = {**dict(zip(NAMES[0], names, strict=True)), **({"classes": "classes"} if "classes" in held else {})}
        for key in wanted.values():
            check_ratio(path, held[key])
        with np.load(path, allow_pickle=False) as file:
            return {
                role: (
                    key,
                    Streamed.of(npy_blocks(name, path, held[key])) if "images" in role else np.asarray(file[key]),
                )
                for role, key in wanted.items()
            }


@contextmanager
def reading(name, path):
    """Say in a sentence why the .npz file at `path` cannot be read."""
    try:
        yield
    except FileNotFoundError:
        raise InputError(
            f"params.yaml: the source of datasets.{name} is {str(path)!r}, but there is no such file: "
            "correct the path, which starts at the folder of params.yaml, at / or at ~."
        ) from None
    except InputError:
        raise
    except Exception as error:  # a damaged or hostile file can raise anything
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"{path} cannot be read as an .npz of plain arrays ({reason}): save it again.") from None


def npy_blocks(name, path, member):
    """Yield the shape and the type of the array in a `member` of the .npz file, then its rows in blocks.

    An array in Fortran's order comes in one block, for the numbers of a row are spread over all of its bytes.
    """
    headers = {(1, 0): format.read_array_header_1_0, (2, 0): format.read_array_header_2_0}
    with reading(name, path), zipfile.ZipFile(path) as archive, archive.open(member) as stream:
        shape, fortran, dtype = headers[format.read_magic(stream)](stream)
        if dtype.hasobject or min(shape, default=0) < 0:
            raise ValueError("objects, or negative lengths")
        yield shape, dtype
        rows, row_shape = (1, shape) if fortran else (shape[0], shape[1:])
        row_bytes = dtype.itemsize * math.prod(row_shape)
        step = max(1, BLOCK // max(1, row_bytes))
        for begin in range(0, rows, step):
            count = min(step, rows - begin)
            content = stream.read(count * row_bytes)
            if len(content) < count * row_bytes:
                raise ValueError(f"{member.filename} ends before its last row")
            flat = np.frombuffer(content, dtype)
            yield flat.reshape(shape, order="F") if fortran else flat.reshape(count, *row_shape)
        stream.read(1)  # only at its end the checksum is compared


def check_ratio(path, member):
    """Refuse an array that is packed so well that it is no images but a trap."""
    if member.file_size > max(SMALL, LARGEST_RATIO * member.compress_size):
        raise InputError(
            f"{path} has {member.filename!r}, {member.compress_size} bytes that unpack to {member.file_size}, more than "
            f"{LARGEST_RATIO} times as many: use another file."
        )


def check_images(path, name, images):
    """Return `Streamed` images as uint8 (n, height, width, channels), or refuse them; `name` is their name in the file."""
    shape = images.shape
    channels = shape[3] if len(shape) == 4 else 1
    if shape[:1] == (0,):
        raise InputError(f"{path} has {name} without a single image, an array of shape {shape}: add some.")
    if len(shape) not in (3, 4) or channels not in (1, 3) or 0 in shape:
        raise InputError(
            f"{path} has {name} of shape {shape}, but images are (n, height, width), or (n, height, width, channels) "
            "with 1 or 3 channels: transpose or reshape them."
        )
    kind = images.dtype.kind
    whole, lowest, highest = as_bytes(images, channels) if kind in "iuf" else (None, None, None)
    if kind == "f" and not (lowest >= -ROUNDING and highest <= 1 + ROUNDING):
        raise InputError(
            f"{path} has {name} with values from {lowest:.9g} to {highest:.9g}, but images of {images.dtype} "
            f"should have them in [0, 1]: {SCALE}."
        )
    if kind not in "iuf" or (kind != "f" and (lowest < 0 or highest > 255)):
        held = f" with values from {lowest} to {highest}" if kind in "iu" else ""
        raise InputError(
            f"{path} has {name} of type {images.dtype}{held}, but images are integers from 0 to 255, or floats in [0, 1]: "
            f"{SCALE}."
        )
    if kind != "f" and highest == 1:
        raise InputError(
            f"{path} has {name} of bytes up to 1, but white is 255: multiply them by 255, or save them as floats."
        )
    return whole.rows()


def as_bytes(images, channels):
    """`Streamed` images of numbers as `Gathered` uint8 (n, height, width, channels), and their lowest and highest value.

    Of floats the bytes are values in [0, 1] times 255. What bytes do not hold is cut off or wraps.
    """
    whole, extremes = Gathered((*images.shape[1:3], channels), np.uint8), []
    for block in images.blocks:
        extremes.append((block.min(), block.max()))
        pixels = np.rint(block * 255) if block.dtype.kind == "f" else block
        with np.errstate(invalid="ignore"):
            whole.add(pixels.astype(np.uint8, copy=False).reshape(len(block), *whole.row_shape))
    return whole, np.min(extremes), np.max(extremes)


def check_labels(path, name, labels, count):
    """Return `labels` (count) as int64 or str, or refuse them; Keras has those of CIFAR as (count, 1), others one-hot."""
    if labels.ndim == 2 and len(labels) == count and labels.shape[1] > 1 and labels.dtype.kind in "biuf":
        if not (np.isin(labels, (0, 1)).all() and (labels.sum(1) == 1).all()):
            raise InputError(
                f"{path} has {name} of shape {labels.shape}, but one-hot labels have a single 1 in each row, the rest 0: "
                "correct them, or store the number of each image's class."
            )
        return labels.argmax(1)
    if labels.dtype.kind not in "iuUS" or labels.shape not in ((count,), (count, 1)):
        raise InputError(
            f"{path} has {name} of type {labels.dtype} and shape {labels.shape}, but they should be one integer or one name "
            f"for each of the {count} samples, or one-hot rows: correct them."
        )
    labels = labels.reshape(count)
    return labels.astype(np.int64) if labels.dtype.kind in "iu" else np.array(texts(labels))


def texts(names):
    """An array of names, text or bytes in UTF-8, as a list of str."""
    return [name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in names.tolist()]


def numbered(path, stored, labels):
    """Return the labels {split: array} as int64 numbers, and the classes' names.

    Labels that are names count in the order of the stored classes or, without those, of the names as text.
    """
    if not any(array.dtype.kind == "U" for array in labels.values()):
        return labels, check_classes(path, stored, np.concatenate(list(labels.values())))
    if len({array.dtype.kind for array in labels.values()}) > 1:
        raise InputError(f"{path} has names for one split's labels and numbers for the other's: store both alike.")
    used = sorted(set().union(*(array.tolist() for array in labels.values())))
    classes = used if stored is None else check_classes(path, stored, np.arange(len(stored[1])))
    if unknown := [name for name in used if name not in classes]:
        raise InputError(
            f"{path} has labels {unknown[0]!r} that are not among its classes {', '.join(classes[:8])}: correct one of them."
        )
    position = {name: number for number, name in enumerate(classes)}
    return {split: np.array([position[name] for name in array.tolist()]) for split, array in labels.items()}, classes


def check_classes(path, stored, labels):
    """Return the classes' names, the numbers where none are stored; refuse labels that do not index them."""
    used = np.unique(labels)
    if stored is None:
        if not np.array_equal(used, np.arange(len(used))):
            raise InputError(
                f"{path} has labels {used[0]} to {used[-1]}, {len(used)} different ones, but they should be all of 0 to k-1: "
                "number the classes from 0, or store their names as the array classes."
            )
        return [str(label) for label in used]
    name, names = stored
    if names.ndim != 1 or names.dtype.kind not in "USiu" or not (used[0] >= 0 and used[-1] < len(names)):
        raise InputError(
            f"{path} has {name} of type {names.dtype} and shape {names.shape}, and labels {used[0]} to {used[-1]}, but it "
            "should be a list of names that the labels index from 0: correct one of them."
        )
    names = texts(names)
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise InputError(f"{path} has {name} with {twice[0]!r} more than once: give each class a name of its own.")
    return names


def check_trained(path, classes, train, test):
    """Refuse labels of `test` that `train` has not: no network can learn the class."""
    untrained = np.setdiff1d(test, train)
    if len(untrained):
        raise InputError(
            f"{path} has samples of the class {classes[untrained[0]]!r} for testing, but none for training: "
            "add some, or remove those."
        )


def resized(name, images, size):
    """Return `images` (n, height, width, channels) scaled to cover `size` and cropped; as they are for None."""
    if size is None:
        return images
    from PIL import Image

    stack = Stack(name, size)
    for number in progress(range(len(images)), "scaling"):
        pixels = images[number : number + 1][0]
        stack.add(Image.fromarray(pixels.squeeze(2) if pixels.shape[2] == 1 else pixels), "an array")
    return stack.images.rows()
