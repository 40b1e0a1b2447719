"""python -m stages.gradients NETWORK : artifacts/NETWORK/gradients.h5 -> artifacts/NETWORK/gradient_stats.json"""

from pathlib import Path

from stages.gradients.summary import summarise
from stages.shared.analyses import section
from stages.shared.base.command import command
from stages.shared.base.store import read, write_json


def main(network):
    """Tell at each threshold how the network's gradients vanished, came back and changed sign."""
    folder = Path("artifacts", network)
    with read(folder / "gradients.h5") as file:
        write_json(folder / "gradient_stats.json", summarise(file, section("gradients").thresholds))


if __name__ == "__main__":
    command(main)
