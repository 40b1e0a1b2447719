"""Batches of a data set that is read from its file in blocks, for it may be larger than memory."""

import numpy as np
import pytest

from stages.rig import rows
from stages.rig.images import load_split
from stages.rig.sources.dataset import Dataset, write_dataset
from stages.rig.training.batches import Batches, in_order
from tests.conftest import own


@pytest.fixture
def split(tmp_path, monkeypatch):
    """A data set of 1,000 rows in blocks of 10, of which those of 16 are shuffled together, and its card."""
    monkeypatch.chdir(tmp_path)
    numbers = np.arange(1000)
    inputs = np.repeat(numbers[:, None], 5, 1).astype(np.float32)
    write_dataset(
        "data/mnist.h5", "mnist", Dataset(inputs, numbers % 2, inputs, numbers % 2, ["a", "b"], "a test", "features")
    )
    for name, value in (("IN_MEMORY", 10_000), ("BLOCK", 10 * 5 * 4), ("WINDOW", 16)):
        monkeypatch.setattr(rows, name, value)
    card = own(input=[5], dataset="mnist")
    return load_split(card, "train"), card


def epoch_of(batches):
    inputs, targets = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    np.testing.assert_array_equal(inputs[:, 0] % 2, targets)
    return inputs[:, 0].astype(int)


def test_only_what_is_larger_than_the_memory_stays_in_the_file(split):
    found, card = split
    assert isinstance(found.inputs, rows.Rows) and isinstance(found.targets, np.ndarray)
    assert isinstance(load_split(card, "train", 7).inputs, np.ndarray)
    np.testing.assert_array_equal(found.inputs[[999, 3, 3, 500]][:, 0], [999, 3, 3, 500])
    np.testing.assert_array_equal(found.inputs[5:8][:, 0], [5, 6, 7])


def test_an_epoch_has_every_row_once_in_an_order_of_few_blocks_and_goes_on_where_it_was_left(split):
    found, card = split
    batches = Batches(found, card, 64, seed=5)
    first, second = epoch_of(batches), epoch_of(batches)
    np.testing.assert_array_equal(np.sort(first), np.arange(1000))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(epoch_of(Batches(found, card, 64, seed=5, epoch=1)), second)
    windows = first[:960].reshape(6, 160) // 10
    assert all(len(set(window)) == 16 for window in windows) and not (np.diff(first) == 1).all()
    np.testing.assert_array_equal(epoch_of(in_order(card, found)), np.arange(1000))


def test_few_blocks_are_kept_and_each_is_read_once_an_epoch(split, monkeypatch):
    found, card = split
    read, kept = [], []
    stored = found.inputs.stored

    class Counted:
        def __getitem__(self, selection):
            read.append(selection)
            kept.append(len(found.inputs.kept))
            return stored[selection]

    found.inputs.stored = Counted()
    epoch_of(Batches(found, card, 64, seed=5))
    assert len(read) == 100 and max(kept) < 32
