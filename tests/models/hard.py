"""A network of 2 classes without blocks at its top, with layers that return tuples, or nothing, and a weight norm."""

from torch import nn
from torch.nn.utils.parametrizations import weight_norm


class Attention(nn.Linear):
    def forward(self, images):
        return super().forward(images), None


class Silent(nn.Linear):
    def forward(self, images):
        return None


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.ModuleDict({"attn": Attention(64, 64), "mlp": nn.Linear(64, 64), "silent": Silent(1, 1)})
            for _ in range(2)
        )
        self.head = weight_norm(nn.Linear(64, 2))

    def forward(self, images):
        features = images.flatten(1)
        for block in self.blocks:
            block["silent"](features)
            features = block["mlp"](block["attn"](features)[0])
        return self.head(features)
