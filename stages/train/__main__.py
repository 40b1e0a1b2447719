"""python -m stages.train NETWORK : artifacts/NETWORK/network.yaml, data/<dataset>.h5 -> artifacts/NETWORK/...

It writes checkpoints/, tensorboard/, history.csv, metrics.json and gradients.h5. While it runs they grow in
artifacts/NETWORK/training/ (`tensorboard --logdir artifacts` shows them live) and move to their places when all are
whole.
"""

import os
import shutil
from pathlib import Path

from stages.shared.base.command import command
from stages.shared.card import read_card
from stages.shared.images import load_split

OUTPUTS = ["checkpoints", "tensorboard", "history.csv", "metrics.json", "gradients.h5"]


def main(network):
    """Train the network and record its gradients."""
    folder = Path("artifacts", network)
    card = read_card(folder / "network.yaml")
    if card.framework == "keras":
        from stages.train.keras_training import train
    else:
        from stages.train.torch_training import train
    unfinished = folder / "training"
    shutil.rmtree(unfinished, ignore_errors=True)
    train(card, load_split(card, "train"), load_split(card, "test"), unfinished)
    publish(unfinished, folder)


def publish(unfinished, folder):
    """Move what a training made to its final place."""
    for name in OUTPUTS:
        if (folder / name).is_dir():
            shutil.rmtree(folder / name)
        os.replace(unfinished / name, folder / name)
    unfinished.rmdir()


if __name__ == "__main__":
    command(main)
