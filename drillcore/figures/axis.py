"""Figures of a network whose checkpoints are counted by steps, and not by epochs, say so."""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.text import Text

from drillcore.artifacts.network import axis_of

EPOCH = re.compile(r"\bepoch(?=s?\b|_\d)")


def counted(
    folder: Path, figures: Iterable[tuple[str, Callable[[], Figure]]]
) -> Iterator[tuple[str, Callable[[], Figure]]]:
    """The names and functions of `figures` of the network in `folder`, in the words of its axis."""
    axis = axis_of(folder)
    for name, draw in figures:
        yield (name, draw) if axis == "epoch" else (EPOCH.sub(axis, name), partial(worded, draw, axis))


def worded(draw: Callable[[], Figure], axis: str) -> Figure:
    """The figure that `draw` makes, with the word `axis` wherever it says epoch: every text of a figure is in it."""
    figure = draw()
    for text in figure.findobj(Text):
        text.set_text(EPOCH.sub(axis, text.get_text()))
    return figure
