from pathlib import Path

import h5py
import numpy as np
import pytest

from stages.augment import main
from stages.rig.augmentations import augment


@pytest.mark.parametrize("channels", [1, 3])
def test_augmentations_are_many_different_and_repeatable(channels):
    image = np.zeros((28, 28, channels), np.uint8)
    image[8:20, 10:18] = 200
    first = augment(image, 40)
    assert first.shape == (40, 28, 28, channels)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, augment(image, 40))
    assert len(np.unique(first.reshape(40, -1), axis=0)) == 40
    assert (first != augment(image, 40, seed=1)).any()


def test_the_image_stays_recognisable():
    image = np.zeros((28, 28, 1), np.uint8)
    image[8:20, 10:18] = 200
    flat = augment(image, 100).reshape(100, -1).astype(float)
    correlation = [np.corrcoef(row, image.ravel())[0, 1] for row in flat]
    assert np.median(correlation) > 0.5
    assert min(correlation) < 0.98


@pytest.mark.parametrize("shape", [(1, 1, 3), (5, 9, 1), (3, 200, 3), (224, 160, 3)])
def test_images_of_any_size_are_augmented(shape, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images = np.random.default_rng(0).integers(0, 256, (4, *shape), dtype=np.uint8)
    Path("params.yaml").write_text("augment: {image: 3, count: 8}")
    Path("data").mkdir()
    with h5py.File("data/mine.h5", "w") as file:
        file["test/inputs"], file["test/targets"] = images, [5, 6, 7, 8]
        file.attrs.update(kind="images", classes=[str(number) for number in range(9)])
    main("mine")
    with h5py.File("data/mine_augmented.h5") as file:
        assert file["images"].shape == (8, *shape)
        assert file["images"].dtype == np.uint8
        assert len(np.unique(file["images"][:].reshape(8, -1), axis=0)) > 4
        assert dict(file.attrs) == {"sample": 3, "label": 8}
