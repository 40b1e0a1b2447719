import numpy as np
import pytest

from stages.augment.augmentations import augment


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
