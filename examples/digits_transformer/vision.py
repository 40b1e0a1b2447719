"""A small vision transformer, after Dosovitskiy et al. 2021, arXiv 2010.11929."""

import torch
from torch import nn


class VisionTransformer(nn.Module):
    """Images (n, 1, 8, 8) in patches of 2x2 pixels, with a class token, to logits (n, classes)."""

    def __init__(self, width, depth, heads, classes):
        super().__init__()
        self.patches = nn.Conv2d(1, width, 2, stride=2)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(torch.randn(1, 17, width) * 0.02)
        self.blocks = nn.Sequential(
            *(
                nn.TransformerEncoderLayer(width, heads, 2 * width, 0.0, "gelu", batch_first=True, norm_first=True)
                for _ in range(depth)
            )
        )
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, classes)

    def forward(self, images):
        tokens = self.patches(images).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(len(tokens), -1, -1), tokens], 1) + self.positions
        return self.head(self.norm(self.blocks(tokens)[:, 0]))


def make(width=32, depth=3, heads=4, classes=10):
    """The transformer."""
    return VisionTransformer(width, depth, heads, classes)
