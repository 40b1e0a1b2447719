"""python -m stages.gradients NETWORK : artifacts/NETWORK/gradients.h5 -> artifacts/NETWORK/gradient_stats.json"""

from pathlib import Path

from drillcore.base.store import read, write_json
from drillcore.recording.summary import summarise
from stages.rig.base.command import command, progress
from stages.rig.sections import section


def main(network):
    """Tell at each threshold how the network's gradients vanished, came back and changed sign."""
    folder = Path("artifacts", network)
    with read(folder / "gradients.h5") as file:
        write_json(folder / "gradient_stats.json", summarise(file, section("gradients").thresholds, progress))


if __name__ == "__main__":
    command(main)
