"""Files that are whole at any moment: written beside their place, and renamed when all is written."""

import glob
import io
import os
import shutil
import time
from contextlib import contextmanager, suppress

SECONDS_TO_WRITE = 60
"""What is older beside a file is what a kill left of a writer."""


class WholeFiles:
    """A file system of DVC's, `inner`, whose files are rewritten at once; `durable` ones outlive a power failure too."""

    def __init__(self, inner, durable=True):
        self.inner, self.durable = inner, durable

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def open(self, path, mode="r", **options):
        """Open a file for a `with` block; one opened for writing becomes the new one if the block succeeds."""
        if "w" in mode:
            return buffered(path, mode, self.durable, **options)
        return self.inner.open(path, mode, **options)


@contextmanager
def buffered(path, mode, durable, encoding=None):
    """Yield a file in memory, and put it at `path` if the block succeeds."""
    content = io.BytesIO()
    yield content if "b" in mode else io.TextIOWrapper(content, encoding=encoding, write_through=True)
    replace(path, content.getvalue(), durable)


def replace(path, content, durable):
    """Put the bytes `content` at `path`, or where a link at `path` leads to, with the mode of what was there."""
    folder, name = os.path.split(os.path.realpath(path))
    clear(folder, name)
    part = os.path.join(folder, f".{name}.{os.urandom(4).hex()}.part")
    try:
        with open(part, "xb") as file:
            file.write(content)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        with suppress(FileNotFoundError):
            shutil.copymode(os.path.join(folder, name), part)
        os.replace(part, os.path.join(folder, name))
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(part)
        raise


def clear(folder, name):
    """Remove what killed writers left beside a file."""
    for part in glob.glob(os.path.join(glob.escape(folder), f".{glob.escape(name)}.*.part")):
        with suppress(FileNotFoundError):
            if time.time() - os.path.getmtime(part) > SECONDS_TO_WRITE:
                os.unlink(part)
