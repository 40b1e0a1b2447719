"""python -m stages.gradients NETWORK : artifacts/NETWORK/gradients.h5 -> artifacts/NETWORK/gradient_stats.json"""

from pathlib import Path

from drillcore.artifacts.gradient_stats import GradientStats, write_gradient_stats
from drillcore.artifacts.gradients import Gradients
from drillcore.recording.summary import summarise
from stages.rig.base.command import command, progress
from stages.rig.sections import section


def main(network):
    """Tell at each threshold how the network's gradients vanished, came back and changed sign."""
    folder = Path("artifacts", network)
    with Gradients(folder / Gradients.FILE) as file:
        statistics = summarise(file, section("gradients").thresholds, progress)
    write_gradient_stats(folder / GradientStats.FILE, statistics)


if __name__ == "__main__":
    command(main)
