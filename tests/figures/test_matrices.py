"""What is computed on the way from arrays to pixels."""

import numpy as np
import pytest
from matplotlib.image import imread

from drillcore.artifacts.correlations import Correlations
from drillcore.figures.augmentations import contact_sheet, tiled, write_images
from drillcore.figures.correlations import correlation_colours, drawings, layer_feature_correlation, pair_squares
from drillcore.figures.gradients import bin_shares, change_norm, divided, released_by_layer
from drillcore.figures.spectra import svd_analysis
from drillcore.figures.style import applied
from drillcore.ranks import RANKS

WHITE, GREY = [255, 255, 255, 255], [166, 166, 166, 255]


def symmetric(count, seed=0):
    matrix = np.random.default_rng(seed).uniform(-1, 1, (count, count))
    return (matrix + matrix.T) / 2


def test_every_pair_of_layers_is_a_square_of_the_same_size():
    matrix, members = symmetric(13), [np.arange(8), np.array([8]), np.arange(9, 13)]
    image, dead = pair_squares(matrix, members, 40)
    assert dead == [0, 0, 0]
    assert image.shape == (120, 120, 4)
    assert (image[40:80, :40] == WHITE).all()
    assert (image[80:, :80] == WHITE).all()
    for i, rows in enumerate(members):
        for j in range(i, 3):
            square = image[40 * i : 40 * (i + 1), 40 * j : 40 * (j + 1)][:39, :39]
            for row in (0, 20, 38):
                for column in (0, 20, 38):
                    unit = rows[row * len(rows) // 39], members[j][column * len(members[j]) // 39]
                    assert square[row, column].tolist() == correlation_colours(matrix[[unit[0]], unit[1]])[0].tolist()


def test_units_are_shown_in_the_order_that_is_asked_for():
    matrix, order = symmetric(6), np.array([2, 0, 1, 5, 3, 4])
    plain, _ = pair_squares(matrix[np.ix_(order, order)], [np.arange(3), np.arange(3, 6)], 40)
    ordered, _ = pair_squares(matrix, [order[:3], order[3:]], 40)
    assert (plain == ordered).all()


def test_correlations_are_blue_white_red_and_grey_where_there_is_none():
    minus, none, plus, missing = correlation_colours(np.array([-1, 0, 1, np.nan])).astype(int)
    assert minus[2] > minus[0] + 80
    assert plus[0] > plus[2] + 60
    assert none[:3].min() > 240
    assert missing.tolist() == GREY


def test_dead_units_are_counted_beside_their_layer():
    matrix = symmetric(6)
    matrix[1] = matrix[:, 1] = np.nan
    with applied(50):
        figure = layer_feature_correlation(matrix, np.array([0, 0, 0, 1, 1, 2]), list("abc"), np.eye(3), "net")
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts.count("a\n3 units\n1 dead") == texts.count("b\n2 units") == texts.count("c\n1 unit") == 2
    assert any("grey" in text.get_text() for text in figure.axes[1].texts)


def test_shares_of_bins_are_summed_over_the_steps_of_an_epoch():
    random = np.random.default_rng(0)
    counts = random.integers(0, 9, (7, 3, 5, 5, 4), np.uint32)
    epoch = np.array([1, 1, 1, 2, 2, 4, 4])
    counts[5:] = 0
    shares = bin_shares(counts, epoch)
    for row, number in enumerate((1, 2)):
        totals = [sum(int(counts[s, :, :, now].sum()) for s in np.flatnonzero(epoch == number)) for now in range(5)]
        np.testing.assert_allclose(shares[row], np.array(totals) / sum(totals))
    assert np.isnan(shares[2]).all()


def test_the_norm_of_a_step_is_over_all_its_cells():
    moved = np.zeros((2, 2, 3, 3, 2))
    moved[0, 0, 1, 2], moved[0, 1, 0, 0], moved[1, 0, 0, 1] = (99, 9), (99, 16), (1, 4)
    assert change_norm(moved).tolist() == [5, 2]
    assert change_norm(moved[:0]).tolist() == []


def test_a_layers_fraction_is_over_all_its_tensors_and_nan_where_nothing_was_near_zero():
    tensor = {
        "layer1.weight": {"released": [1, 0], "retained": [3, 0]},
        "layer1.bias": {"released": [1, 0], "retained": [5, 0]},
    }
    epochs, layers = released_by_layer({"epoch": {"epoch": [1, 2]}, "tensor": tensor})
    assert epochs == [1, 2]
    np.testing.assert_array_equal(layers["layer1"], [0.2, np.nan])


def test_a_fraction_of_nothing_is_not_a_number():
    np.testing.assert_array_equal(divided([1, 0], [2, 0]), [0.5, np.nan])


def test_a_spectrum_of_zeros_is_left_out_and_others_are_relative_to_their_largest():
    spectra = {"layer1": [np.array([4.0, 2, 0]), np.array([8.0, 4, 2])], "layer2": [np.zeros(3), np.full(3, np.nan)]}
    ranks = {rank: {"layer1": np.array([2, 3]), "layer2": np.full(2, np.nan)} for rank in RANKS}
    with applied(50):
        figure = svd_analysis([0, 5], spectra, ranks, "what", "net")
        figure.canvas.draw()
        first, last, *_ = figure.axes
    assert [line.get_ydata().tolist() for line in first.lines] == [[1, 0.5]]
    assert [line.get_ydata().tolist() for line in last.lines] == [[1, 0.5, 0.25]]
    named = {minor: {tick.get_text() for tick in first.get_xticklabels(minor=minor)} for minor in (False, True)}
    assert {"1", "2"} <= named[False]
    assert not any("\\times" in name for names in named.values() for name in names)


def test_tiles_are_in_order_with_white_between_and_after():
    tiles = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 3, 4, 3), np.uint8)
    sheet = tiled(tiles, 3)
    assert sheet.shape == (2 * 5, 3 * 6, 3)
    assert sheet[0, [0, 6, 12], 0].tolist() == [0, 1, 2]
    assert sheet[5, [0, 6, 12], 0].tolist() == [3, 4, 255]
    assert (sheet[:, 4:6] == 255).all()


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (300, 200, 3)])
def test_every_augmentation_is_a_file_of_its_exact_pixels(tmp_path, shape):
    images = np.random.default_rng(0).integers(0, 256, (3, *shape), np.uint8)
    write_images(tmp_path / "augs", images)
    for number, image in enumerate(images):
        found = np.round(imread(tmp_path / "augs" / f"aug_{number:03d}.png")[..., :3] * 255)
        factor = len(found) // shape[0]
        np.testing.assert_array_equal(
            found, np.broadcast_to(image, (*shape[:2], 3)).repeat(factor, 0).repeat(factor, 1)
        )


def test_the_original_is_on_the_sheet_only_if_it_is_known():
    images = np.zeros((6, 8, 8, 1), np.uint8)
    with applied(50):
        assert len(contact_sheet(images, images[0], "net").axes) == 2
        assert len(contact_sheet(images, None, "net").axes) == 1


def test_figures_of_units_say_how_many_of_how_many(network):
    folder = network("net", {"conv1": 3, "fc": 4})
    with Correlations(folder / "correlations.h5") as file:
        found = dict(drawings(file, {"conv1": 16384, "fc": 4}))
        assert found["correlation_evolution"]().texts[1].get_text().endswith(", 3 of 16,384 units of conv1")
        assert found["intra/l1_ff"]().texts[1].get_text().endswith("augmented 12 times, 3 of 16,384 units")
        assert "units" not in found["intra/l2_ff"]().texts[1].get_text()
