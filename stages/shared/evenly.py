"""A choice of what is too much to show."""

import numpy as np


def evenly(items, most):
    """At most `most` of `items`, evenly spread, the first and the last among them."""
    positions = np.unique(np.linspace(0, len(items) - 1, min(len(items), most)).round().astype(int))
    return [items[position] for position in positions]
