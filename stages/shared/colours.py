"""The colours of layers, classes, series and signs: everywhere the same, and told apart by colour-blind eyes too."""

import re

HUES = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"]  # Okabe and Ito 2008, for colour-blind eyes
DENSE_HUES = ["#882255", "#7A7A00", "#44AA99"]
OUTPUT, OTHER = "#333333", "#8c8c8c"
SHADES = {"": 0.0, "linear": -0.35, "batch_norm": 0.3, "relu": 0.5, "product": 0.35}
"""By part of a layer: how far its colour is mixed with black (negative) or white."""

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


def layer_of(tensor):
    """The block that a layer or tensor belongs to: `layer1.linear.weight` to `layer1`, `conv1/kernel` to `conv1`."""
    return re.split(r"[./]", tensor)[0]


def layer_colour(name):
    """The colour of a layer, a module in it or a tensor of it, everywhere the same: its name alone decides.

    Returns red, green and blue from 0 to 1.
    """
    kind, number, part = re.match(r"([^\d./]*)(\d*)[./]?([^./]*)", name).groups()
    hues = {"layer": HUES, "conv": HUES, "squeeze": HUES, "pool": HUES, "dense": DENSE_HUES, "output": [OUTPUT]}
    family = hues.get(kind, [OTHER])
    hue = family[(int(number or 1) - 1) % len(family)]
    shade = SHADES.get(part, 0.0) + {"squeeze": -0.45, "pool": 0.35}.get(kind, 0.0)
    channels = [int(hue[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    mixed = [value * (1 + shade) if shade < 0 else value + (1 - value) * shade for value in channels]
    return tuple(round(min(max(value, 0.0), 1.0), 6) for value in mixed)
