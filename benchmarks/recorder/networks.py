"""The networks in PyTorch that the recorder is measured on, with random batches; PyTorch is loaded when one is made."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Network(NamedTuple):
    """Its number of `parameters` and, each called without arguments, what makes it and a batch (inputs, targets)."""

    parameters: int
    make: Callable
    batch: Callable


def images(samples, *shape):
    """Noise, and random classes of ten."""
    generator = np.random.default_rng(0)
    return generator.random((samples, *shape), np.float32), generator.integers(10, size=samples)


def tokens(samples, length, vocabulary):
    """Random tokens, each of which is to be followed by the next."""
    text = np.random.default_rng(0).integers(vocabulary, size=(samples, length + 1))
    return text[:, :-1].copy(), text[:, 1:].copy()


def perceptron():
    """A perceptron of the digits with batch normalisation."""
    from torch import nn

    layers = []
    for before, after in ((784, 512), (512, 256), (256, 128)):
        layers += [nn.Linear(before, after), nn.BatchNorm1d(after), nn.ReLU()]
    return nn.Sequential(nn.Flatten(), *layers, nn.Linear(128, 10))


def resnet18():
    """torchvision's, for ten classes."""
    from torchvision.models import resnet18

    return resnet18(num_classes=10)


def transformer(vocabulary, context, width, layers, heads):
    """A decoder of GPT-2's shape: learned positions, normalised first, GELU, the output's weights those of the input."""
    import torch
    from torch import nn

    class Transformer(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
            block = nn.TransformerEncoderLayer(width, heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True)
            self.blocks = nn.TransformerEncoder(block, layers, nn.LayerNorm(width), enable_nested_tensor=False)

        def forward(self, text):
            length = text.shape[1]
            mask = nn.Transformer.generate_square_subsequent_mask(length)
            features = self.blocks(self.tokens(text) + self.positions(torch.arange(length)), mask, is_causal=True)
            return features @ self.tokens.weight.T

    return Transformer()


NETWORKS = {
    "mlp": Network(569_226, perceptron, lambda: images(128, 1, 28, 28)),
    "resnet18": Network(11_181_642, resnet18, lambda: images(32, 3, 64, 64)),
    "transformer": Network(834_304, lambda: transformer(256, 64, 128, 4, 4), lambda: tokens(32, 64, 256)),
    "gpt2": Network(124_439_808, lambda: transformer(50_257, 1024, 768, 12, 12), lambda: tokens(2, 128, 50_257)),
}
