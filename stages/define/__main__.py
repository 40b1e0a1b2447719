"""python -m stages.define NETWORK : params.yaml -> artifacts/NETWORK/network.yaml"""

from pathlib import Path

from stages.define.resolve import resolve
from stages.shared.base.command import command
from stages.shared.base.parameters import load
from stages.shared.card import write_card


def main(network):
    """Check the network's parameters and write its card."""
    write_card(Path("artifacts", network, "network.yaml"), resolve(load("params.yaml"), network))


if __name__ == "__main__":
    command(main)
