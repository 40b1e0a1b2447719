"""python -m stages.plots_of_replays NAME : artifacts/replays/NAME.h5 -> reports/NAME/

What instruments measured in a window of a training, step by step.
"""

from pathlib import Path

from drillcore.artifacts.replay import ReplayFile, replay_path
from drillcore.figures.replays import figures
from stages.rig.base.command import command
from stages.rig.drawing import draw, whole_folder
from stages.rig.sections import section


def main(name):
    """Draw the replay `name`."""
    path = replay_path("artifacts", name)
    with ReplayFile(path) as file:
        source = file.source
    with whole_folder(Path("reports", name)) as report:
        draw(figures, (path,), report, source, section("plots"))


if __name__ == "__main__":
    command(main)
