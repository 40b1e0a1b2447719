"""The 1,797 digits of scikit-learn as images of 8x8 pixels."""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


def make(labels=True):
    """The images with their classes or, without `labels`, alone, to be reconstructed."""
    digits = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)[..., None]
    train, test, classes, of_test = train_test_split(
        images, digits.target, test_size=0.2, random_state=0, stratify=digits.target
    )
    named = {"train": (train, classes), "test": (test, of_test), "classes": list(map(str, range(10)))}
    return named if labels else {"train": train, "test": test}
