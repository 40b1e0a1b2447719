import numpy as np
import pytest

from stages.rig.images import Split, prepare, standardise
from stages.rig.training.batches import AUGMENTATIONS, Batches, crop, flip, in_order
from tests.conftest import own

IMAGES = np.random.default_rng(0).integers(1, 256, (200, 16, 24, 3), dtype=np.uint8)
SPLIT = Split(IMAGES, np.arange(200) % 4, ["a", "b", "c", "d"], "a test")


def batches(normalize=None, **options):
    return Batches(SPLIT, own(input=[16, 24, 3], normalize=normalize), 64, seed=5, **options)


def epoch_of(source):
    images, labels = (np.concatenate(parts) for parts in zip(*source, strict=True))
    return images, labels


def test_a_flip_mirrors_about_half_of_the_images():
    flipped = flip(IMAGES, np.random.default_rng(1))
    mirrored = [np.array_equal(one, other[:, ::-1]) for one, other in zip(flipped, IMAGES, strict=True)]
    same = [np.array_equal(one, other) for one, other in zip(flipped, IMAGES, strict=True)]
    assert np.logical_xor(mirrored, same).all()
    assert 70 < sum(mirrored) < 130


def test_a_crop_moves_an_image_by_at_most_an_eighth():
    moved, moves = crop(IMAGES, np.random.default_rng(1)), set()
    for image, original in zip(moved, IMAGES, strict=True):
        padded = np.pad(original, ((2, 2), (3, 3), (0, 0)))
        found = [
            (top, left)
            for top in range(5)
            for left in range(7)
            if np.array_equal(image, padded[top : top + 16, left : left + 24])
        ]
        assert len(found) == 1
        moves |= set(found)
    assert len(moves) > 30


@pytest.mark.parametrize("augmentation", [[], ["flip"], ["flip", "crop"]])
def test_an_epoch_holds_every_sample_once_and_goes_on_where_it_was_left(augmentation):
    straight = batches(augmentation=augmentation)
    first, second = epoch_of(straight), epoch_of(straight)
    assert not np.array_equal(first[0], second[0])
    np.testing.assert_array_equal(np.bincount(first[1]), [50, 50, 50, 50])
    again = epoch_of(batches(augmentation=augmentation, epoch=1))
    np.testing.assert_array_equal(again[0], second[0])
    np.testing.assert_array_equal(again[1], second[1])


@pytest.mark.parametrize(
    ("count", "size", "seed", "sizes"),
    [
        (65, 32, 5, [32, 33]),
        (66, 32, 5, [32, 32, 2]),
        (64, 32, 5, [32, 32]),
        (3, 2, 5, [3]),
        (1, 32, 5, [1]),
        (3, 1, 5, [1, 1, 1]),
        (65, 32, None, [32, 32, 1]),
    ],
)
def test_a_rest_of_one_image_joins_the_batch_before_it_in_training(count, size, seed, sizes):
    split = SPLIT._replace(inputs=IMAGES[:count], targets=np.arange(count))
    source = Batches(split, own(input=[16, 24, 3]), size, seed)
    labels = [labels for _, labels in source]
    assert [len(batch) for batch in labels] == sizes
    assert len(source) == len(sizes)
    assert sorted(np.concatenate(labels)) == list(range(count))


def test_large_validation_images_come_in_smaller_batches():
    split = SPLIT._replace(inputs=np.zeros((40, 224, 224, 3), np.uint8), targets=np.zeros(40, np.int64))
    assert [len(labels) for _, labels in in_order(own(input=[224, 224, 3]), split)] == [27, 13]
    assert [len(labels) for _, labels in in_order(own(input=[16, 24, 3]), SPLIT)] == [200]


def test_without_augmentation_images_are_as_they_were():
    order = np.random.default_rng(5).permutation(200)
    np.testing.assert_array_equal(epoch_of(batches())[0], prepare(IMAGES[order], (16, 24, 3)))


def test_images_are_standardised_once_they_are_augmented():
    normalize = {"mean": [0.5, 0.4, 0.3], "std": [0.25]}
    (images, _), (plain, _) = (epoch_of(batches(given, augmentation=["crop"])) for given in (normalize, None))
    np.testing.assert_array_equal(images, standardise(plain, own(normalize=normalize).normalize))
    assert (plain == 0).any()  # what a crop let in is black
    np.testing.assert_allclose(images[..., 1].min(), -0.4 / 0.25)


def test_every_augmentation_keeps_shape_and_type():
    images = prepare(IMAGES, (16, 24, 3))
    for augmentation in AUGMENTATIONS.values():
        changed = augmentation(images, np.random.default_rng(0))
        assert (changed.shape, changed.dtype) == (images.shape, np.float32)
