"""A network in double precision."""

from torch import nn


def make(lazy=False):
    first = nn.LazyLinear(5) if lazy else nn.Linear(64, 5)
    return nn.Sequential(nn.Flatten(), first, nn.Tanh(), nn.Linear(5, 3)).double()
