"""User-defined images: a folder or a zip of train/<class>/ and test/<class>/, of <class>/ alone, or of idx files as MNIST's.

A zip is never extracted, its members are read in memory; and no file is decoded before it is known to be no larger than
a photograph, so that a hostile one costs little.
"""

import io
import os
import stat
import warnings
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from drillcore.base.errors import InputError
from stages.rig.base.command import progress
from stages.rig.sources.arrays import as_dataset
from stages.rig.sources.blocks import chosen
from stages.rig.sources.dataset import HELD_OUT, STUDIES, Dataset, hold_out
from stages.rig.sources.idx import idx_files, read_idx
from stages.rig.sources.images import Stack, scaled
from stages.rig.sources.layout import folder_above, listed, sort_classes, split_folders

LARGEST_FILE = 32 << 20
"""Bytes; the largest photographs from cameras have about that."""

LARGEST_IMAGE = 64_000_000
"""Pixels; decoded, three times as many bytes."""

FORMATS = "PNG", "JPEG", "WEBP", "BMP", "TIFF"
"""What Pillow is asked to open."""

BITS_PER_SAMPLE = 258
"""The tag of a TIFF that has the bits of each channel."""

PNG_DEPTH = 24
"""The byte of a PNG that has the bits a channel: behind 8 of signature, 8 that open the header, the width and the height."""


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
    return load_images(name, path, shape=STUDIES.get(name), source=f"folder {folder}")


def load_images(name, path, size=None, shape=None, source=None):
    """Return the images of the folder or zip at `path` as a `Dataset`: classes sorted as text, the images of each naturally.

    Each is scaled to cover `size` (height, width) and cropped; without it all must have the same size, and that of
    `shape` (height, width, channels) where this is given. `source` is what the data set says of its origin, by default the
    path.

    Raises
    ------
    InputError
        If it is not there, if train and test differ in their classes, or if any file is not a whole image.
    """
    source = source or f"{'folder' if os.path.isdir(path) else 'zip'} {path}"
    with members(name, path) as (names, open_member):
        if idx := idx_files(names):
            return as_dataset(name, path, read_idx(path, idx, open_member), f"{source}, idx files", size, shape)
        splits = sort_classes(path, names)
        files = [file for classes in splits for files in classes.values() for file in files]
        images = decode(path, files, open_member, Stack(name, size, shape))
    numbers, count = np.concatenate([labels(classes) for classes in splits]), sum(map(len, splits[0].values()))
    train, test = slice(count), slice(count, None)
    if len(splits) == 1:
        (train, test), source = hold_out(name, path, numbers), source + HELD_OUT
    classes = list(splits[0])
    return Dataset(
        chosen(images, train), numbers[train], chosen(images, test), numbers[test], classes, source + scaled(size)
    )


@contextmanager
def members(name, path):
    """Yield the names of all that the folder or zip at `path` holds, and a function that opens one for reading.

    The names are relative, and end in a slash if they are folders, as a zip lists them. Some programs write a zip's names
    with backslashes.
    """
    if os.path.isdir(path):
        yield [inner.relative_to(path).as_posix() + "/" * inner.is_dir() for inner in below(path)], opener(path)
    elif os.path.isfile(path):
        with open_archive(path) as file:
            check_members(path, file)
            names = {member.replace("\\", "/"): member for member in file.namelist()}
            top = folder_above(names)
            names = {name.removeprefix(top): member for name, member in names.items()}
            yield list(names), lambda name: file.open(names[name])
    else:
        raise InputError(
            f"params.yaml: the source of datasets.{name} is {str(path)!r}, but there is neither such a folder nor such a "
            "zip: correct the path, which starts at the folder of params.yaml, at / or at ~."
        )


def below(root):
    """The paths of what is in the folder, and of the classes in train/ and test/ or, without those, in the folder itself."""
    tops = list(root.glob("*"))
    splits = split_folders({path.name for path in tops if path.is_dir()})
    inner = [f"{split}/{depth}" for split in splits for depth in ("*", "*/*")] or ["*/*"]
    return tops + [path for pattern in inner for path in root.glob(pattern)]


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
            kind = "a link" if link else "outside of it"
            raise InputError(f"{archive} has {member.orig_filename!r}, {kind}: remove it, or use another archive.")


def decode(path, names, open_member, stack):
    """Return the images of the files `names`, uint8 (files, height, width, channels), gathered in `stack`."""
    bad = []
    with warnings.catch_warnings(
        action="ignore"
    ):  # Pillow's, of a size that is refused and of damage in what is not used
        for name in progress(names, f"reading {path}"):
            try:
                with open_member(name) as stream:
                    stack.add(open_bounded(stream), repr(name))
            except InputError:
                raise
            except Exception as error:  # a damaged file can raise anything in a decoder
                bad.append(f"{name!r} ({' '.join(str(error).split()) or type(error).__name__})")
    if bad:
        raise InputError(
            f"{path} has {len(bad)} unusable of {len(names)} images, {listed(bad)}: replace or remove them."
        )
    return stack.images.rows()


def open_bounded(stream):
    """Open the image in `stream`, not yet decoded; refuse one that is larger than a photograph."""
    content = stream.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise ValueError(f"more than {LARGEST_FILE} bytes")
    image = open_image(content)
    if image.width * image.height > LARGEST_IMAGE:
        raise ValueError(f"{image.width}x{image.height} pixels, more than {LARGEST_IMAGE}")
    if image.format in ("WEBP", "TIFF") and image.n_frames > 1:
        raise ValueError(f"{image.n_frames} images in one file")
    if image.format == "TIFF" and max(image.tag_v2.get(BITS_PER_SAMPLE, (1,))) > 8:  # Pillow cuts colours to 8
        raise ValueError(f"more than 8 bits a channel, {max(image.tag_v2[BITS_PER_SAMPLE])}")
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
        return Image.open(io.BytesIO(content), formats=FORMATS)
    except UnidentifiedImageError:
        raise ValueError(f"none of {', '.join(FORMATS)}, or damaged") from None


def labels(classes):
    """The class of each image, int64 (images), for {class: [name, ...]}."""
    return np.repeat(np.arange(len(classes)), [len(files) for files in classes.values()])
