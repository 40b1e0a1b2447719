"""Data sets that functions make, one of which is broken."""

import numpy as np


class Pairs:
    shape = 4, 2  # rows and columns, as a data set of Hugging Face has them

    def __len__(self):
        return 4

    def __getitem__(self, number):
        return {"image": np.full((2, 3), number, np.uint8), "label": number % 2}


def make(count):
    signals = np.arange(count * 6.0).reshape(count, 2, 3)
    return {"train": (signals, signals[:, 0]), "test": (signals[:2], signals[:2, 0])}


def pairs():
    return Pairs(), Pairs()


def broken():
    return {"train": np.array([[np.nan]]), "test": np.array([[0.0]])}
