"""python -m stages.plots NETWORK : artifacts/NETWORK/*, params.yaml (plots) -> reports/NETWORK/

Every figure as PNG, where params.yaml says so as PDF too, the augmented images as PNG, and suspects.csv.
"""

from pathlib import Path

import scipy.special  # noqa: F401  intervals need it, and what is loaded here is loaded once for all processes that draw

from drillcore.artifacts.activations import Activations
from drillcore.artifacts.augmented import Augmented
from drillcore.artifacts.gradients import Gradients
from drillcore.artifacts.network import Network, read_network
from drillcore.artifacts.predictions import Predictions
from drillcore.artifacts.suspects import Suspects, write_suspects
from drillcore.figures.augmentations import write_images
from drillcore.figures.catalogue import figures
from drillcore.threads import omp_threads
from stages.rig.augmentations import DISTORTIONS
from stages.rig.base.command import command, say
from stages.rig.drawing import draw, whole_folder
from stages.rig.sections import section


def main(network):
    """Draw the network's figures."""
    folder, settings = Path("artifacts", network), section("plots")
    workers = omp_threads(default=1)
    with Activations(folder / Activations.FILE) as file:
        source = file.source
    with Gradients(folder / Gradients.FILE) as file:
        if not len(file.step()):
            say(f"{network}: no figure of gradients or their signs, for no step was recorded")
    with whole_folder(Path("reports", network)) as report:
        draw(figures, (folder, settings.palette, DISTORTIONS), report, source, settings, workers)
        with Augmented(folder / Augmented.FILE) as file:
            if file.images is not None:
                write_images(report / "augs", file.images[:])
        with Predictions(folder / Predictions.FILE) as file:
            untrained = read_network(folder / Network.FILE).untrained_epoch
            write_suspects(report / Suspects.FILE, file, untrained)


if __name__ == "__main__":
    command(main)
