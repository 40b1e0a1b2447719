"""A stage's command line: positional arguments in, lines of progress and one clear sentence about bad input out."""

import argparse
import inspect
import os
import sys
import time

from tqdm import tqdm

SECONDS_BETWEEN_LINES = 10


class InputError(ValueError):
    """A user's mistake: one sentence that names the value, what is allowed, and the remedy."""


def command(main):
    """Run `main` on the command line's arguments, one for each of its parameters: strings, and keyword-only ones flags.

    Ends the process with status 1 and one sentence on an `InputError`, with status 130 on Ctrl-C, both without a
    traceback; every other exception is a defect and keeps its traceback.
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
    try:
        main(**vars(parser.parse_args()))
    except InputError as error:
        sys.exit(f"{stage}: {error}")
    except KeyboardInterrupt:
        print(f"{stage}: interrupted; run the same command again to go on", file=sys.stderr)
        sys.exit(130)


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
