"""python -m stages.train NETWORK : artifacts/NETWORK/network.yaml, data/<dataset>.h5 -> artifacts/NETWORK/...

It writes checkpoints/, states/, tensorboard/, history.csv, metrics.json, gradients.h5 and, of further seeds, replicates/.
They grow in artifacts/NETWORK/training/ (`tensorboard --logdir artifacts` shows them live) and get their places when
all are whole.
Killed, it goes on after its last complete epoch when it is called again, and ends as if it had never been killed.
A pretrained network is only evaluated, and its checkpoints stored as those of a training.
"""

import os
import shutil
from pathlib import Path

from stages.rig.base.command import command
from stages.rig.card import read_card
from stages.rig.frameworks import module
from stages.rig.images import load_split
from stages.rig.training.batches import shuffled
from stages.rig.training.pretrained import store_pretrained
from stages.rig.training.replicates import train_replicates
from stages.rig.training.resume import claim, recipe_of
from stages.rig.training.spikes import naming_replays

OUTPUTS = ["checkpoints", "states", "tensorboard", "history.csv", "metrics.json", "gradients.h5", "replicates"]


def main(network):
    """Train the network and record its gradients."""
    folder = Path("artifacts", network)
    card = read_card(folder / "network.yaml")
    training, validation = load_split(card, "train"), load_split(card, "test")
    framework = module(card.framework, "pretrained" if card.pretrained() else "training")
    unfinished = folder / "training"
    recipe = recipe_of(card, [folder / "network.yaml", Path("data", f"{card.dataset}.h5")])
    state = claim(unfinished, recipe)
    if not (unfinished / "gradients.h5").exists():  # it gets its name when all else is there
        if card.pretrained():
            store_pretrained(framework, card, validation, unfinished)
        else:
            with naming_replays(card.name, card.training.epochs * len(shuffled(card, training))):
                framework.train(card, training, validation, unfinished, state)
    replicate = None if card.pretrained() else framework.replicate
    train_replicates(replicate, card, training, validation, unfinished)
    publish(unfinished, folder)


def publish(unfinished, folder):
    """Give what a training made its final places; until all have them `unfinished` stays, so that nothing is lost."""
    for name in OUTPUTS:
        source, part, target = unfinished / name, folder / f".{name}.part", folder / name
        for old in (part, target):
            shutil.rmtree(old) if old.is_dir() else old.unlink(missing_ok=True)
        if source.is_dir():
            shutil.copytree(source, part, copy_function=link)
        else:
            link(source, part)
        os.replace(part, target)
    shutil.rmtree(unfinished)


def link(source, target):
    """Give a file a second name, or where the file system has no such thing, a copy."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


if __name__ == "__main__":
    command(main)
