"""Signals and spectrograms as small pictures."""

from itertools import pairwise

import numpy as np
import pytest

from drillcore.report.pictures import HEIGHT, WIDTH, pictures


def rows_of(image, channel=0):
    """The rows of a picture at which each column has the colour of a channel, from top to bottom."""
    colour = [[0, 0x72, 0xB2], [0xD5, 0x5E, 0]][channel]
    return [np.flatnonzero((column == colour).all(1)).tolist() for column in image.swapaxes(0, 1)]


@pytest.mark.parametrize("times", [2, 40, 3000])
def test_a_rising_line_goes_from_the_bottom_to_the_top(times):
    (image,) = pictures(np.linspace(-5, 5, times)[None])
    rows = rows_of(image)
    assert image.shape == (HEIGHT, WIDTH, 3) and rows[0][-1] == HEIGHT - 1 and rows[-1][0] == 0
    assert all(before[0] >= after[0] and before[0] <= after[-1] + 1 for before, after in pairwise(rows))


def test_a_peak_between_two_columns_is_not_lost():
    signal = np.zeros((1, 5000))
    signal[0, 2501] = 1
    assert min(map(min, rows_of(pictures(signal)[0]))) <= HEIGHT // 4


def test_channels_have_colours_and_the_heights_of_what_they_are_like():
    signal = np.stack([np.zeros(20), np.full(20, 0.5)], 1)[None]
    (image,) = pictures(signal, like=np.array([[[0.0, 1.0]]]))
    assert rows_of(image)[0] == [HEIGHT - 1] and rows_of(image, 1)[0] in ([HEIGHT // 2], [HEIGHT // 2 - 1])


@pytest.mark.parametrize("shape", [(200, 64), (64, 200), (2, 64, 100)])
def test_a_map_has_the_means_of_its_numbers(shape):
    values = np.random.default_rng(0).random(shape)
    (image,) = pictures(values[None])
    assert image.shape == (HEIGHT, WIDTH, 1)
    scaled = (values - values.min()) / np.ptp(values)
    assert image.mean() == pytest.approx(255 * scaled.mean(), abs=1)


@pytest.mark.parametrize("shape", [(50,), (50, 8)])
def test_pictures_in_blocks_are_those_of_the_whole(monkeypatch, shape):
    values = np.random.default_rng(0).random((7, *shape))
    whole = pictures(values)
    monkeypatch.setattr("drillcore.report.pictures.row_blocks", lambda count, one: [slice(0, 4), slice(4, count)])
    np.testing.assert_array_equal(pictures(values), whole)


@pytest.mark.parametrize("value", [0.0, 7.5, -1e30, np.nan])
def test_what_is_the_same_everywhere_is_drawn(value):
    assert pictures(np.full((2, 30), value)).shape == (2, HEIGHT, WIDTH, 3)
    assert pictures(np.full((2, 9, 8), value)).shape == (2, 8, 9, 1)
