"""Layers of complex numbers, and TorchScript."""

import torch
from torch import nn


class Spectrum(nn.Module):
    def forward(self, images):
        return torch.fft.fft2(images)


class Real(nn.Module):
    def forward(self, images):
        return images.real


def complex():
    return nn.Sequential(Spectrum(), Real(), nn.Flatten(), nn.Linear(64, 3))


def traced():
    return torch.jit.trace(nn.Sequential(nn.Flatten(), nn.Linear(64, 3)), torch.ones(2, 1, 8, 8))
