"""How every figure looks: its frame, its colours, and how it is saved.

A figure is a `canvas`: a headline, a line that says of which network and epoch it is, room for the drawing, and a
footer with the data's source, which `save` adds. Lengths are in inches. Draw within `applied()`.
"""

import re
import textwrap

import matplotlib
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Bbox

EDGE, FOOT, HEADLINE, LINE = 0.12, 0.36, 0.2, 0.17
"""Margin at the left and right, heights of the footer and of the lines of the head."""

STYLE = {
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

HUES = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"]  # Okabe and Ito 2008, for colour-blind eyes
DENSE_HUES = ["#882255", "#7A7A00", "#44AA99"]
OUTPUT, OTHER = "#333333", "#8c8c8c"
SHADES = {"": 0.0, "linear": -0.35, "batch_norm": 0.3, "relu": 0.5, "product": 0.35}
"""By part of a layer: how far its colour is mixed with black (negative) or white."""
DASHES = {"": "-", "linear": "--", "batch_norm": "-.", "relu": ":", "product": (0, (1, 1))}

CLASSES = ["#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"]
"""Ten colours to tell classes apart, for colour-blind eyes too (Petroff 2021, arXiv 2107.02270)."""

SERIES = {
    "zeros": "#0072B2",
    "exact_zeros": "#8c8c8c",
    "retained": "#E69F00",
    "released": "#D55E00",
    "flips": "#333333",
    "minima": "#009E73",
    "maxima": "#CC79A7",
}
THRESHOLDS = ["#AA3377", "#EE8866", "#77AADD", "#999933"]

CORRELATION = matplotlib.colormaps["RdBu_r"].resampled(201)  # few enough colours for a PDF to store a byte a pixel
DEAD = "#a6a6a6"


def applied(dpi=150):
    """A context in which figures get this style."""
    return matplotlib.rc_context({**STYLE, "figure.dpi": dpi, "savefig.dpi": "figure"})


def canvas(width, height, what, where, layout="constrained"):
    """A new figure with `width` x `height` inches to draw in, below the headline `what` and the line `where`."""
    room = width - 2 * EDGE
    headline, line = wrap(what, room, 10.5, bold=True), wrap(where, room, 8.5)
    head = EDGE + HEADLINE * len(headline) + LINE * len(line) + 0.08
    dpi = matplotlib.rcParams["figure.dpi"]
    total = round((height + head + FOOT) * dpi) / dpi
    figure = Figure((round(width * dpi) / dpi, total), layout=layout)
    if layout == "constrained":
        figure.get_layout_engine().set(
            rect=(EDGE / width, FOOT / total, room / width, (total - head - FOOT) / total), w_pad=0.06, h_pad=0.06
        )
    for text, above, size, weight in ((headline, 0, 10.5, "bold"), (line, HEADLINE * len(headline), 8.5, "normal")):
        y = 1 - (EDGE + above) / total
        figure.text(EDGE / width, y, "\n".join(text), size=size, weight=weight, va="top", in_layout=False)
    return figure


def wrap(text, room, size, bold=False):
    """`text` in lines of at most about `room` inches at a font size of `size` points."""
    return textwrap.wrap(text, max(10, int(room / (size * (0.0112 if bold else 0.0088))))) or [""]


def box(figure, left, bottom, width, height):
    """New axes at inches from the left edge and above the footer, on whole pixels so that images are drawn as they are."""
    size, dpi = figure.get_size_inches(), figure.dpi
    pixels = np.round(np.array([left, bottom + FOOT, width, height]) * dpi)
    return figure.add_axes(pixels / dpi / np.array([*size, *size]))


def save(figure, path, source):
    """Write `figure` to `path`.png and .pdf with the data's `source` below it: the same bytes every time."""
    width, height = figure.get_size_inches()
    lines = textwrap.wrap(f"Data: {source}", int((width - 2 * EDGE) / 0.052), max_lines=2, placeholder=" ...")
    figure.text(EDGE / width, 0.07 / height, "\n".join(lines), size=6.5, color="#666666", va="bottom", in_layout=False)
    if figure.get_layout_engine() is not None:
        figure.get_layout_engine().execute(figure)
        figure.set_layout_engine(None)  # arranged once for both files
        for axes in figure.axes:  # the solver orders its variables by address, so the last bit is not the same twice
            axes.set_position(Bbox(axes.get_position(original=True).get_points().round(9)), "original")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path.with_name(f"{path.name}.png"), metadata={"Software": None}, pil_kwargs={"compress_level": 2})
    figure.savefig(path.with_name(f"{path.name}.pdf"), metadata={"CreationDate": None})


def layer_of(tensor):
    """The block that a layer or tensor belongs to: `layer1.linear.weight` to `layer1`, `conv1/kernel` to `conv1`."""
    return re.split(r"[./]", tensor)[0]


def layer_colour(name):
    """The colour of a layer, a module in it or a tensor of it, everywhere the same: its name alone decides."""
    kind, number, part = re.match(r"([^\d./]*)(\d*)[./]?([^./]*)", name).groups()
    hues = {"layer": HUES, "conv": HUES, "squeeze": HUES, "pool": HUES, "dense": DENSE_HUES, "output": [OUTPUT]}
    family = hues.get(kind, [OTHER])
    hue = np.array(to_rgb(family[(int(number or 1) - 1) % len(family)]))
    shade = SHADES.get(part, 0.0) + {"squeeze": -0.45, "pool": 0.35}.get(kind, 0.0)
    return tuple((hue * (1 + shade) if shade < 0 else hue + (1 - hue) * shade).clip(0, 1).round(6).tolist())


def layer_line(name):
    """The colour and dashes of a layer's line: squeezes are dashed."""
    kind, part = re.match(r"([^\d./]*)\d*[./]?([^./]*)", name).groups()
    return {"color": layer_colour(name), "linestyle": "--" if kind == "squeeze" else DASHES.get(part, "-")}


def class_colours(count):
    """Colours of `count` classes, (count, 3)."""
    if count <= len(CLASSES):
        return np.array([to_rgb(colour) for colour in CLASSES[:count]])
    return matplotlib.colormaps["turbo"](np.linspace(0, 1, count))[:, :3]


def epoch_axis(axes, epochs):
    """Whole epochs along x, whether there are many or one."""
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    axes.set_xlim(min(epochs) - 0.3, max(epochs) + 0.3)
    axes.set_xlabel("epoch")
    axes.grid(True)


def legend_beside(axes, handles, title=None, columns=1):
    """A legend that has `axes` for itself."""
    axes.axis("off")
    axes.legend(
        handles=handles,
        loc="center left",
        bbox_to_anchor=(0, 0.5),
        borderaxespad=0,
        title=title,
        alignment="left",
        ncols=columns,
    )


def number(value):
    """A size as text: 0.01, 1e-7, 2.5e-6."""
    if 0.01 <= value < 10_000:
        return f"{value:g}"
    mantissa, power = f"{value:.5e}".split("e")
    return f"{float(mantissa):g}e{int(power)}"


def epochs_text(epochs):
    """`epoch 8`, or `epochs 0 to 8`."""
    first, last = int(min(epochs)), int(max(epochs))
    return f"epoch {last}" if first == last else f"epochs {first} to {last}"
