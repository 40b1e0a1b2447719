"""python -m tests.training.child_slow_modules FOLDER : train a small network there; prints which slow modules that loaded."""

import sys
from pathlib import Path

import numpy as np

from stages.rig.card import Mlp
from stages.rig.images import Split
from stages.rig.torch.training import train

CARD = {"name": "net", "dataset": "mine", "input": [4, 4, 1], "seed": 0, "framework": "torch", "layers": [3]}

if __name__ == "__main__":
    images, labels = np.random.default_rng(0).integers(0, 256, (20, 4, 4, 1), np.uint8), np.arange(20) % 2
    split = Split(images, labels, ["a", "b"], "a test")
    train(Mlp(**CARD, training={"epochs": 1}), split, split, Path(sys.argv[1], "net"))
    print(*{"torch._dynamo", "sklearn"} & sys.modules.keys())
