"""python -m tests.docs.child_library DOCUMENT ... : runs the blocks of Python of each document in a folder of its own."""

import re
import sys
from contextlib import chdir
from pathlib import Path

import keras
import numpy as np
import torch

import drillcore  # noqa: F401 - before an optimiser is made: it lets Triton follow TensorFlow

RANDOM = np.random.default_rng(0)


class Trainer:
    """A trainer of some library, with a loop of its own."""

    def __init__(self, optimizer, batches):
        self.optimizer, self.batches = optimizer, batches

    def fit(self, model):
        for images, labels in self.batches:
            self.optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(images), labels).backward()
            self.optimizer.step()


def user():
    """What the documents' code takes for granted: a user's models, data and training loop."""
    images, labels = torch.tensor(RANDOM.normal(size=(12, 5)), dtype=torch.float32), torch.arange(12) % 3
    model = torch.nn.Sequential()
    model.add_module("layer1", torch.nn.Linear(5, 4))
    model.add_module("layer2", torch.nn.Linear(4, 3))
    keras_model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)])
    keras_model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    optimizer, batches = torch.optim.SGD(model.parameters(), 0.1), [(images, labels)] * 3
    return {
        "model": model,
        "images": images,
        "labels": labels,
        "batches": batches,
        "optimizer": optimizer,
        "trainer": Trainer(optimizer, batches),
        "loss_function": torch.nn.functional.cross_entropy,
        "keras_model": keras_model,
        "x": images.numpy(),
        "y": labels.numpy(),
    }


if __name__ == "__main__":
    for document in map(Path, sys.argv[1:]):
        names = user()
        Path(document.stem).mkdir()
        with chdir(document.stem):
            for block in re.findall(r"^```python\n(.*?)^```", document.read_text(), re.MULTILINE | re.DOTALL):
                exec(block, names)
        assert names["outputs"]["layer2"].shape == (12, 3)
