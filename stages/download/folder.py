"""A person's own images: a folder that holds <dataset>/ or <dataset>.zip, in it train/<class>/ and test/<class>/.

Images are PNG or JPEG files of the data set's size. A zip is never extracted, its members are read in memory; and no
file is decoded before it is known to be small, so that a hostile one costs nothing.
"""

import io
import os
import re
import stat
import warnings
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from stages.download.dataset import Dataset
from stages.shared.base.command import InputError, progress
from stages.shared.card import DATASETS

SUFFIXES = (".png", ".jpg", ".jpeg")

LARGEST_FILE = 1 << 20
"""Bytes; a file of about a thousand pixels needs a few thousand."""

NAMED = 3
"""How many of the bad files an error names; it counts them all."""

EIGHT_BITS = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")
"""Pillow's modes that convert to 8-bit grey or colour without clipping."""


def load_folder(name, folder):
    """Return the data set `name` in `folder` as a `Dataset`, its classes, and the images of each, in natural order.

    Raises
    ------
    InputError
        If it is not there, if train and test differ in their classes, or if any file is not a whole image of the
        data set's size.
    """
    with members(name, Path(os.path.expanduser(folder))) as (where, names, open_member):
        train, test = sort_classes(where, names)
        files = [file for split in (train, test) for files in split.values() for file in files]
        images = decode(where, files, open_member, DATASETS[name])
    train_labels, test_labels = labels(train), labels(test)
    train_images, test_images = np.split(images, [len(train_labels)])
    return Dataset(train_images, train_labels, test_images, test_labels, list(train), f"folder {folder}")


@contextmanager
def members(name, folder):
    """Yield the path of the data set `name`, the names of all it holds, and a function that opens one for reading.

    The names are relative, and end in a slash if they are folders, as a zip lists them.
    """
    root, archive = folder / name, folder / f"{name}.zip"
    if os.path.isdir(root):
        yield root, [path.relative_to(root).as_posix() + "/" * path.is_dir() for path in below(root)], opener(root)
    elif os.path.isfile(archive):
        with open_archive(archive) as file:
            check_members(archive, file)
            # Zipping the folder `name` as a whole puts it before every name.
            names = {member.removeprefix(f"{name}/"): member for member in file.namelist()}
            yield archive, list(names), lambda member: file.open(names[member])
    else:
        raise InputError(
            f"params.yaml: data is {str(folder)!r}, but there is neither a folder {root} nor a file {archive}; "
            "set data to sample, to full, or to the folder that holds one of the two."
        )


def below(root):
    """The paths of the classes in train/ and test/, and of what they hold."""
    return [path for split in ("train", "test") for depth in ("*", "*/*") for path in root.glob(f"{split}/{depth}")]


def opener(root):
    """A function that opens the file of a relative name."""
    return lambda name: (root / name).open("rb")


def open_archive(archive):
    """Open a zip for reading."""
    try:
        return zipfile.ZipFile(archive)
    except (zipfile.BadZipFile, OSError) as error:
        raise InputError(f"{archive} cannot be read as a zip ({error}): replace it by a whole one.") from None


def check_members(archive, file):
    """Refuse a zip with a link, or with a name that would leave the folder it were extracted to: someone means harm."""
    for member in file.infolist():
        parts = member.orig_filename.replace("\\", "/").split("/")
        link = stat.S_ISLNK(member.external_attr >> 16)
        if link or parts[0] == "" or ".." in parts:
            what = "a link" if link else "outside of it"
            raise InputError(f"{archive} has {member.orig_filename!r}, {what}: remove it, or use another archive.")


def sort_classes(where, names):
    """Return, for train and for test, the names of the images of each class: {class: [name, ...]}, in natural order."""
    splits, strays = {"train": {}, "test": {}}, []
    for name in sorted(names, key=natural):
        match name.split("/"):
            case [top, *rest] if top not in splits or rest == [""] or any(part.startswith(".") for part in rest):
                continue  # READMEs, the folder itself, .DS_Store
            case [split, label, ""]:
                splits[split].setdefault(label, [])
            case [split, label, file] if file.lower().endswith(SUFFIXES):
                splits[split].setdefault(label, []).append(name)
            case _:
                strays.append(name)
    if strays:
        raise InputError(
            f"{where} has {listed(map(repr, strays))}, which should be <class>/<file> below train/ or test/, the file "
            f"ending in {', '.join(SUFFIXES)}: move or remove them."
        )
    check_classes(where, splits)
    return splits.values()


def natural(name):
    """A key that sorts names part by part, and numbers within them by value: 2 before 10."""
    return re.sub(r"\d+", lambda digits: digits[0].zfill(20), name).split("/"), name


def check_classes(where, splits):
    """Refuse a split or a class without images, and classes that are in train or in test alone."""
    for split, classes in splits.items():
        if not classes:
            raise InputError(f"{where} has no folders {split}/<class>/: add them, with images {' or '.join(SUFFIXES)}.")
        for label, files in classes.items():
            if not files:
                raise InputError(f"{where} has a class {label!r} without images in {split}/: add some, or remove it.")
    alone = sorted(splits["train"].keys() ^ splits["test"].keys(), key=natural)
    if alone:
        raise InputError(
            f"{where} has {listed(map(repr, alone))} in only one of train/ and test/: both need the same classes."
        )


def decode(where, names, open_member, shape):
    """Return the images of the files `names` as uint8 (files, height, width, channels)."""
    from PIL import Image

    images, bad = np.empty((len(names), *shape), np.uint8), []
    with warnings.catch_warnings(action="ignore", category=Image.DecompressionBombWarning):  # such an image is refused
        for index, name in enumerate(progress(names, f"reading {where}")):
            try:
                with open_member(name) as stream:
                    images[index] = decode_image(stream, shape)
            except Exception as error:  # a damaged file can raise anything in a decoder
                bad.append(f"{name!r} ({' '.join(str(error).split()) or type(error).__name__})")
    if bad:
        raise InputError(
            f"{where} has {len(bad)} unusable of {len(names)} images, {listed(bad)}: replace or remove them."
        )
    return images


def decode_image(stream, shape):
    """Return the image in `stream` as uint8 (height, width, channels); refuse another size before decoding a pixel."""
    content = stream.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise ValueError(f"more than {LARGEST_FILE} bytes")
    height, width, channels = shape
    image = open_image(content)
    if image.size != (width, height):
        raise ValueError(f"{image.width}x{image.height} pixels instead of {width}x{height}")
    if image.mode not in EIGHT_BITS:
        raise ValueError(f"more than 8 bits a channel, Pillow's mode {image.mode}")
    if image.format == "PNG":  # its checksums: Pillow decodes without them, and one damaged byte in forty goes unseen
        image.verify()
        image = open_image(content)
    return np.asarray(image.convert("L" if channels == 1 else "RGB")).reshape(shape)


def open_image(content):
    """Open the bytes `content` as a Pillow image, whose size is then known and whose pixels are not yet decoded."""
    from PIL import Image, UnidentifiedImageError

    try:
        return Image.open(io.BytesIO(content), formats=("PNG", "JPEG"))
    except UnidentifiedImageError:
        raise ValueError("neither PNG nor JPEG, or damaged") from None


def labels(classes):
    """The class of each image, int64 (images), for {class: [name, ...]}."""
    return np.repeat(np.arange(len(classes)), [len(files) for files in classes.values()])


def listed(items):
    """The first few of `items` as text, and how many more there are."""
    items = list(items)
    more = f" and {len(items) - NAMED} more" if len(items) > NAMED else ""
    return ", ".join(items[:NAMED]) + more
