import numpy as np
import pytest

from drillcore.base.errors import InputError
from drillcore.base.store import create, write
from stages.rig.images import load_split, prepare, standardise, statistics_of
from tests.conftest import own


def test_grey_images_are_padded_in_the_middle_and_repeated():
    images = np.random.default_rng(0).integers(1, 256, (3, 28, 28, 1), dtype=np.uint8)
    prepared = prepare(images, (32, 32, 3))
    assert prepared.shape == (3, 32, 32, 3)
    assert prepared.dtype == np.float32
    for channel in range(3):
        np.testing.assert_array_equal(prepared[:, 2:30, 2:30, channel], images[..., 0] / np.float32(255))
    border = prepared.copy()
    border[:, 2:30, 2:30] = 0
    assert not border.any()


def test_images_of_the_right_shape_are_only_scaled():
    images = np.array([0, 51, 255], np.uint8).reshape(1, 1, 1, 3)
    np.testing.assert_array_equal(prepare(images, (1, 1, 3)).ravel(), np.float32([0, 51 / 255, 1]))


def test_images_are_standardised_by_channel_or_all_alike():
    images = np.float32([0, 0.5, 1, 1, 0.5, 0]).reshape(1, 1, 2, 3)
    by_channel = own(normalize={"mean": [0, 0.5, 1.0], "std": [1, 0.5, 0.25]}).normalize
    np.testing.assert_array_equal(standardise(images, by_channel).ravel(), [0, 0, 0, 1, 0, -4])
    alike = standardise(images, own(normalize={"mean": [0.5], "std": [0.5]}).normalize)
    np.testing.assert_array_equal(alike.ravel(), [-1, 0, 1, 1, 0, -1])
    assert alike.dtype == np.float32
    assert standardise(images, None) is images


def test_images_larger_than_the_input_are_refused(tmp_path, monkeypatch, small_mlp):
    monkeypatch.chdir(tmp_path)
    with create("data/mnist.h5") as file:
        write(file, "test/inputs", np.zeros((2, 40, 40, 1), np.uint8))
        write(file, "test/targets", np.zeros(2, np.int64))
        file.attrs.update(classes=["0"], source="a test")
    with pytest.raises(InputError, match=r"\[40, 40, 1\], larger than the input \[28, 28, 1\] of small"):
        load_split(small_mlp, "test")


@pytest.mark.parametrize("by_column", [True, False])
def test_a_card_standardises_by_the_training_split(by_column, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = np.random.default_rng(0).normal([1e4, 0, 5], [1, 1e-3, 0], (300, 3))
    with create(tmp_path / "data/table.h5") as file:
        write(file, "train/inputs", table)
    found = statistics_of("table", "inputs", by_column)
    axis = 0 if by_column else None
    np.testing.assert_allclose(found["mean"], np.atleast_1d(table.mean(axis)), rtol=1e-12)
    deviation = np.atleast_1d(table.std(axis))
    np.testing.assert_allclose(found["std"], np.where(deviation > 0, deviation, 1), rtol=1e-9)
