"""The inputs of a network, as the file of its data set holds them and as the network sees them."""

import math
from typing import NamedTuple

import numpy as np

from drillcore.artifacts.dataset import DatasetFile, dataset_path
from drillcore.base.arrays import row_blocks
from drillcore.base.errors import InputError
from stages.rig.card import Normalize
from stages.rig.rows import rows_of

BATCH_BYTES = 16 << 20
"""Of the inputs of a batch, as float32: what a network makes of an image grows with it."""


def batch_of(most, shape):
    """How many inputs of `shape` are a batch: `most`, fewer of them where they are large."""
    return max(1, min(most, BATCH_BYTES // (4 * math.prod(shape))))


def prepare(inputs, shape):
    """Return stored `inputs` as a network takes them: float32 features and int32 tokens as they are, uint8 images
    (n, h, w, c) as float32 in [0, 1] of `shape` (height, width, channels).

    Smaller images are padded with zeros on all sides (the odd row or column below and right), grey ones repeated to
    `shape`'s channels, as the squeeze-expand study feeds MNIST to networks made for CIFAR-10.
    """
    if inputs.dtype != np.uint8:
        return inputs
    padding, channels = padding_of(inputs.shape[1:], shape), shape[2]
    padded = np.pad(inputs, ((0, 0), *padding, (0, 0))) if np.any(padding) else inputs
    if channels != padded.shape[3]:
        padded = np.repeat(padded, channels, axis=3)
    return padded.astype(np.float32) / np.float32(255)


def padding_of(stored, shape):
    """How many zeros `prepare` adds above and below images of the shape `stored`, and left and right of them: two pairs."""
    missing = shape[0] - stored[0], shape[1] - stored[1]
    return tuple((total // 2, total - total // 2) for total in missing)


def standardise(values, normalize):
    """Return float32 `values` (n, ..., numbers) less the mean and divided by the standard deviation that a card's
    `normalize` gives, a number for each or one for all; as they are where it is None."""
    if normalize is None:
        return values
    return (values - np.array(normalize.mean, np.float32)) / np.array(normalize.std, np.float32)


def seen(card, inputs, targets):
    """Return stored `inputs` and `targets` as the network of `card` sees and learns them."""
    inputs = standardise(prepare(inputs, card.input), card.normalize)
    return inputs, learned(card, inputs, targets)


def learned(card, inputs, targets):
    """What the network of `card` is asked to make of the `inputs` that it sees: stored `targets`, in a regression
    standardised, or the inputs themselves."""
    if card.task == "reconstruction":
        return inputs
    return standardise(targets, card.normalize_targets)


class Facts(NamedTuple):
    """What a network has to know of a data set: the shape of one input, its kind and task, of tokens how many different ones
    there are, and the number of test samples."""

    shape: tuple[int, ...]
    kind: str = "images"
    task: str = "classification"
    vocabulary: int | None = None
    samples: int = 0


def facts_of(dataset):
    """The `Facts` of a data set, from the file that `download` made."""
    with DatasetFile(dataset_path("data", dataset)) as file:
        return Facts(file.shape, file.kind, file.task, len(file.vocabulary) or None, len(file.targets("test")))


class Split(NamedTuple):
    """The training or the test part of a dataset: its inputs and targets, of images uint8 (n, h, w, c) and int64 (n), the
    classes' names, and where they came from; the names of a table's columns, and the texts of tokens."""

    inputs: np.ndarray
    targets: np.ndarray
    classes: list[str]
    source: str
    columns: list[str] = []
    vocabulary: list[str] = []


def load_split(network, split, most=None):
    """Return the `Split` "train" or "test" of the dataset of `network`, from the file that `download` made.

    Of all samples, or of the first `most`. What is larger than the memory that it may have stays in the file, see
    stages/rig/rows.py.
    """
    path = dataset_path("data", network.dataset)
    with DatasetFile(path) as file:
        about = file.classes, file.source, file.column_names, file.vocabulary
    inputs, targets = (rows_of(path, f"{split}/{part}", most) for part in ("inputs", "targets"))
    if any(size > most for size, most in zip(inputs.shape[1:3], network.input[:2], strict=False)):
        raise InputError(
            f"{path} has {network.kind} of {list(inputs.shape[1:])}, larger than the input {network.input} of {network.name}."
        )
    return Split(inputs, targets, *about)


def standardised(card):
    """Return `card` with what it leaves out of how numbers are standardised: features by the mean and standard deviation of
    the training split, of every column of a table, of all numbers of a signal; the targets of a regression likewise."""
    found = {}
    if card.kind == "features" and card.normalize is None:
        found["normalize"] = Normalize(**statistics_of(card.dataset, "inputs", by_column=len(card.input) == 1))
    if card.task == "regression" and card.normalize_targets is None:
        found["normalize_targets"] = Normalize(**statistics_of(card.dataset, "targets", by_column=True))
    return card.model_copy(update=found)


def statistics_of(dataset, part, by_column):
    """The `mean` and `std` of the numbers of the training `part` of a data set, for every column or for all as one, a block
    of rows in memory; what does not vary has the deviation 1."""
    with DatasetFile(dataset_path("data", dataset)) as file:
        stored = file[f"train/{part}"]
        blocks = row_blocks(len(stored), 8 * math.prod(stored.shape[1:]))

        def mean_of(function):
            sums = sum(function(stored[rows].astype(np.float64)).sum(0) for rows in blocks) / len(stored)
            return sums if by_column else np.full(1, sums.mean())

        mean = mean_of(lambda values: values)
        std = np.sqrt(mean_of(lambda values: (values - mean) ** 2))
    return {"mean": mean.tolist(), "std": np.where(std > 0, std, 1.0).tolist()}


def outputs_of(card, split):
    """How many outputs, in one row of them, the network of `card` has for its `Split`."""
    match card.task:
        case "classification":
            return len(split.classes)
        case "regression":
            return math.prod(split.targets.shape[1:])
        case "next_token":
            return card.vocabulary
    return math.prod(card.input)


def wanted_outputs(card, count, outputs):
    """The shape of the outputs that the task of `card` asks for: of `count` samples, so many `outputs` in a row."""
    return {
        "classification": [count, outputs],
        "regression": [count, outputs],
        "next_token": [count, *card.input, outputs],
        "reconstruction": [count, *card.input],
    }[card.task]


def fits(card, shape, count, outputs):
    """Whether outputs of a `shape` are those of `wanted_outputs`, or as many numbers in another arrangement."""
    wanted = wanted_outputs(card, count, outputs)
    same = math.prod(shape[1:]) == math.prod(wanted[1:]) and card.task in ("regression", "reconstruction")
    return list(shape) == wanted or (same and shape[0] == count)


def check_outputs(card, shape, count, outputs):
    """Refuse outputs of a `shape` that the task of `card` does not have, unless a loss of its user's explains them."""
    if getattr(card, "loss", None) or fits(card, shape, count, outputs):
        return
    asked = {
        "classification": f"has {outputs} classes",
        "regression": f"has {outputs} numbers as its target",
        "next_token": f"asks for the next of {outputs} tokens at every position",
        "reconstruction": "asks for the inputs themselves",
    }[card.task]
    raise InputError(
        f"params.yaml: networks.{card.name} takes {count} {card.kind} of {card.input} to an output of shape {list(shape)}, "
        f"but {card.dataset} {asked}: it should be {wanted_outputs(card, count, outputs)}; for outputs of another meaning, "
        "name a loss, as in loss: my_models.py:loss."
    )


def trial_inputs(card, count):
    """So many random inputs as the network of `card` may see them, prepared."""
    random = np.random.default_rng(0)
    if card.kind == "tokens":
        return random.integers(card.vocabulary, size=(count, *card.input), dtype=np.int32)
    return random.random((count, *card.input), np.float32)
