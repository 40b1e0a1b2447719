from pathlib import Path

import h5py
import numpy as np
import pytest

from stages.augment import main
from stages.rig.augmentations import augment, deviations_of, noisy, replaced


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


def test_noise_of_features_has_a_share_of_each_columns_deviation():
    features, deviations = np.array([3.0, -1.0, 0.0], np.float32), np.array([10.0, 0.1, 0.0])
    copies = noisy(np.tile(features, (20_000, 1)), deviations, 0.3, np.random.default_rng(0))
    assert copies.shape == (20_000, 3)
    error = 6 * 0.3 * deviations / np.sqrt(20_000)  # six standard errors of a mean
    assert (np.abs(copies.mean(0) - features) <= error + 1e-6).all()
    np.testing.assert_allclose(copies.std(0), 0.3 * deviations, rtol=0.03)


def test_deviations_of_large_samples_are_of_fewer(monkeypatch):
    features = np.random.default_rng(0).normal(size=(50, 2, 3))
    np.testing.assert_array_equal(deviations_of(features), features.std(0))
    monkeypatch.setattr("stages.rig.augmentations.MOST_NUMBERS", 60)
    np.testing.assert_array_equal(deviations_of(features), features[:10].std(0))


@pytest.mark.parametrize(("mask", "changed"), [(7, 0.25), (None, 0.25 * 7 / 8)], ids=["masked", "replaced"])
def test_a_share_of_the_tokens_is_masked_or_replaced(mask, changed):
    """A replaced token is any of the 8 there are, so that one of 8 is what it was."""
    tokens = np.array([0, 1, 2, 3, 4, 5], np.uint16)
    copies = replaced(np.tile(tokens, (20_000, 1)), 8, 0.25, np.random.default_rng(0), mask)
    assert copies.dtype == np.uint16
    differ = copies != tokens
    assert abs(differ.mean() - changed) < 6 * np.sqrt(changed * (1 - changed) / differ.size)
    found = np.unique(copies[differ], return_counts=True)
    if mask is None:
        np.testing.assert_array_equal(found[0], np.arange(8))
        assert found[1].min() > 0.5 * found[1].max()
    else:
        np.testing.assert_array_equal(found[0], [mask])


@pytest.mark.parametrize("mask", ["[MASK]", "[mask]"])
def test_a_mask_that_the_vocabulary_lacks_is_said(mask, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(f"augment: {{count: 300, mask: '{mask}'}}")
    Path("data").mkdir()
    with h5py.File("data/text.h5", "w") as file:
        file["test/inputs"] = file["test/targets"] = np.zeros((1, 20), np.int32)
        file["vocabulary"] = ["a", "b", "c", "[MASK]"]
        file.attrs.update(kind="tokens", task="next_token")
    main("text")
    with h5py.File("data/text_augmented.h5") as file:
        assert set(np.unique(file["inputs"])) == ({0, 3} if mask == "[MASK]" else {0, 1, 2, 3})
    assert ("no token of data/text.h5" in capsys.readouterr().err) == (mask == "[mask]")
