"""python -m stages.plots_of_pairs A B : artifacts/similarity/A--B.h5 -> reports/A--B/

The layers of one network against those of another that saw the same images.
"""

from pathlib import Path

from drillcore.artifacts.pairs import Pair, pair_path
from drillcore.figures.pairs import figures
from stages.rig.base.command import command
from stages.rig.drawing import draw, whole_folder
from stages.rig.sections import section


def main(a, b):
    """Draw how alike the layers of the networks `a` and `b` are."""
    path = pair_path("artifacts", a, b)
    with Pair(path) as file:
        source = file.source
    with whole_folder(Path("reports", f"{a}--{b}")) as report:
        draw(figures, (path,), report, source, section("plots"))


if __name__ == "__main__":
    command(main)
