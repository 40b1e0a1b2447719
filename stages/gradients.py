"""python -m stages.gradients NETWORK : gradients.h5, replicates/ -> artifacts/NETWORK/gradient_stats.json"""

from pathlib import Path

from drillcore.artifacts.gradient_stats import GradientStats, write_gradient_stats
from drillcore.artifacts.gradients import Gradients
from drillcore.artifacts.replicates import folder_of, seeds_of
from drillcore.recording.summary import over_seeds, summarise
from stages.rig.base.command import command, progress
from stages.rig.sections import section


def main(network):
    """Tell at each threshold how the network's gradients vanished, came back and changed sign, and over its seeds."""
    folder, thresholds, trainings = Path("artifacts", network), section("gradients").thresholds, []
    for path in (folder, *(folder_of(folder, seed) for seed in seeds_of(folder))):
        with Gradients(path / Gradients.FILE) as file:
            trainings.append(summarise(file, thresholds, progress))
    write_gradient_stats(folder / GradientStats.FILE, over_seeds(trainings[0], trainings[1:]))


if __name__ == "__main__":
    command(main)
