"""Maps of similarity: the cells of one measure as colours, and the key that explains what the maps of a figure show."""

from dataclasses import dataclass, field

import matplotlib
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from drillcore.figures.style import DEAD, name_ticks
from drillcore.similarity.catalogue import MEASURES, TESTED

SIGNIFICANT = 0.05
"""Pairs of a larger q-value, the false-discovery rate of debiased CKA's permutation null, are greyed."""
LEAST, LARGEST, CELL = 1.9, 3.74, 0.17
"""In inches: the least and the largest side of a map, and that of a cell which its value fits into, between the two."""
LEGIBLE, LETTER_WIDTH = 4.4, 0.56
"""The smallest size of a value that can be read, in points, and about how wide one of its characters is of that size."""
FRAME = {"fill": False, "edgecolor": "#CC3311", "linewidth": 1.2}
CROSS = {"linestyle": "", "marker": "x", "color": "#999999"}


@dataclass
class Drawn:
    """What the maps of one figure show: the key explains this and nothing else.

    The looks of the measures that are drawn, those with `undefined` cells, those with cells `beyond` the end of the colours
    for unlike; what cells are if they are `grey`; where the quantiles of nulls are, as text; and whether the `best` match
    of a row is framed.
    """

    measures: set = field(default_factory=set)
    undefined: set = field(default_factory=set)
    beyond: set = field(default_factory=set)
    grey: str = ""
    quantiles: str = ""
    best: bool = False


def by_chance(q_values):
    """Where a null that was tested found no more than chance, from its `q_values`; nowhere where there are none."""
    return None if q_values is None else q_values > SIGNIFICANT


def draw_map(axes, matrix, measure, chance, title, drawn, why=None):
    """Draw values of a `Measure` as colours, grey where `chance` is true and crossed out where they are NaN; `drawn` notes
    what, and `why` cells are grey."""
    norm, colours = scale(measure)
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
    drawn.measures.add(measure)
    drawn.undefined |= {measure} if undefined.any() else set()
    past = (matrix - measure.unlike) * (measure.alike - measure.unlike) < 0
    drawn.beyond |= {measure} if (past & ~grey).any() else set()
    if grey.any():
        drawn.grey = why or chance_text()


def frame_best(axes, positions, drawn):
    """Frame the cell of each row's best match, at the columns `positions` (rows); None for a row without."""
    for row, column in enumerate(positions):
        if column is not None:
            axes.add_patch(Rectangle((column - 0.46, row - 0.46), 0.92, 0.92, **FRAME))
            drawn.best = True


def scale(measure):
    """The range and the colours of a measure: whatever its kind, what is alike is bright yellow."""
    colours = "viridis_r" if measure.is_distance else "viridis"
    return Normalize(*sorted((measure.unlike, measure.alike))), matplotlib.colormaps[colours].with_extremes(bad="white")


def side(count):
    """How many inches high and wide a map of so many layers is: as many as the values of its cells take, if that is few."""
    return float(np.clip(CELL * count, LEAST, LARGEST))


def label_cells(axes, matrix, rows, columns):
    """Name the rows and columns of a map that is drawn, on those of its axes that are visible, and, where they fit, write
    its values, in white on dark colours."""
    inches = side(max(matrix.shape))
    for axis, names in ((axes.xaxis, columns), (axes.yaxis, rows)):
        if axis.get_visible():
            name_ticks(axis, names, inches)
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
    """Explain in a free panel what was `drawn`: the scales of colours, grey cells, crosses, frames and quantiles."""
    kinds = {measure.label: measure for measure in sorted(drawn.measures, key=lambda measure: measure.is_distance)}
    for position, (label, measure) in enumerate(kinds.items()):
        below = any(other.label == label for other in drawn.beyond)
        colour_scale(axes.inset_axes([0.08, 0.94 - 0.3 * position, 0.84, 0.06]), measure, below)
    handles = [*([Patch(color=DEAD, label=drawn.grey)] if drawn.grey else []), *cross_handles(drawn)]
    if drawn.best:
        handles.append(Patch(**FRAME, label="the row's best match, where\nbetter than the best by chance"))
    if drawn.quantiles:
        text = f"{drawn.quantiles} chance:\n95 % of permutations are less alike"
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
    wants = {measure.wants for measure in drawn.undefined}
    alone = len(wants) == 1 and any(measure.wants not in wants for measure in drawn.measures)
    why = f": {wants.pop()}" if alone and "" not in wants else ""
    return [Line2D([], [], markersize=4, label=f"undefined{why}", **CROSS)]


def colour_scale(axes, measure, below=False, orientation="horizontal"):
    """A colour bar in `axes` for a `Measure`; `below` where values lie past its end that stands for unlike."""
    ticks = np.linspace(*sorted((measure.unlike, measure.alike)), 3)
    bar = axes.figure.colorbar(ScalarMappable(*scale(measure)), cax=axes, orientation=orientation, ticks=ticks)
    sign = ("≥ " if measure.is_distance else "≤ ") if below else ""
    bar.set_ticks(ticks, labels=[f"{sign if tick == measure.unlike else ''}{tick:.2g}" for tick in ticks])
    bar.outline.set_linewidth(0.4)
    bar.set_label(measure.label, labelpad=1 if orientation == "horizontal" else 4)
