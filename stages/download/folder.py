"""A person's own images: a folder or a zip that holds train/<class>/ and test/<class>/, PNG or JPEG files of any size.

A zip is never extracted, its members are read in memory; and no file is decoded before it is known to be no larger than
a photograph, so that a hostile one costs little.
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

from stages.download.dataset import STUDIES, Dataset
from stages.download.images import Stack, scaled
from stages.shared.base.command import InputError, progress

SUFFIXES = (".png", ".jpg", ".jpeg")

LARGEST_FILE = 32 << 20
"""Bytes; the largest photographs from cameras have about that."""

LARGEST_IMAGE = 64_000_000
"""Pixels; decoded, three times as many bytes."""

PNG_DEPTH = 24
"""The byte of a PNG that has the bits a channel: behind 8 of signature, 8 that open the header, the width and the height."""

NAMED = 3
"""How many of the bad files an error names; it counts them all."""


def load_folder(name, folder):
    """Return the data set `name` in `folder`, which holds <name>/ or <name>.zip, as a `Dataset`.

    Raises
    ------
    InputError
        If it is not there, or as `load_images`; the data sets of the studies must have the studies' size.
    """
    folder = Path(os.path.expanduser(folder))
    path = folder / name if os.path.isdir(folder / name) else folder / f"{name}.zip"
    if not os.path.exists(path):
        raise InputError(
            f"params.yaml: data is {str(folder)!r}, but there is neither a folder {folder / name} nor a file "
            f"{folder / name}.zip; set data to sample, to full, or to the folder that holds one of the two."
        )
    return load_images(name, path, shape=STUDIES.get(name))._replace(source=f"folder {folder}")


def load_images(name, path, size=None, shape=None):
    """Return the images of the folder or zip at `path` as a `Dataset`: classes sorted as text, the images of each naturally.

    Each is scaled to cover `size` (height, width) and cropped; without it all must have the same size, and that of
    `shape` (height, width, channels) where this is given.

    Raises
    ------
    InputError
        If it is not there, if train and test differ in their classes, or if any file is not a whole image.
    """
    with members(name, path) as (names, open_member):
        train, test = sort_classes(path, names)
        files = [file for split in (train, test) for files in split.values() for file in files]
        images = decode(path, files, open_member, Stack(name, len(files), size, shape))
    train_labels, test_labels = labels(train), labels(test)
    train_images, test_images = np.split(images, [len(train_labels)])
    kind = "folder" if os.path.isdir(path) else "zip"
    return Dataset(train_images, train_labels, test_images, test_labels, list(train), f"{kind} {path}{scaled(size)}")


@contextmanager
def members(name, path):
    """Yield the names of all that the folder or zip at `path` holds, and a function that opens one for reading.

    The names are relative, and end in a slash if they are folders, as a zip lists them.
    """
    if os.path.isdir(path):
        yield [inner.relative_to(path).as_posix() + "/" * inner.is_dir() for inner in below(path)], opener(path)
    elif os.path.isfile(path):
        with open_archive(path) as file:
            check_members(path, file)
            top = folder_above(file.namelist())
            names = {member.removeprefix(top): member for member in file.namelist()}
            yield list(names), lambda member: file.open(names[member])
    else:
        raise InputError(
            f"params.yaml: the source of datasets.{name} is {str(path)!r}, but there is neither such a folder nor such a "
            "zip: correct the path, which starts at the folder of params.yaml, at / or at ~."
        )


def folder_above(names):
    """The one folder that train/ and test/ are in, as "<folder>/", where a folder was zipped as a whole; else nothing."""
    parts = [name.split("/") for name in names]
    if any(top in ("train", "test") for top, *_ in parts):
        return ""
    above = {top for top, *rest in parts if rest and rest[0] in ("train", "test")}
    return f"{above.pop()}/" if len(above) == 1 else ""


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
    except Exception as error:  # a damaged or hostile file can raise anything
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
    """Return, for train and for test, the names of the images of each class: {class: [name, ...]}.

    Images are in natural order, but classes in that of plain text, for ImageFolder and Keras number them so: a network
    that was trained with either would else be asked for other classes.
    """
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
    return [dict(sorted(classes.items())) for classes in splits.values()]


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
    alone = sorted(splits["train"].keys() ^ splits["test"].keys())
    if alone:
        raise InputError(
            f"{where} has {listed(map(repr, alone))} in only one of train/ and test/: both need the same classes."
        )


def decode(where, names, open_member, stack):
    """Return the images of the files `names` as uint8 (files, height, width, channels), gathered in `stack`."""
    bad = []
    with warnings.catch_warnings(
        action="ignore"
    ):  # Pillow's, of a size that is refused and of damage in what is not used
        for name in progress(names, f"reading {where}"):
            try:
                with open_member(name) as stream:
                    stack.add(open_bounded(stream), repr(name))
            except InputError:
                raise
            except Exception as error:  # a damaged file can raise anything in a decoder
                bad.append(f"{name!r} ({' '.join(str(error).split()) or type(error).__name__})")
    if bad:
        raise InputError(
            f"{where} has {len(bad)} unusable of {len(names)} images, {listed(bad)}: replace or remove them."
        )
    return stack.images


def open_bounded(stream):
    """Open the image in `stream`, not yet decoded; refuse one that is larger than a photograph."""
    content = stream.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise ValueError(f"more than {LARGEST_FILE} bytes")
    image = open_image(content)
    if image.width * image.height > LARGEST_IMAGE:
        raise ValueError(f"{image.width}x{image.height} pixels, more than {LARGEST_IMAGE}")
    if image.format == "PNG":  # its checksums: Pillow decodes without them, and one damaged byte in forty goes unseen
        if content[PNG_DEPTH] > 8:  # Pillow itself cuts colours to 8
            raise ValueError(f"more than 8 bits a channel, {content[PNG_DEPTH]}")
        image.verify()
        image = open_image(content)
    return image


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
