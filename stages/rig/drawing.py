"""From a list of figures to a folder that holds them all: whole, or not there."""

import gc
import os
import shutil
import signal
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import groupby, product
from multiprocessing import active_children, get_context
from operator import itemgetter

from threadpoolctl import threadpool_limits

import stages.rig.repeated  # noqa: F401
from drillcore.base.store import naming
from drillcore.figures.style import applied, save
from stages.rig.base.process import end_with_parent


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
    # A worker holds what this process has open, its lock too: one that outlived it would let nobody draw again.
    with ProcessPoolExecutor(workers - 1, mp_context=get_context("fork"), initializer=end_with_parent) as pool:
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
    # The threads of BLAS, waiting for each other, take several times what small matrices take on one.
    with threadpool_limits(1, "blas"), applied(settings.dpi), figure_by_figure() as after_each:
        for position, (function, named) in enumerate(groupby(figures(*arguments), itemgetter(1))):
            if position % (share.step or 1) == share.start:
                figure = function()  # before the next name is asked for, which may close the file of this one
                save_as(figure, [folder / name for name, _ in named], source, settings.pdf)
                del figure
                after_each()


def save_as(figure, paths, source, pdf):
    """Draw a `figure` once, and save it at each of the `paths`."""
    first, *others = paths
    save(figure, first, source, pdf)
    for other, ending in product(others, ["png", "pdf"][: 1 + pdf]):
        shutil.copyfile(first.with_name(f"{first.name}.{ending}"), other.with_name(f"{other.name}.{ending}"))


@contextmanager
def figure_by_figure():
    """Yield a function that frees what the last figure left, and let nothing else look for garbage.

    A figure is a web of cycles, thousands of objects that live until it is saved: to look for garbage meanwhile finds none.
    """
    gc.disable()
    try:
        yield partial(gc.collect, 0)  # all that is new
    finally:
        gc.enable()
