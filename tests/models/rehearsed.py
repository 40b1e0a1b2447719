"""Networks whose first training step fails, and one that trains."""

import sys

import torch
from torch import nn


class Sparse(nn.Module):
    def __init__(self):
        super().__init__()
        self.levels, self.head = nn.Embedding(256, 4, sparse=True), nn.Linear(4, 3)

    def forward(self, images):
        return self.head(self.levels((images * 255).long().flatten(1)).mean(1))


class InPlace(nn.Sequential):
    def forward(self, images):
        features = self[1](self[0](images)).sigmoid()
        return self[2](features + features.mul_(2))


def inplace():
    return InPlace(nn.Flatten(), nn.Linear(64, 5), nn.Linear(5, 3))


class Detached(nn.Linear):
    def forward(self, images):
        return super().forward(images.flatten(1)).detach()


def detached():
    return nn.Sequential(Detached(64, 3))


class Leaving(nn.Linear):
    def forward(self, images):
        if torch.is_grad_enabled():
            sys.exit("no gradients here")
        return super().forward(images.flatten(1))


def leaving():
    return nn.Sequential(Leaving(64, 3))


def make(width=5):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.BatchNorm1d(width), nn.Linear(width, 3))
