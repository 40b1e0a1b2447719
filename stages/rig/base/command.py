"""A stage's command line: positional arguments in, lines of progress and one clear sentence about bad input out."""

import argparse
import inspect
import logging
import sys
import time
from pathlib import Path

from tqdm import tqdm

from drillcore.base.errors import InputError, causes, disk_full, no_space
from stages.rig.base.process import Interrupted, alone, end_with_engine, wait_asleep
from stages.rig.base.remedies import with_remedy

SECONDS_BETWEEN_LINES = 10


def command(main):
    """Run `main` on the command line's arguments, one for each of its parameters: strings; keyword-only ones are flags or,
    where their default is a string, options with a value. A `_` behind a name is no part of its option: `--with` is `with_`.

    Ends the process with status 1 and one sentence, without a traceback, on an `InputError` and when the disk is full;
    every other exception is a defect and keeps its traceback, but for what fails while Ctrl-C ends the process. While
    another process is at the same work, it waits.
    """
    stage = inspect.getmodule(main).__spec__.name.removesuffix(".__main__")
    parser = argparse.ArgumentParser(prog=f"python -m {stage}", description=inspect.getdoc(main))
    for name, parameter in inspect.signature(main).parameters.items():
        if isinstance(parameter.default, str):
            parser.add_argument(f"--{name.rstrip('_')}", dest=name, default=parameter.default)
        elif parameter.kind is parameter.KEYWORD_ONLY:
            parser.add_argument(f"--{name}", action="store_true")
        else:
            parser.add_argument(name)
    wait_asleep()
    end_with_engine()
    logging.getLogger("drillcore").addHandler(LINES)
    arguments = vars(parser.parse_args())
    try:
        with alone(" ".join(map(str, [stage, *arguments.values()]))):
            main(**arguments)
    except Exception as error:
        if any(isinstance(cause, Interrupted) for cause in causes(error)):  # as PyTorch closes half a checkpoint
            sys.exit(130)
        if isinstance(error, InputError):
            sys.exit(f"{stage}: {with_remedy(error)}")
        if isinstance(error, OSError) and disk_full(error):
            sys.exit(f"{stage}: {no_space(error.filename or Path.cwd())}")
        raise


def progress(items, label, total=None):
    """Yield `items` while showing how far the work named `label` has come.

    On a terminal a tqdm bar; elsewhere (a log, a pipe) a line every ten seconds, for a bar's carriage returns make a
    log unreadable.
    """
    total = len(items) if total is None and hasattr(items, "__len__") else total
    if sys.stderr.isatty():
        yield from tqdm(items, desc=label, total=total, leave=False)
        return
    begin = last = time.monotonic()
    for count, item in enumerate(items, 1):
        yield item
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            say(f"{label}: {count}{f' of {total}' if total else ''} after {last - begin:.0f} s")


def say(line):
    """Print one plain line at once, above a progress bar if one is shown."""
    tqdm.write(line, file=sys.stderr)
    sys.stderr.flush()


class Lines(logging.Handler):
    """What the instrument has to say, as plain lines."""

    def emit(self, record):
        """Print the message of `record`."""
        say(self.format(record))


LINES = Lines()
