"""Images that are NumPy arrays already, in an .npz file; nothing in it is ever executed."""

import zipfile
from pathlib import Path

import numpy as np

from stages.download.dataset import Dataset
from stages.download.images import Stack, scaled
from stages.shared.base.command import InputError, progress

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


def load_arrays(name, path, size=None):
    """Return the arrays of the .npz file at `path` as a `Dataset`; images are scaled to `size` (height, width) if given.

    Raises
    ------
    InputError
        If the file is missing or damaged, or its arrays are no images with labels.
    """
    stored = read_arrays(name, path)
    images = {split: check_images(path, *stored[f"{split}_images"]) for split in ("train", "test")}
    if images["train"].shape[1:] != images["test"].shape[1:]:
        shapes = " and ".join(str(split.shape) for split in images.values())
        raise InputError(f"{path} has images of shapes {shapes} for training and testing: make their sizes equal.")
    labels = {split: check_labels(path, *stored[f"{split}_labels"], len(images[split])) for split in images}
    classes = check_classes(path, stored.get("classes"), np.concatenate(list(labels.values())))
    check_trained(path, classes, **labels)
    floats = ", values in [0, 1] times 255" if stored["train_images"][1].dtype.kind == "f" else ""
    train, test = (resized(name, split, size) for split in images.values())
    return Dataset(train, labels["train"], test, labels["test"], classes, f"npz {path}{floats}{scaled(size)}")


def read_arrays(name, path):
    """Return {role: (the array's own name, array)} of the .npz file at `path`, for the roles `NAMES[0]` and `classes`."""
    try:
        with zipfile.ZipFile(path) as archive:
            held = {Path(member.filename).stem: member for member in archive.infolist()}
        names = next((names for names in NAMES if held.keys() >= set(names)), None)
        if names is None:
            raise InputError(
                f"{path} holds {', '.join(sorted(held)[:8]) or 'nothing'}, but should hold "
                f"{' or '.join(map(', '.join, NAMES))}: save it again by numpy.savez_compressed with such names."
            )
        wanted = {**dict(zip(NAMES[0], names, strict=True)), **({"classes": "classes"} if "classes" in held else {})}
        for own in wanted.values():
            check_ratio(path, held[own])
        with np.load(path, allow_pickle=False) as file:
            return {role: (own, np.asarray(file[own])) for role, own in wanted.items()}
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


def check_ratio(path, member):
    """Refuse an array that is packed so well that it is no images but a trap."""
    if member.file_size > max(SMALL, LARGEST_RATIO * member.compress_size):
        raise InputError(
            f"{path} has {member.filename!r}, {member.compress_size} bytes that unpack to {member.file_size}, more than "
            f"{LARGEST_RATIO} times as many: use another file."
        )


def check_images(path, own, images):
    """Return `images` as uint8 (n, height, width, channels), or refuse them; `own` is their name in the file."""
    channels = images.shape[3] if images.ndim == 4 else 1
    if images.ndim not in (3, 4) or channels not in (1, 3) or 0 in images.shape:
        raise InputError(
            f"{path} has {own} of shape {images.shape}, but images are (n, height, width), or (n, height, width, channels) "
            "with 1 or 3 channels: transpose or reshape them."
        )
    if images.dtype.kind == "f":
        lowest, highest = images.min(), images.max()
        if not (lowest >= 0 and highest <= 1):
            raise InputError(
                f"{path} has {own} with values from {lowest:g} to {highest:g}, but images of {images.dtype} should have "
                f"them in [0, 1]: {SCALE}."
            )
        images = np.rint(images * 255).astype(np.uint8)
    elif images.dtype != np.uint8:
        raise InputError(
            f"{path} has {own} of type {images.dtype}, but images are uint8, or floats in [0, 1]: {SCALE}."
        )
    elif images.max() == 1:
        raise InputError(
            f"{path} has {own} of bytes up to 1, but white is 255: multiply them by 255, or save them as floats."
        )
    return images.reshape(*images.shape[:3], channels)


def check_labels(path, own, labels, count):
    """Return `labels` as int64 (count), or refuse them; Keras has those of CIFAR as (count, 1)."""
    if labels.dtype.kind not in "iu" or labels.shape not in ((count,), (count, 1)):
        raise InputError(
            f"{path} has {own} of type {labels.dtype} and shape {labels.shape}, but they should be integers, one for each "
            f"of the {count} images: correct them."
        )
    return labels.reshape(count).astype(np.int64)


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
    own, names = stored
    if names.ndim != 1 or names.dtype.kind not in "USiu" or not (used[0] >= 0 and used[-1] < len(names)):
        raise InputError(
            f"{path} has {own} of type {names.dtype} and shape {names.shape}, and labels {used[0]} to {used[-1]}, but it "
            "should be a list of names that the labels index from 0: correct one of them."
        )
    names = [name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in names.tolist()]
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise InputError(f"{path} has {own} with {twice[0]!r} more than once: give each class a name of its own.")
    return names


def check_trained(path, classes, train, test):
    """Refuse labels of `test` that `train` has not: no network can learn the class."""
    untrained = np.setdiff1d(test, train)
    if len(untrained):
        raise InputError(
            f"{path} has images of the class {classes[untrained[0]]!r} for testing, but none for training: "
            "add some, or remove those."
        )


def resized(name, images, size):
    """Return `images` (n, height, width, channels) scaled to cover `size` and cropped; as they are for None."""
    if size is None:
        return images
    from PIL import Image

    stack = Stack(name, len(images), size)
    for pixels in progress(images, "scaling"):
        stack.add(Image.fromarray(pixels.squeeze(2) if pixels.shape[2] == 1 else pixels), "an array")
    return stack.images
