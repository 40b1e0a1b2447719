"""The small network, wrapped or frozen."""

import torch
from mine import make
from torch import nn


def parallel():
    return nn.DataParallel(make())


def compiled():
    return torch.compile(make(), backend="eager")


def frozen():
    return make().requires_grad_(False)
