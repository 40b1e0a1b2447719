"""python -m stages.augment DATASET : data/DATASET.h5 -> data/DATASET_augmented.h5

One stage for each dataset and not for each network: every network sees the same augmentations.
"""

from drillcore.artifacts.augmentations import augmentations_path, write_augmentations
from drillcore.artifacts.dataset import DatasetFile, dataset_path
from drillcore.base.errors import InputError
from stages.rig.augmentations import augment
from stages.rig.base.command import command
from stages.rig.sections import section


def main(dataset):
    """Augment one test image of the dataset."""
    settings = section("augment")
    path = dataset_path("data", dataset)
    with DatasetFile(path) as file:
        last = len(file.targets("test")) - 1
        if settings.image > last:
            raise InputError(f"params.yaml: augment.image is {settings.image}, but {path} has test images 0 to {last}.")
        image, label = file.inputs("test")[settings.image], int(file.targets("test")[settings.image])
    write_augmentations(augmentations_path("data", dataset), augment(image, settings.count), settings.image, label)


if __name__ == "__main__":
    command(main)
