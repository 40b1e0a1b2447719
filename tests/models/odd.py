"""Networks with something unusual about their weights, layers or outputs."""

import random

import numpy
import torch
from torch import nn


class Odd(nn.Module):
    def __init__(self, **parts):
        super().__init__()
        self.head = nn.Linear(64, 3)
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, images):
        return self.head(images.flatten(1))


class Uneven(Odd):
    def forward(self, images):
        self.mean(images.mean())
        self.tokens(images.reshape(-1, 16))
        return self.head(self.extra(images.flatten(1)) if self.training else images.flatten(1))


class Keeping(nn.Linear):
    def get_extra_state(self):
        return {"version": 2}


class Typed(Odd):
    def forward(self, images):
        return self.head(images.flatten(1).to(self.head.weight.dtype)).float()


def uneven():
    return Uneven(mean=nn.Identity(), tokens=nn.Identity(), extra=nn.Linear(64, 64))


def keeping():
    return Odd(head=Keeping(64, 3))


def typed(name):
    return Typed().to(getattr(torch, name))


def rotated():
    return Odd(turn=nn.Parameter(torch.ones(2, dtype=torch.complex64)))


def double():
    return Odd().double()


def frozen():
    return Odd().requires_grad_(False)


def probable():
    return nn.Sequential(Odd(), nn.Softmax(1))


def normed():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 3), nn.BatchNorm1d(3))


def lazy():
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(4), nn.LazyBatchNorm1d(), nn.Linear(4, 3))


def noisy():
    odd = Odd()
    odd.head.bias.data[:2] = torch.tensor([random.random(), numpy.random.random()])
    return odd


def bare():
    return type("Bare", (nn.Linear,), {"forward": lambda self, images: images.flatten(1)[:, :3]})(1, 1)


class Mute(nn.Linear):
    def forward(self, images):
        return {"features": None}


def mute():
    return nn.Sequential(Mute(64, 3))
