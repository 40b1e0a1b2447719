"""An autoencoder: a perceptron that squeezes an image to a few numbers and makes it again from these."""

from collections import OrderedDict

from torch import nn


def make(height=8, width=8, code=8):
    """The autoencoder, for grey images of that size."""
    pixels = height * width
    parts = {
        "flatten": nn.Flatten(),
        "encoder": nn.Sequential(nn.Linear(pixels, 64), nn.ReLU()),
        "code": nn.Linear(64, code),
        "decoder": nn.Sequential(nn.Linear(code, 64), nn.ReLU()),
        "pixels": nn.Linear(64, pixels),
        "image": nn.Unflatten(1, (1, height, width)),
    }
    return nn.Sequential(OrderedDict(parts))
