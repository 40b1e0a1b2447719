"""The archives that torchvision's data sets are made of, each downloaded once, whole, and kept in data/raw.

They stay there in the places where torchvision looks for them, so a second run and a machine without a network use what
is there. They are fetched and unpacked in a folder of their own, which holds but links to those that are whole.
"""

import os
import re
import shutil
import socket
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tqdm import tqdm

from drillcore.base.store import naming
from stages.rig.base.command import say

SILENCE = 30.0
"""Seconds without a byte after which a server counts as gone; torchvision alone waits for ever."""


class Archives:
    """What torchvision, at work in the folder `root`, asks for: the archive `wanted`, its `md5`, and the `urls` tried."""

    def __init__(self, root, raw):
        self.root, self.raw = Path(root).absolute(), Path(raw).absolute()
        self.shown, self.wanted, self.md5, self.urls = raw, None, None, []

    def check(self, check_integrity, path, md5=None):
        """Whether the archive at `path` is there and whole, as torchvision asks before it downloads one, and after.

        Before, it is taken from `raw` if it is whole there; after, it is kept there.
        """
        path = Path(path).absolute()
        relative = path.relative_to(self.root)
        if relative != self.wanted:
            self.wanted, self.md5, self.urls = relative, md5, []
        kept = self.raw / relative
        if path.is_symlink():
            return True
        if not path.exists() and check_integrity(kept, md5):
            path.symlink_to(kept)
            return True
        whole = check_integrity(path, md5)
        if whole and md5:
            kept.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, kept)
            path.symlink_to(kept)
        return whole

    def follow(self, redirect, url, max_hops=3):
        """The address that `url` leads to, as torchvision asks before it downloads from it."""
        self.urls.append(url)
        say(f"downloading {url} to {self.shown}")
        return redirect(url, max_hops)

    def lacking(self):
        """Whether an archive was asked for at some URL, and did not come whole."""
        return bool(self.urls) and not (self.root / self.wanted).is_symlink()

    def failure(self, error, kind, name):
        """The sentence that says why the archive `wanted` could not be had, and what to do."""
        reasons = re.findall(r"got:\n(.*)", str(error)) or [str(error) or type(error).__name__]  # one for each mirror
        reasons = [reason.replace("File not found or corrupted", "incomplete or wrong checksum") for reason in reasons]
        path = self.shown / self.wanted
        damaged = f"; {path} is there, but has the wrong checksum" if path.exists() else ""
        return (
            f"cannot download {' or '.join(self.urls)} ({'; '.join(dict.fromkeys(reasons))}){damaged}: "
            f"put {', '.join(self.missing(kind))} into {path.parent}, or choose another source in params.yaml, "
            f"data: sample or a folder for datasets.{name}."
        )

    def missing(self, kind):
        """The names of the archive `wanted` and, where the class `kind` lists them, of all that are still to come."""
        listed = [file for file, _ in kind.resources] if isinstance(getattr(kind, "resources", None), list) else []
        folder = self.raw / self.wanted.parent
        return dict.fromkeys([self.wanted.name, *(file for file in listed if not (folder / file).exists())])


@contextmanager
def archives(name, raw):
    """Yield new `Archives` at work in a folder in `raw` that is taken away in the end, whatever happens.

    So a failure, or even a kill, leaves neither a partial archive nor half of an unpacked one where torchvision, which
    does not check MNIST once unpacked, would take it for whole.
    """
    from torchvision.datasets import utils

    root = raw / f".{name}.part"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    found = Archives(root, raw)
    before = utils.check_integrity, utils._get_redirect_url, utils.tqdm, socket.getdefaulttimeout()
    utils.check_integrity = partial(found.check, utils.check_integrity)
    utils._get_redirect_url = partial(found.follow, utils._get_redirect_url)
    utils.tqdm = partial(tqdm, disable=None)  # on a terminal only: a bar's carriage returns make a log unreadable
    socket.setdefaulttimeout(SILENCE)
    try:
        with naming(raw):
            yield found
    finally:
        utils.check_integrity, utils._get_redirect_url, utils.tqdm, timeout = before
        socket.setdefaulttimeout(timeout)
        shutil.rmtree(root, ignore_errors=True)
