"""Maps of similarity: the cells of one measure as colours, and the key that explains what the maps of a figure show."""

from dataclasses import dataclass, field

import matplotlib
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from drillcore.figures.style import DEAD, name_ticks
from drillcore.similarity.catalogue import MEASURES, TESTED

SIGNIFICANT = 0.05
"""Pairs of a larger q-value, the false-discovery rate of debiased CKA's permutation null, are greyed."""
LEAST, LARGEST, CELL = 1.9, 3.74, 0.17
"""In inches: the least and the largest side of a map, and that of a cell which its value fits into, between the two."""
LEGIBLE, LETTER_WIDTH = 4.4, 0.56
"""The smallest size of a value that can be read, in points, and about how wide one of its characters is of that size."""
CROSS = {"linestyle": "", "marker": "x", "color": "#999999"}


@dataclass
class Drawn:
    """What the maps of one figure show: the key explains this and nothing else.

    `measures` that are drawn, those with `undefined` cells, those with cells `beyond` the end of the colours for unlike,
    and whether some cells are `grey` or hold linear CKA's `floor`.
    """

    measures: set = field(default_factory=set)
    undefined: set = field(default_factory=set)
    beyond: set = field(default_factory=set)
    grey: bool = False
    floor: bool = False


def by_chance(q_values):
    """Where a null that was tested found no more than chance, from its `q_values`; nowhere where there are none."""
    return None if q_values is None else q_values > SIGNIFICANT


def draw_map(axes, matrix, name, chance, title, drawn):
    """Draw the measure `name` as colours, grey where `chance` is true and crossed out where it is NaN; `drawn` notes what."""
    measure, (norm, colours) = MEASURES[name], scale(name)
    image = colours(norm(np.ma.masked_invalid(matrix)))
    undefined = np.isnan(matrix)
    grey = ~undefined & (False if chance is None else chance)
    image[grey, :3] = to_rgb(DEAD)
    axes.imshow(image, aspect="auto", interpolation="nearest")
    rows, columns = np.nonzero(undefined)
    size = min(3.5, 100 / max(matrix.shape))
    axes.plot(columns, rows, markersize=size, mew=size / 5, **CROSS)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_title(title)
    drawn.measures.add(name)
    drawn.undefined |= {name} if undefined.any() else set()
    past = (matrix - measure.unlike) * (measure.alike - measure.unlike) < 0
    drawn.beyond |= {name} if (past & ~grey).any() else set()
    drawn.grey |= bool(grey.any())


def scale(name):
    """The range and the colours of a measure: whatever its kind, what is alike is bright yellow."""
    measure = MEASURES[name]
    colours = "viridis_r" if measure.is_distance else "viridis"
    return Normalize(*sorted((measure.unlike, measure.alike))), matplotlib.colormaps[colours].with_extremes(bad="white")


def side(count):
    """How many inches high and wide a map of so many layers is: as many as the values of its cells take, if that is few."""
    return float(np.clip(CELL * count, LEAST, LARGEST))


def label_cells(axes, matrix, rows, columns):
    """Name the rows and columns of a map that is drawn and, where they fit, write its values, in white on dark colours."""
    inches = side(max(matrix.shape))
    name_ticks(axes.xaxis, columns, inches)
    name_ticks(axes.yaxis, rows, inches)
    axes.tick_params(axis="x", rotation=90)
    texts = {
        place: f"{value:.2f}".replace("-0.00", "0.00") for place, value in np.ndenumerate(matrix) if value == value
    }
    longest = max(map(len, texts.values()), default=1)
    size = min(7.0, 0.9 * 72 * inches / max(matrix.shape) / (LETTER_WIDTH * longest))
    if size < LEGIBLE:
        return
    dark = axes.images[0].get_array()[..., :3] @ [0.3, 0.6, 0.1] < 0.45
    for (row, column), text in texts.items():
        style = {"ha": "center", "va": "center", "size": size, "color": "white" if dark[row, column] else "black"}
        # None reaches out of the map, and to measure them takes longer than to draw them.
        axes.text(column, row, text, in_layout=False, **style)


def explain(axes, drawn):
    """Explain in a free panel what was `drawn`: the scales of colours, grey cells, crosses and the floor."""
    kinds = {MEASURES[name].label: name for name in MEASURES if name in drawn.measures}
    for position, (label, name) in enumerate(kinds.items()):
        below = any(MEASURES[other].label == label for other in drawn.beyond)
        colour_scale(axes.inset_axes([0.08, 0.94 - 0.3 * position, 0.84, 0.06]), name, below)
    handles = [*([Patch(color=DEAD, label=chance_text())] if drawn.grey else []), *cross_handles(drawn)]
    if drawn.floor:
        text = "below linear CKA's diagonal,\nits floor: noise of that shape"
        handles.append(Line2D([], [], linestyle="", label=text))
    if handles:
        axes.legend(handles=handles, loc="lower left", borderaxespad=0, handlelength=1.2, fontsize=7)


def chance_text():
    """What grey cells are."""
    return f"no more than chance:\nq > {SIGNIFICANT:g} ({MEASURES[TESTED].title})"


def cross_handles(drawn):
    """The entry of a key for crosses, where there are any.

    Layers without variance have no value in any measure; where some measures alone have none, they lack what they want.
    """
    if not drawn.undefined:
        return []
    wants = {MEASURES[name].wants for name in drawn.undefined}
    alone = len(wants) == 1 and any(MEASURES[name].wants not in wants for name in drawn.measures)
    why = f": {wants.pop()}" if alone and "" not in wants else ""
    return [Line2D([], [], markersize=4, label=f"undefined{why}", **CROSS)]


def colour_scale(axes, name, below=False, orientation="horizontal"):
    """A colour bar in `axes` for the measure `name`; `below` where values lie past its end that stands for unlike."""
    measure = MEASURES[name]
    ticks = np.linspace(*sorted((measure.unlike, measure.alike)), 3)
    bar = axes.figure.colorbar(ScalarMappable(*scale(name)), cax=axes, orientation=orientation, ticks=ticks)
    sign = ("≥ " if measure.is_distance else "≤ ") if below else ""
    bar.set_ticks(ticks, labels=[f"{sign if tick == measure.unlike else ''}{tick:.2g}" for tick in ticks])
    bar.outline.set_linewidth(0.4)
    bar.set_label(measure.label, labelpad=1 if orientation == "horizontal" else 4)
