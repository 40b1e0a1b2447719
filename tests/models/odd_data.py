"""Data sets as people return them, right and wrong ones."""

import numpy as np

FEATURES = np.arange(12.0).reshape(4, 3)
TOKENS = np.array([[1, 2, 3, 4], [2, 3, 4, 0]])


def both(inputs, targets=None, **names):
    part = inputs if targets is None else (inputs, np.asarray(targets))
    return {"train": part, "test": part, **names}


class Known:
    """A data set of PyTorch that knows its classes, and never says where it ends."""

    classes = ("cat", "dog")

    def __len__(self):
        return 4

    def __getitem__(self, number):
        return FEATURES[number % 4], number % 2


class Part:
    """As torch.utils.data.Subset."""

    dataset = Known()

    def __len__(self):
        return 2

    def __getitem__(self, number):
        return self.dataset[number]


class Named:
    names = "cat", "dog"


class Stream:
    """As an IterableDataset of Hugging Face: no length, and the classes in its features."""

    def __init__(self):
        self.features = {"x": None, "label": Named()}

    def __iter__(self):
        return iter([{"x": FEATURES[number], "label": number % 2} for number in range(4)])


class Loader:
    """As torch.utils.data.DataLoader."""

    batch_sampler, dataset = None, Known()

    def __len__(self):
        return 1

    def __iter__(self):
        return iter([(FEATURES, np.array([0, 1, 0, 1]))])


MADE = {
    "known": lambda: (Known(), Part()),
    "stream": lambda: (Stream(), Stream()),
    "loader": lambda: (Loader(), Loader()),
    "texts": lambda: both([{"text": "a", "label": 1}]),
    "ragged": lambda: both([([1, 2], 0), ([1], 1)]),
    "words": lambda: both(FEATURES, ["b", "a", "b", "a"]),
    "truths": lambda: both(FEATURES, [True, False, True, False]),
    "one_hot": lambda: both(FEATURES, np.eye(2, dtype=int)[[0, 1, 0, 1]]),
    "alone": lambda: both(TOKENS),
    "repeated": lambda: both(TOKENS, [[-100, 2, 3, 4], [-100, 3, 4, 0]]),
    "next": lambda: both(TOKENS, [[2, 3, 4, -100], [3, 4, 0, -100]]),
    "scores": lambda: both(TOKENS, [0.5, 2.0]),
    "single": lambda: both(TOKENS[:, :1]),
    "large": lambda: both(TOKENS << 40, [0, 1]),
    "negative": lambda: both(TOKENS - 3, [0, 1]),
    "nan": lambda: both(FEATURES, [1.0, np.nan, 2.0, 3.0]),
    "overflowing": lambda: both(FEATURES * 1e38, [0, 1, 0, 1]),
    "validated": lambda: {"train": (FEATURES, [0, 1, 0, 1]), "validation": (FEATURES[:2], [0, 1])},
    "unseen": lambda: {"train": (FEATURES, [0, 1, 0, 1]), "test": (FEATURES, [0, 1, 2, 0])},
    "half": lambda: {"train": (FEATURES, FEATURES[:, 0]), "test": FEATURES},
    "channels": lambda: both(np.zeros((2, 3, 8, 8), np.uint8), [0, 1]),
    "integers": lambda: both(np.zeros((2, 8, 8, 3), int), [0, 1]),
    "columns": lambda: both(FEATURES, FEATURES[:, 0], columns=["a", "b"]),
    "vocabulary": lambda: both(TOKENS, [0, 1], vocabulary=["a", "b"]),
    "arrays": lambda: both(FEATURES, FEATURES[:, 0], columns=np.array(["a", "b", "c"])),
}


def make(which):
    return MADE[which]()
