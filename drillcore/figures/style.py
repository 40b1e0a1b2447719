"""How every figure looks: its frame, its colours, and how it is saved.

A figure is a `canvas`: a headline, a line that says of which network and epoch it is, room for the drawing, and a
footer with the data's source, which `save` adds. Lengths are in inches. A function that draws is `styled`.
"""

import io
import textwrap
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import wraps
from itertools import combinations, product
from unicodedata import east_asian_width

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Bbox
from noto_cjk_sans_jp_regular import FONT_PATH

from drillcore.base.arrays import evenly
from drillcore.colours import layer_colours, layer_marks
from drillcore.figures.png import write_png
from drillcore.figures.renderer import Canvas

EDGE, FOOT, HEADLINE, LINE = 0.12, 0.36, 0.2, 0.17
"""Margin at the left and right, heights of the footer and of the lines of the head."""

LETTER = 0.065
"""About the width of a letter at the size of ticks and legends."""

FALLBACK = "Noto Sans CJK JP"
"""The font of characters that matplotlib's own lacks: Chinese, Japanese and Korean ones."""

STYLE = {
    "font.family": ["sans-serif", FALLBACK],
    "text.usetex": False,
    "text.hinting": "none",  # at this resolution it shows in nothing but the time it takes
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.2,
    "lines.markersize": 3,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "legend.handlelength": 2.4,
}

DASHES = {"solid": "-", "dash": "--", "dot": ":", "dashdot": "-."}
SYMBOLS = {"circle": "o", "square": "s", "triangle-up": "^", "diamond": "D", "triangle-down": "v"}
UNNAMED = {"linestyle": "-", "marker": "", "lw": 0.4}
"""How the lines of layers that the legend does not name are drawn, apart from their colours."""

MOST_NAMED, MOST_PAIRED, MOST_CROSSED = 24, 14, 9
"""Legends name so many lines, and maps of every two layers of a network or of two take so many: of more, an even choice."""

THRESHOLDS = ["#AA3377", "#EE8866", "#77AADD", "#999933"]

CORRELATION = matplotlib.colormaps["RdBu_r"].resampled(201)  # few enough colours for a PDF to store a byte a pixel
DEAD = "#a6a6a6"

CHANCE = {"color": "#8c8c8c", "linestyle": ":"}
"""How what chance alone gives is drawn where it is of no one layer: grey, as no layer is."""


def register_fallback():
    """Tell matplotlib of the fallback font, as bold too: headlines want that, and it has but one weight."""
    if FALLBACK not in fontManager.get_font_names():
        fontManager.addfont(str(FONT_PATH))
        fontManager.ttflist.append(replace(fontManager.ttflist[-1], weight=700))


register_fallback()


def plain(text):
    """`text` as matplotlib draws it literally: a name's dollar signs begin no formula."""
    return text.replace("$", r"\$")


def inches(text):
    """About how wide `text` is at the size of ticks and legends."""
    return LETTER * letters(text)


def letters(text):
    """How many Latin letters are about as wide as `text`."""
    return sum(2 if east_asian_width(sign) in "WF" else 1 for sign in text)


def applied(dpi: int = 150) -> AbstractContextManager[None]:
    """Return a context in which all figures get this style, and a resolution.

    The library's figures have the style anyway.

    Parameters
    ----------
    dpi : int
        Pixels for each inch.

    Returns
    -------
    context manager

    Examples
    --------
    >>> import matplotlib
    >>> import drillcore
    >>> with drillcore.figures.applied(dpi=200):
    ...     matplotlib.rcParams["figure.dpi"], matplotlib.rcParams["font.size"]
    (200.0, 8.0)
    """
    return matplotlib.rc_context({**STYLE, "figure.dpi": dpi, "savefig.dpi": "figure"})


class Drawing(Figure):
    """A figure that a notebook shows as it is, with or without pyplot."""

    def _repr_png_(self):
        content = io.BytesIO()
        self.savefig(content, format="png")
        return content.getvalue()


def styled(draw):
    """Make the function `draw`, which returns a figure, draw it in this style, unless the caller has `applied` it.

    Ticks are made when a figure is first drawn, so it is drawn here, before the caller's style is back.
    """

    @wraps(draw)
    def drawn(*arguments, **options):
        if all(matplotlib.rcParams[name] == value for name, value in STYLE.items()):
            return draw(*arguments, **options)
        with matplotlib.rc_context(STYLE):
            figure = draw(*arguments, **options)
            figure.draw_without_rendering()
            return figure

    return drawn


def canvas(
    width: float, height: float, title: str, subtitle: str = "", layout: str | None = "constrained"
) -> "Drawing":
    """A new figure with `width` x `height` inches to draw in, below the headline `title` and the line `subtitle`."""
    space = width - 2 * EDGE
    headline, line = wrap(title, space, 10.5, bold=True), wrap(subtitle, space, 8.5) if subtitle else []
    head = EDGE + HEADLINE * len(headline) + LINE * len(line) + 0.08
    dpi = matplotlib.rcParams["figure.dpi"]
    total = round((height + head + FOOT) * dpi) / dpi
    figure = Drawing((round(width * dpi) / dpi, total), layout=layout)
    if layout == "constrained":
        figure.get_layout_engine().set(
            rect=(EDGE / width, FOOT / total, space / width, (total - head - FOOT) / total), w_pad=0.06, h_pad=0.06
        )
    for text, above, size, weight in ((headline, 0, 10.5, "bold"), (line, HEADLINE * len(headline), 8.5, "normal")):
        y = 1 - (EDGE + above) / total
        figure.text(EDGE / width, y, plain("\n".join(text)), size=size, weight=weight, va="top")
    return figure


