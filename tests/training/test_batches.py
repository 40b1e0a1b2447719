import numpy as np
import pytest

from drillcore.base.errors import InputError
from stages.rig.images import Split, prepare, standardise
from stages.rig.training.batches import AUGMENTATIONS, Batches, crop, flip, in_order, shuffled
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


def of_features(task, epoch=0, **training):
    """An epoch of batches of three columns, of which the last is constant, standardised."""
    rows = np.random.default_rng(0).normal([5, 0, 2], [10, 1, 0], (4000, 3)).astype(np.float32)
    split = Split(rows, rows[:, :1], [], "a test", vocabulary=[])
    about = {"kind": "features", "task": task, "input": [3], "normalize": {"mean": [5, 0, 2], "std": [10, 1, 1]}}
    card = own(**about, training={"loss": "mse", "batch_size": 500, **training})
    return epoch_of(shuffled(card, split, epoch))


@pytest.mark.parametrize("task", ["regression", "reconstruction"])
def test_features_get_noise_anew_in_every_epoch_and_targets_none(task):
    clean, targets = of_features(task)
    noisy, same = of_features(task, noise=0.25)
    np.testing.assert_array_equal(same, targets)
    np.testing.assert_allclose((noisy - clean).std(0), [0.25, 0.25, 0], rtol=0.05)
    assert not np.array_equal(
        of_features(task, epoch=1, noise=0.25)[0][:, 0] - of_features(task, epoch=1)[0][:, 0], (noisy - clean)[:, 0]
    )
    np.testing.assert_array_equal(of_features(task, noise=0.25)[0], noisy)


@pytest.mark.parametrize("mask", ["[MASK]", None])
def test_tokens_are_replaced_and_their_next_ones_stay(mask):
    tokens = np.random.default_rng(0).integers(3, size=(500, 20), dtype=np.int32)
    split = Split(tokens, tokens, [], "a test", vocabulary=["a", "b", "c", "[MASK]"])
    about = {"kind": "tokens", "task": "next_token", "vocabulary": 4, "input": [20]}
    seen, targets = epoch_of(shuffled(own(**about, training={"replaced": 0.25, "mask": mask}), split))
    assert abs((seen != targets).mean() - (0.25 if mask else 0.25 * 3 / 4)) < 0.03
    assert set(np.unique(seen[seen != targets])) == ({3} if mask else {0, 1, 2, 3})


def test_a_mask_that_is_no_token_is_refused():
    split = Split(np.zeros((2, 3), np.int32), np.zeros((2, 3), np.int32), [], "a test", vocabulary=["a"])
    card = own(kind="tokens", task="next_token", vocabulary=1, input=[3], training={"replaced": 0.1, "mask": "b"})
    with pytest.raises(InputError, match=r"networks\.mine\.training\.mask is 'b', no token of digits: name one"):
        shuffled(card, split)


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
