"""Progress of long work: a bar on a terminal, plain lines in a log."""

import sys
import time

from tqdm import tqdm

SECONDS_BETWEEN_LINES = 10


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