def wrap(text, space, size, bold=False, **limits):
    """`text` in lines of at most about `space` inches at a font size of `size` points; `limits` are those of textwrap."""
    narrow = len(text) / max(1, letters(text))
    return textwrap.wrap(text, max(10, int(narrow * space / (size * (0.0112 if bold else 0.0088)))), **limits) or [""]


def box(figure, left, bottom, width, height):
    """New axes at inches from the left edge and above the footer, on whole pixels so that images are drawn as they are."""
    size, dpi = figure.get_size_inches(), figure.dpi
    pixels = np.round(np.array([left, bottom + FOOT, width, height]) * dpi)
    return figure.add_axes(pixels / dpi / np.array([*size, *size]))


def save(figure, path, source, pdf=False):
    """Write `figure` with the data's `source` below it to `path`.png, and if `pdf` to `path`.pdf: always the same bytes."""
    width, height = figure.get_size_inches()
    text = "\n".join(wrap(f"Data: {source}", width - 2 * EDGE, 5.9, max_lines=2, placeholder=" ..."))
    figure.text(EDGE / width, 0.07 / height, plain(text), size=6.5, color="#666666", va="bottom", in_layout=False)
    canvas = Canvas(figure)  # before the layout, which then measures with the renderer that draws
    if figure.get_layout_engine() is not None:
        figure.get_layout_engine().execute(figure)
        figure.set_layout_engine(None)  # arranged once for both files
        for axes in figure.axes:  # the solver orders its variables by address, so the last bit is not the same twice
            axes.set_position(Bbox(axes.get_position(original=True).get_points().round(9)), "original")
    path.parent.mkdir(parents=True, exist_ok=True)
    canvas.draw()
    write_png(path.with_name(f"{path.name}.png"), np.asarray(canvas.buffer_rgba()), figure.dpi)
    if pdf:
        figure.savefig(path.with_name(f"{path.name}.pdf"), metadata={"CreationDate": None})


def layer_lines(names):
    """By name the colour, dashes and marker of the lines of a network's layers, of all of them; thin if not `named`."""
    colours, marks, shown = layer_colours(names), layer_marks(names), set(named(names))
    looks = {name: {"linestyle": DASHES[mark.dash], "marker": SYMBOLS[mark.symbol]} for name, mark in marks.items()}
    return {name: {"color": colours[name], **(looks[name] if name in shown else UNNAMED)} for name in names}


def named(names):
    """Those of a network's layers that legends name: all, or MOST_NAMED, evenly chosen; without the input, which is none."""
    return evenly([name for name in names if name != "input"], MOST_NAMED)


def pairs_of(layers, others=None):
    """The positions (i, j), i < j, of every two of MOST_PAIRED evenly chosen `layers`, and what to say of the choice; or
    those of every one of MOST_CROSSED `layers` with as many `others`."""
    most = MOST_CROSSED if others else MOST_PAIRED
    sides = [evenly(range(len(side)), most) for side in (layers, others or layers)]
    longest = max(map(len, (layers, others or layers)))
    said = f" ({most} of {longest} layers)" if longest > most else ""
    return list(product(*sides) if others else combinations(sides[0], 2)), said


def name_ticks(axis, names, space):
    """Name the positions 0, 1, 2 ... of `axis`, which has `space` inches: smaller, then fewer names where not all fit."""
    size = float(np.clip(65 * space / max(1, len(names)), 5, 8))
    shown = range(0, len(names), max(1, int(np.ceil(len(names) * size / (72 * space)))))
    axis.set_ticks(shown, [plain(names[position]) for position in shown], fontsize=size)


def epoch_axis(axes, epochs):
    """Whole epochs along x, whether there are many or one."""
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    axes.set_xlim(min(epochs) - 0.3, max(epochs) + 0.3)
    axes.set_xlabel("epoch")
    axes.grid(True)


def layer_handles(lines, undefined=()):
    """The entries of a legend for `layer_lines`; of `undefined` layers, which have no values to draw, it says so."""
    return [
        Line2D([], [], label=plain(layer) + (": undefined" if layer in undefined else ""), **lines[layer])
        for layer in named(lines)
    ]


def legend_beside(axes, handles, title=None, columns=1, layers=0):
    """A legend that has `axes` for itself; it says so where it names MOST_NAMED of more `layers`."""
    axes.axis("off")
    if layers > MOST_NAMED:
        title = "\n".join(filter(None, [title, f"{MOST_NAMED} of {layers} layers"]))
    axes.legend(
        handles=handles,
        loc="center left",
        bbox_to_anchor=(0, 0.5),
        borderaxespad=0,
        title=title,
        alignment="left",
        ncols=columns,
    )


def legend_height(entries):
    """How many inches a legend of so many entries, and a title of two lines, needs."""
    return 0.16 * min(entries, MOST_NAMED) + 0.4


def number(value):
    """A size as text: 0.01, 1e-7, 2.5e-6."""
    if 0.01 <= value < 10_000:
        return f"{value:g}"
    mantissa, power = f"{value:.5e}".split("e")
    return f"{float(mantissa):g}e{int(power)}"


def samples_text(layers):
    """How many samples the activations are of: `500 samples`."""
    count = len(next(iter(layers.values()), ()))
    return f"{count:,} sample{'s'[: count != 1]}"


def epochs_text(epochs):
    """`epoch 8`, or `epochs 0 to 8`."""
    first, last = int(min(epochs)), int(max(epochs))
    return f"epoch {last}" if first == last else f"epochs {first} to {last}"
