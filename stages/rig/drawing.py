"""From a list of figures to a folder that holds them all: whole, or not there."""

import os
import shutil
import signal
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import cache
from multiprocessing import active_children, get_context

from matplotlib.font_manager import fontManager

from drillcore.base.store import naming
from drillcore.figures.style import applied, save

# matplotlib asks for the fonts of every text, at every look at its size: tens of thousands of times, with a dozen answers.
fontManager._find_fonts_by_props = cache(fontManager._find_fonts_by_props)


@contextmanager
def whole_folder(path):
    """Yield a new folder beside `path`; it takes the place of `path` if the block succeeds, else it is removed."""
    part = path.with_name(f".{path.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    with naming(path):
        try:
            yield part
            if path.exists():
                shutil.rmtree(path)
            os.replace(part, path)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def draw(figures, arguments, folder, source, settings, workers=1):
    """Save every figure that `figures(*arguments)` yields, as pairs of a name and a function, to `folder`.

    `settings` are the `Plots` of params.yaml.

    Drawing takes far longer than reading, so each of `workers` processes walks through all and draws every n-th. They are
    forks of this one, which has loaded all that draws.
    """
    shares = [(figures, arguments, folder, source, settings, slice(share, None, workers)) for share in range(workers)]
    if workers == 1:
        return draw_share(*shares[0])
    with ProcessPoolExecutor(workers - 1, mp_context=get_context("fork")) as pool:
        with ignoring_interrupts():  # the workers do, from their start; this process ends them
            others = [pool.submit(draw_share, *share) for share in shares[1:]]
        try:
            draw_share(*shares[0])
            for other in others:
                other.result()
        except BaseException:
            for worker in active_children():
                worker.terminate()
            raise


@contextmanager
def ignoring_interrupts():
    """Start processes that Ctrl-C does not reach."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])


def draw_share(figures, arguments, folder, source, settings, share):
    """Save the `share` of the figures, a slice of their order."""
    with applied(settings.dpi):
        for position, (name, function) in enumerate(figures(*arguments)):
            if position % (share.step or 1) == share.start:
                save(function(), folder / name, source, settings.pdf)
