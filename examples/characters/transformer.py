"""A small language model: a transformer in which a character sees those before it."""

import torch
from torch import nn


class LanguageModel(nn.Module):
    """Tokens (n, positions) to logits (n, positions, vocabulary)."""

    def __init__(self, vocabulary, length, width, depth, heads):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(length, width)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(width, heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True)
            for _ in range(depth)
        )
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocabulary)

    def forward(self, tokens):
        count = tokens.shape[1]
        unseen = torch.triu(torch.ones(count, count, dtype=torch.bool, device=tokens.device), 1)
        states = self.tokens(tokens) + self.positions(torch.arange(count, device=tokens.device))
        for block in self.blocks:
            states = block(states, src_mask=unseen)
        return self.head(self.norm(states))


def make(vocabulary=128, length=64, width=64, depth=2, heads=4):
    """The language model."""
    return LanguageModel(vocabulary, length, width, depth, heads)
