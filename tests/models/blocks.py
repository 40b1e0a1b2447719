"""A block of a network."""

from torch import nn


def convolution(width):
    return nn.Sequential(nn.Conv2d(1, width, 3), nn.ReLU())
