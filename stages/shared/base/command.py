"""A stage's command line: positional arguments in, lines of progress and one clear sentence about bad input out."""

import argparse
import errno
import inspect
import os
import re
import shutil
import sys
import time
from pathlib import Path

from tqdm import tqdm

from stages.shared.base.names import printable
from stages.shared.base.process import Interrupted, alone, end_with_engine

SECONDS_BETWEEN_LINES = 10


class InputError(ValueError):
    """A user's mistake: one sentence that names the value, what is allowed, and the remedy.

    What a terminal would not print, or take for a command, is escaped: it may come from any file.
    """

    def __init__(self, sentence):
        super().__init__(printable(sentence))


def command(main):
    """Run `main` on the command line's arguments, one for each of its parameters: strings, and keyword-only ones flags.

    Ends the process with status 1 and one sentence, without a traceback, on an `InputError` and when the disk is full;
    every other exception is a defect and keeps its traceback, but for what fails while Ctrl-C ends the process. While
    another process is at the same work, it waits.
    """
    stage = inspect.getmodule(main).__spec__.name.removesuffix(".__main__")
    parser = argparse.ArgumentParser(prog=f"python -m {stage}", description=inspect.getdoc(main))
    for name, parameter in inspect.signature(main).parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY:
            parser.add_argument(f"--{name}", action="store_true")
        else:
            parser.add_argument(name)
    # OpenMP's threads wait for each other in a busy loop unless told otherwise before they are loaded: stages that share
    # the cores then take three times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    end_with_engine()
    arguments = vars(parser.parse_args())
    try:
        with alone(" ".join(map(str, [stage, *arguments.values()]))):
            main(**arguments)
    except Exception as error:
        if any(isinstance(cause, Interrupted) for cause in led_to(error)):  # as PyTorch closes half a checkpoint
            sys.exit(130)
        if isinstance(error, InputError):
            sys.exit(f"{stage}: {error}")
        if isinstance(error, OSError) and disk_full(error):
            sys.exit(f"{stage}: {no_space(error.filename or Path.cwd())}")
        raise


def led_to(error):
    """Iterate over an exception and those that led to it, the last first."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def omp_threads(default):
    """The number of threads in OMP_NUM_THREADS, the first where it lists some for nested levels; `default` without it.

    Raises
    ------
    InputError
        If it holds anything else.
    """
    value = os.environ.get("OMP_NUM_THREADS", "").strip()
    if not value:
        return default
    if not re.fullmatch(r"0*[1-9]\d*(\s*,\s*\d+)*", value, re.ASCII):
        raise InputError(
            f"OMP_NUM_THREADS is {value!r}, but should be a number of threads from 1 on, or several with commas between "
            "them: correct it, or unset it."
        )
    return int(value.partition(",")[0])


def disk_full(error):
    """Whether an exception, or one that led to it, is the system's that a disk is full; libraries quote it in their own."""
    full = [os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT)]
    return any(sentence in str(cause) for cause in led_to(error) for sentence in full)


def no_space(path):
    """The sentence for a disk that is too full for the file or folder at `path`, with what was left there."""
    folder = next(parent for parent in (Path(path), *Path(path).parents) if parent.is_dir())
    return (
        f"{path} needs more than the {shutil.disk_usage(folder).free / 1e6:.1f} MB that {folder.resolve()} has left: "
        "make space there and run the same command again."
    )


def progress(items, what, total=None):
    """Yield `items` while showing how far the work named `what` has come.

    On a terminal a tqdm bar; elsewhere (a log, a pipe) a line every ten seconds, for a bar's carriage returns make a
    log unreadable.
    """
    total = len(items) if total is None and hasattr(items, "__len__") else total
    if sys.stderr.isatty():
        yield from tqdm(items, desc=what, total=total, leave=False)
        return
    begin = last = time.monotonic()
    for count, item in enumerate(items, 1):
        yield item
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            say(f"{what}: {count}{f' of {total}' if total else ''} after {last - begin:.0f} s")


def say(line):
    """Print one plain line at once, above a progress bar if one is shown."""
    tqdm.write(line, file=sys.stderr)
    sys.stderr.flush()
