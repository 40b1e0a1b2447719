"""MNIST and CIFAR-10 whole, downloaded by torchvision, which checks every archive's checksum.

The archives stay in data/raw, in the places where torchvision looks for them, so a second run and a machine without a
network use what is there. They are fetched and unpacked in a folder of their own and moved when they are whole.
"""

import re
import shutil
import socket
from contextlib import contextmanager
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from stages.download.dataset import Dataset
from stages.shared.base.command import InputError, say

SILENCE = 30.0
"""Seconds without a byte after which a server counts as gone; torchvision alone waits for ever."""


class Archive(NamedTuple):
    """A file to download: its path below torchvision's root, its MD5 checksum, and the URLs that offer it."""

    path: Path
    md5: str
    urls: list[str]


def load_full(name, raw):
    """Return the data set `name` as a `Dataset`, in its own order; what the folder `raw` lacks of it is downloaded.

    Raises
    ------
    InputError
        If an archive is neither in `raw` nor to be had from its URLs; nothing half-written is left then.
    """
    from torchvision import datasets

    kind = getattr(datasets, name.upper())
    with staging(raw / f".{name}.part", raw, archives(kind)) as root:
        fetch(kind, root, raw)
        train, test = kind(root, train=True), kind(root, train=False)
    classes = [label.split(" - ")[0] for label in train.classes]  # torchvision's MNIST has "7 - seven"
    return Dataset(*arrays(train), *arrays(test), classes, f"full: {kind.__name__} by torchvision")


def archives(kind):
    """The archives that torchvision's data set class `kind` is made of."""
    if hasattr(kind, "mirrors"):
        folder = Path(kind.__name__, "raw")
        return [Archive(folder / file, md5, [mirror + file for mirror in kind.mirrors]) for file, md5 in kind.resources]
    return [Archive(Path(kind.filename), kind.tgz_md5, [kind.url])]


@contextmanager
def staging(folder, raw, wanted):
    """Yield the new `folder`, with those archives of `raw` that are right in it; take it away in the end.

    The archives move to `raw` if the block succeeds. So a failure, or even a kill, leaves neither a partial archive nor
    half of an unpacked one where torchvision, which does not check MNIST once unpacked, would take it for whole.
    """
    from torchvision.datasets.utils import check_integrity

    shutil.rmtree(folder, ignore_errors=True)
    try:
        for archive in wanted:
            (folder / archive.path).parent.mkdir(parents=True, exist_ok=True)
            if check_integrity(raw / archive.path, archive.md5):
                shutil.copyfile(raw / archive.path, folder / archive.path)
        yield folder
        for archive in wanted:
            (raw / archive.path).parent.mkdir(parents=True, exist_ok=True)
            (folder / archive.path).replace(raw / archive.path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def fetch(kind, root, raw):
    """Have torchvision download and unpack in `root` what is missing there."""
    from torchvision.datasets import utils

    missing = [archive for archive in archives(kind) if not (root / archive.path).exists()]
    if missing:
        say(f"downloading {', '.join(archive.path.name for archive in missing)} to {raw}")
    utils.tqdm = partial(tqdm, disable=None)  # on a terminal only: a bar's carriage returns make a log unreadable
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SILENCE)
    try:
        kind(root, download=True)
    except (OSError, RuntimeError, HTTPException) as error:
        for archive in missing:
            if not utils.check_integrity(root / archive.path, archive.md5):
                raise InputError(failure(error, archive, missing, raw)) from None
        raise
    finally:
        socket.setdefaulttimeout(timeout)


def failure(error, failed, missing, raw):
    """The sentence that says why the archive `failed` could not be had, and what to do for all that are `missing`."""
    reasons = re.findall(r"got:\n(.*)", str(error)) or [str(error) or type(error).__name__]  # one for each mirror
    reasons = [reason.replace("File not found or corrupted", "incomplete or wrong checksum") for reason in reasons]
    damaged = f"; {raw / failed.path} is there, but has the wrong checksum" if (raw / failed.path).exists() else ""
    return (
        f"cannot download {' or '.join(failed.urls)} ({'; '.join(dict.fromkeys(reasons))}){damaged}: "
        f"put {', '.join(archive.path.name for archive in missing)} into {raw / failed.path.parent}, "
        "or set data in params.yaml to sample or to a folder of images."
    )


def arrays(dataset):
    """Images uint8 (samples, height, width, channels) and labels int64 (samples) of a torchvision data set."""
    images = np.asarray(dataset.data)
    return images.reshape(*images.shape[:3], -1), np.asarray(dataset.targets, np.int64)
