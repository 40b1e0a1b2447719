"""python -m stages.plots NETWORK : artifacts/NETWORK/*, params.yaml (plots) -> reports/NETWORK/

Every figure as PNG, where params.yaml says so as PDF too, and the augmented images as PNG.
"""

from pathlib import Path

from drillcore.base.store import read
from drillcore.figures.augmentations import write_images
from drillcore.figures.catalogue import figures
from drillcore.threads import omp_threads
from stages.rig.base.command import command, say
from stages.rig.drawing import draw, whole_folder
from stages.rig.sections import section


def main(network):
    """Draw the network's figures."""
    folder, settings = Path("artifacts", network), section("plots")
    workers = omp_threads(default=1)
    with read(folder / "activations.h5") as file:
        source = file.attrs["source"]
    with read(folder / "gradients.h5") as file:
        if not len(file["raw/step"]):
            say(f"{network}: no figure of gradients or their signs, for no step was recorded")
    with whole_folder(Path("reports", network)) as report:
        draw(figures, (folder, settings.palette), report, source, settings, workers)
        with read(folder / "augmented.h5") as file:
            write_images(report / "augs", file["images"][:])


if __name__ == "__main__":
    command(main)
