"""python -m stages.augment DATASET : data/DATASET.h5 -> data/DATASET_augmented.h5

One test sample under many augmentations: an image moved, erased in part and with noise, features with noise, tokens masked or
replaced. One stage for each dataset and not for each network: every network sees the same augmentations.
"""

import numpy as np

from drillcore.artifacts.augmentations import augmentations_path, write_augmentations
from drillcore.artifacts.dataset import DatasetFile, dataset_path
from drillcore.base.errors import InputError
from stages.rig.augmentations import augment, deviations_of, noisy, replaced
from stages.rig.base.command import command, say
from stages.rig.sections import section


def main(dataset):
    """Augment one test sample of the dataset."""
    settings = section("augment")
    path = dataset_path("data", dataset)
    with DatasetFile(path) as file:
        last = len(file.targets("test")) - 1
        if settings.image > last:
            raise InputError(f"params.yaml: augment.image is {settings.image}, but {path} has test images 0 to {last}.")
        augmented = augmentations(file, settings)
        label = int(file.targets("test")[settings.image]) if file.classes else None
        original = None if file.kind == "images" else file.inputs("test")[settings.image]
    write_augmentations(augmentations_path("data", dataset), augmented, settings.image, label, original)


def augmentations(file, settings):
    """The augmentations of the sample of an open `DatasetFile` that the `settings` name."""
    sample, count = file.inputs("test")[settings.image], settings.count
    if file.kind == "images":
        return augment(sample, count)
    random, copies = np.random.default_rng(0), np.repeat(sample[None], count, axis=0)
    if file.kind == "features":
        return noisy(copies, deviations_of(file.inputs("train")), settings.noise, random)
    mask = file.vocabulary.index(settings.mask) if settings.mask in file.vocabulary else None
    if settings.mask and mask is None:
        say(f"augment.mask is {settings.mask!r}, no token of {file.path}: others at random replace tokens")
    return replaced(copies, len(file.vocabulary), settings.replaced, random, mask)


if __name__ == "__main__":
    command(main)
