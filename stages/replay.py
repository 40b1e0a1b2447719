"""python -m stages.replay NAME : a network's states, checkpoints, gradients.h5, data -> artifacts/replays/NAME.h5

NAME is one of `replays` in params.yaml. Of any network, in artifacts/replays/NETWORK-100-130.h5:
python -m stages.replay NETWORK --steps 100:130 --with same_batch,curvature,noise,dump --tensors "output.*"
"""

import os

from stages.rig.base.command import command
from stages.rig.base.parameters import load
from stages.rig.replays import run, window_of


def main(name, *, steps="", with_="", tensors=""):
    """Live steps of a training through once more, the first and the last included, under instruments.

    Name a replay of params.yaml, or a network and its steps.
    """
    os.environ.setdefault(
        "OMP_NUM_THREADS", str(load("params.yaml")["threads"])
    )  # as the training's: sums depend on it
    run(*window_of(name, steps, with_, tensors))


if __name__ == "__main__":
    command(main)
