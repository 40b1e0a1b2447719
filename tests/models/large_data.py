"""Data sets that are larger than the memory that a test allows, made or read when they are asked for."""

import numpy as np

ROW = 1 << 20


class Samples:
    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, number):
        return {"x": np.full(ROW // 4, number, np.float32), "y": float(number)}


def samples(count):
    return Samples(count), Samples(1)


def mapped(count):
    inputs = np.memmap("images.bin", np.uint8, "w+", shape=(count, 1024, 1024))
    inputs[:, 0, 0] = np.arange(count)
    labels = np.arange(count) % 2
    return {"train": (inputs, labels), "test": (inputs[:2], labels[:2])}


def mixed():
    return [[0, 1], [2, 2.5]], [[3.0, 4]]
