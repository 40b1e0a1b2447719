"""The errors that are a user's to mend: one sentence, no traceback."""

import errno
import os
import shutil
from pathlib import Path

from drillcore.base.names import printable


class InputError(ValueError):
    """A user's mistake: one sentence that names the value, what is allowed, and the remedy.

    What a terminal would not print, or take for a command, is escaped: it may come from any file.

    Parameters
    ----------
    sentence : str
        What is wrong, and what to do.

    Examples
    --------
    >>> import drillcore
    >>> try:
    ...     drillcore.linear_cka([1.0, 2.0], [3.0, 4.0])
    ... except drillcore.InputError as error:
    ...     print(str(error).partition(":")[0])
    activations of shape (2,) are not (samples, units)
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(printable(sentence))


class UnknownName(InputError, KeyError):
    """A name that a mapping does not hold."""

    __str__ = ValueError.__str__  # a KeyError's would be the sentence's repr


class FileError(InputError):
    """A file that is missing or damaged; `path` names it."""

    def __init__(self, path, sentence):
        super().__init__(sentence)
        self.path = path


class MissingFile(FileError):
    """A file that does not exist."""

    def __init__(self, path):
        super().__init__(path, f"{path} does not exist: correct the name, or make the file first.")


class DamagedFile(FileError):
    """A file whose content is not what was written."""

    def __init__(self, path):
        super().__init__(path, f"{path} is damaged: replace it by a copy that is whole, or make it again.")


def causes(error):
    """Iterate over an exception and those that led to it, the last first."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def disk_full(error):
    """Whether an exception, or one that led to it, is the system's that a disk is full; libraries quote it in their own."""
    full = [os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT)]
    return any(sentence in str(cause) for cause in causes(error) for sentence in full)


def no_space(path):
    """The sentence for a disk that is too full for the file or folder at `path`, with what was left there."""
    folder = next(parent for parent in (Path(path), *Path(path).parents) if parent.is_dir())
    return (
        f"{path} needs more than the {shutil.disk_usage(folder).free / 1e6:.1f} MB that {folder.resolve()} has left: "
        "make space there and run the same command again."
    )
