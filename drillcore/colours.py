"""The colours of layers, classes, series and signs: everywhere the same, and told apart by colour-blind eyes too."""

import colorsys
import re
from typing import NamedTuple

HUES = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"]  # Okabe and Ito 2008, for colour-blind eyes
DENSE_HUES = ["#882255", "#7A7A00", "#44AA99"]
OUTPUT, OTHER = "#333333", "#8c8c8c"


class Kind(NamedTuple):
    """How layers of the studies' networks that are called so and numbered are drawn: by their number in one of the `hues`,
    mixed with black (a negative `shade`) or white, their lines `dashed` or not."""

    hues: list[str]
    shade: float = 0.0
    dashed: bool = False


KINDS = {
    "layer": Kind(HUES),
    "conv": Kind(HUES),
    "squeeze": Kind(HUES, -0.45, dashed=True),
    "pool": Kind(HUES, 0.35),
    "dense": Kind(DENSE_HUES),
}
SINGLE = {"input": Kind([OTHER]), "flatten": Kind([OTHER]), "output": Kind([OUTPUT])}
"""Those of which a network has one, without a number."""
SHADES = {"": 0.0, "linear": -0.35, "batch_norm": 0.3, "relu": 0.5, "product": 0.35}
"""By part of a layer: how far its colour is mixed with black (negative) or white."""

PART_DASHES = {"linear": "dash", "batch_norm": "dashdot", "relu": "dot", "product": "dot"}
DASHES = "solid", "dash", "dot", "dashdot"
SYMBOLS = "circle", "square", "triangle-up", "diamond", "triangle-down"
"""Of the lines of layers that their colours alone do not tell apart; named as plotly.js names them."""

STUDIED = re.compile(rf"({'|'.join(SINGLE)}|({'|'.join(KINDS)})\d+)([./][a-z_]+)*")
"""The names that the studies' networks give to layers and tensors."""
BY_DEPTH = ["#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962"]
"""From the first layer to the last of any other network: viridis without its ends, too dark or too light for a line."""

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

SIGNS = "negative", "positive", "large", "zero", "nan"
PALETTES = {
    "study": ["#d62728", "#2ca02c", "#ffffff", "#d4d4d4", "#000000"],
    "colourblind": ["#e66100", "#0d5fb3", "#ffffff", "#d4d4d4", "#000000"],
}
"""Colours of SIGNS: near zero and negative, near zero and positive, not near zero, exactly zero, not a number."""


MOST_GROUPS = 24
"""Into at most so many layers the tensors of a network are grouped, where its names allow it."""


def layer_of(tensor):
    """The block that a layer or tensor belongs to: `layer1.linear.weight` to `layer1`, `conv1/kernel` to `conv1`."""
    return re.split(r"[./]", tensor)[0]


def layers_of(tensors):
    """The layer that each of a network's tensors belongs to, in the studies' networks its block.

    In any other network it is the tensor's module or, where that makes more than MOST_GROUPS, the longest part of its
    name, cut at dots, slashes and underscores, that makes no more: `layer1.0.bn1.weight` is of `layer1.0`, then, and
    `block_1_expand.kernel` of `block_1`.
    """
    if all(map(STUDIED.fullmatch, tensors)):
        return [layer_of(tensor) for tensor in tensors]
    groups = [re.split(r"[./][^./]*$", tensor)[0] for tensor in tensors]
    depth = max((len(re.findall(r"[./_]", group)) for group in groups), default=0)
    while depth and len(set(groups)) > MOST_GROUPS:
        groups = [re.match(rf"[^./_]*(?:[./_]+[^./_]+){{0,{depth}}}", group)[0] for group in groups]
        depth -= 1
    return groups


def layer_colours(names):
    """The colours of a network's layers, of all of them in their order: red, green and blue from 0 to 1, by name.

    Where all names are the studies', each name alone decides; else the position in the network does, apart from the input.
    """
    if all(map(STUDIED.fullmatch, names)):
        return {name: layer_colour(name) for name in names}
    layers = [name for name in names if name != "input"]
    by_depth = {name: between(BY_DEPTH, position / max(1, len(layers) - 1)) for position, name in enumerate(layers)}
    return {name: by_depth.get(name, layer_colour(name)) for name in names}


class Mark(NamedTuple):
    """How a layer's line is drawn, apart from its colour: one of DASHES, and one of SYMBOLS at its points."""

    dash: str
    symbol: str


def layer_marks(names):
    """The `Mark` of each of a network's layers, of all of them in their order, by name.

    In the studies' networks the part of a layer decides on its dashes, and its symbol changes where the hues begin anew.
    Of any other network that has more layers than BY_DEPTH has colours, both change from layer to layer: no two of twenty
    neighbours are alike.
    """
    if all(map(STUDIED.fullmatch, names)):
        return {name: layer_mark(name) for name in names}
    layers = [name for name in names if name != "input"]
    changing = len(layers) > len(BY_DEPTH)
    marks = {
        name: Mark(DASHES[position % len(DASHES)], SYMBOLS[position % len(SYMBOLS)])
        for position, name in enumerate(layers)
        if changing
    }
    return {name: marks.get(name, Mark(DASHES[0], SYMBOLS[0])) for name in names}


def layer_mark(name):
    """The `Mark` of a layer of the studies, a module in it or a tensor of it."""
    kind, number, part = parts(name)
    turn = (int(number or 1) - 1) // len(kind.hues)
    return Mark("dash" if kind.dashed else PART_DASHES.get(part, DASHES[0]), SYMBOLS[turn % len(SYMBOLS)])


def between(stops, share):
    """The colour that lies at `share`, from 0 to 1, of the way along `stops`."""
    low = min(int(share * (len(stops) - 1)), len(stops) - 2)
    part = share * (len(stops) - 1) - low
    ends = zip(channels(stops[low]), channels(stops[low + 1]), strict=True)
    return tuple(round(a + (b - a) * part, 6) for a, b in ends)


def channels(colour):
    """Red, green and blue, from 0 to 1, of a colour like `#0072B2`."""
    return [int(colour[position : position + 2], 16) / 255 for position in (1, 3, 5)]


def class_colours(count):
    """The colours of `count` classes; beyond ten, hues all around, neighbours in three shades that are far apart."""
    if count <= len(CLASSES):
        return CLASSES[:count]
    shades = [(0.38, 0.75), (0.62, 0.65), (0.5, 0.4)]
    found = [colorsys.hls_to_rgb(index / count, *shades[index % 3]) for index in range(count)]
    return ["#" + "".join(f"{round(255 * part):02x}" for part in colour) for colour in found]


def layer_colour(name):
    """The colour of a layer of the studies, a module in it or a tensor of it, everywhere the same: its name alone decides.

    Returns red, green and blue from 0 to 1.
    """
    kind, number, part = parts(name)
    hue = kind.hues[(int(number or 1) - 1) % len(kind.hues)]
    shade = SHADES.get(part, 0.0) + kind.shade
    mixed = [value * (1 + shade) if shade < 0 else value + (1 - value) * shade for value in channels(hue)]
    return tuple(round(min(max(value, 0.0), 1.0), 6) for value in mixed)


def parts(name):
    """The `Kind` of a layer of the studies, or of a module or tensor of it, its number and its part, as text."""
    kind, number, part = re.match(r"([^\d./]*)(\d*)[./]?([^./]*)", name).groups()
    return {**KINDS, **SINGLE}.get(kind, Kind([OTHER])), number, part
