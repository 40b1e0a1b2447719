"""python -m stages.augment DATASET : data/DATASET.h5 -> data/DATASET_augmented.h5

One stage for each dataset and not for each network: every network sees the same augmentations.
"""

from pathlib import Path

from drillcore.base.errors import InputError
from drillcore.base.store import create, read, write
from stages.rig.augmentations import augment
from stages.rig.base.command import command
from stages.rig.sections import section


def main(dataset):
    """Augment one test image of the dataset."""
    settings = section("augment")
    path = Path("data", f"{dataset}.h5")
    with read(path) as file:
        last = len(file["test/labels"]) - 1
        if settings.image > last:
            raise InputError(f"params.yaml: augment.image is {settings.image}, but {path} has test images 0 to {last}.")
        image, label = file["test/images"][settings.image], int(file["test/labels"][settings.image])
    with create(path.with_name(f"{dataset}_augmented.h5")) as file:
        write(file, "images", augment(image, settings.count))
        file.attrs.update(sample=settings.image, label=label)


if __name__ == "__main__":
    command(main)
