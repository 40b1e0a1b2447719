"""Random augmentations of one image, by torchvision's transforms."""

import numpy as np
import torch
from torchvision.transforms import v2

TRANSFORM = v2.Compose(
    [
        v2.RandomAffine(
            degrees=20, translate=(0.1, 0.1), scale=(0.85, 1.15), shear=10, interpolation=v2.InterpolationMode.BILINEAR
        ),
        v2.ToDtype(torch.float32, scale=True),
        v2.RandomErasing(p=0.3, scale=(0.02, 0.1)),
        v2.GaussianNoise(sigma=0.05),
        v2.ToDtype(torch.uint8, scale=True),
    ]
)
"""Rotation, shift, scale and shear always, an erased rectangle in three of ten, and noise always."""


def augment(image, count, seed=0):
    """Return `count` random augmentations of one uint8 `image` (h, w, c), as uint8 (count, h, w, c)."""
    torch.manual_seed(seed)
    source = torch.from_numpy(image).permute(2, 0, 1)
    return np.stack([TRANSFORM(source).permute(1, 2, 0).numpy() for _ in range(count)])
