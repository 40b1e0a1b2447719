"""A network that imports files of its package, and one beside it, in every way."""

import pkg.deep.sizes  # noqa: F401
from torch import nn

from ..blocks import convolution as outer
from . import sizes
from .blocks import convolution  # noqa: F401


def make():
    return nn.Sequential(outer(4), nn.Flatten(), nn.Linear(4 * 36, sizes.CLASSES))


def fails():
    return sizes.fails()
