"""Sign maps: what a pixel and a window say of millions of parameters."""

import tracemalloc

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_rgb

from drillcore.artifacts.gradients import NOT_A_NUMBER
from drillcore.colours import PALETTES, SIGNS
from drillcore.figures.signs import (
    BALANCE,
    GAP,
    MOST_EPOCHS,
    STACK,
    ZOOM,
    Snapshots,
    bands,
    colours,
    column_ranges,
    column_shares,
    interesting_windows,
    kinds,
    layer_ends,
    layer_wise_grad_signs,
    spread,
    zoomed_layer_wise_grad_signs,
)
from drillcore.figures.style import applied
from drillcore.recording.threshold import DECADES, studied_edge


def snapshots_of(arrays):
    """Two epochs of the given tensors, the second with every sign turned."""
    sizes = np.array([len(array) for array in arrays.values()])
    turned = {name: np.where(array == NOT_A_NUMBER, array, -array).astype(np.int8) for name, array in arrays.items()}
    return Snapshots([1, 2], list(arrays), sizes, [arrays, turned])


def kind_by_hand(value, edges):
    """A gradient's kind from its sign times its bin; bin k ends at edges[k - 1]."""
    if value in (NOT_A_NUMBER, 0):
        return "nan" if value else "zero"
    upper = edges[abs(value) - 1] if abs(value) <= len(edges) else np.inf
    if upper > studied_edge(edges):
        return "large"
    return "negative" if value < 0 else "positive"


@pytest.mark.parametrize("edges", [DECADES, [1e-7, 1e-5, 3e-5], [1e-3], [1e-9, 1e-6, 1e-2]], ids=len)
def test_a_kind_follows_from_the_bins_upper_edge(edges):
    bins = len(edges) + 2
    values = np.array([NOT_A_NUMBER, *range(-bins + 1, bins)], np.int8)
    assert [SIGNS[kind] for kind in kinds(values, edges)] == [kind_by_hand(int(value), edges) for value in values]


def test_the_threshold_is_the_studys_or_the_nearest_below():
    assert studied_edge(DECADES) == 1e-5
    assert studied_edge([1e-9, 1e-6, 1e-2]) == 1e-6
    assert studied_edge([1e-3, 1e-2]) == 1e-3


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_columns_shares_are_those_of_its_parameters(data):
    sizes = data.draw(st.lists(st.integers(1, 40), min_size=1, max_size=4))
    columns = data.draw(st.integers(1, 200))
    values = data.draw(
        st.lists(st.sampled_from([NOT_A_NUMBER, *range(-12, 13)]), min_size=sum(sizes), max_size=sum(sizes))
    )
    parts = np.split(np.array(values, np.int8), np.cumsum(sizes)[:-1])
    snapshots = snapshots_of({f"layer{k}.weight": part for k, part in enumerate(parts)})
    found = column_shares(snapshots, DECADES, columns)
    whole = np.concatenate([snapshots.rows[1][name] for name in snapshots.tensors])
    drawn = [SIGNS.index(kind_by_hand(int(value), DECADES)) for value in whole]
    members = [drawn[first:after] for first, after in zip(*column_ranges(sizes, columns), strict=True)]
    expected = [np.bincount(column, minlength=len(SIGNS)) / len(column) for column in members]
    np.testing.assert_allclose(found[1], expected, atol=1e-15)
    np.testing.assert_allclose(found.sum(2), 1)


def test_a_tensor_is_as_wide_as_the_root_of_its_size_and_no_parameter_is_left_out():
    first, after = column_ranges(np.array([10_000, 100, 400]), 130)
    assert first[[0, 100, 110]].tolist() == [0, 10_000, 10_100] and after[-1] == 10_500
    assert (after - first)[[0, 100, 110]].tolist() == [100, 10, 20]
    np.testing.assert_array_equal(first[1:], after[:-1])
    first, after = column_ranges(np.array([1, 4]), 12)
    assert first.tolist() == [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert (after - first == 1).all()


def test_a_tensor_of_many_blocks_is_counted_whole():
    size = 1_200_001
    array = np.ones(size, np.int8)
    array[size // 2 :] = 12
    shares = column_shares(snapshots_of({"layer1.weight": array}), DECADES, 2)
    assert shares[0, 0, SIGNS.index("positive")] == pytest.approx(1, abs=2e-6)
    assert shares[0, 1].tolist() == [0, 0, 1, 0, 0]


def test_a_band_is_divided_by_the_shares_and_one_by_the_signs_near_zero():
    negative, positive, large, zero, nan = range(len(SIGNS))
    shares = np.array([[0.1, 0.3, 0.35, 0.25, 0.0], [0.0, 0.0, 1.0, 0.0, 0.0], [0.2, 0.0, 0.0, 0.0, 0.8]])
    image = bands(shares)
    upper, gap, lower = np.split(image, [STACK, STACK + GAP])
    assert (gap == large).all()
    expected = {negative: [4, 0, 8], positive: [12, 0, 0], zero: [10, 0, 0], nan: [0, 0, 32], large: [14, 40, 0]}
    for kind, counts in expected.items():
        assert (upper == kind).sum(0).tolist() == counts
    assert upper[-4:, 0].tolist() == [negative] * 4 and upper[:14, 0].tolist() == [large] * 14
    assert (lower == negative).sum(0).tolist() == [BALANCE // 4, 0, BALANCE]
    assert (lower == positive).sum(0).tolist() == [3 * BALANCE // 4, 0, 0]
    assert (lower[:, 1] == large).all()


def test_the_map_of_the_network_shows_at_most_so_many_epochs():
    array = np.array([3, -3, 0, 12], np.int8)
    rows = [{"layer1.weight": array}] * 30
    snapshots = Snapshots(list(range(1, 31)), ["layer1.weight"], np.array([4]), rows)
    with applied():
        figure = layer_wise_grad_signs(snapshots, DECADES, "study", "net")
    (axes,) = [axes for axes in figure.axes if axes.images]
    assert len(axes.images[0].get_array()) == MOST_EPOCHS * (STACK + GAP + BALANCE)
    labels = [int(text.get_text()) for text in axes.get_yticklabels()]
    assert len(labels) == MOST_EPOCHS and (labels[0], labels[-1]) == (1, 30)
    red, green, white, grey = (
        to_rgb(PALETTES["study"][SIGNS.index(kind)]) for kind in ("negative", "positive", "large", "zero")
    )
    first = axes.images[0].get_array()[STACK // 2]
    assert [tuple(colour) for colour in first[len(first) // 8 :: len(first) // 4]] == [green, red, grey, white]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 8), st.floats(0.1, 1)), min_size=1, max_size=10))
def test_labels_that_fit_do_not_overlap_and_stay_inside(labels):
    labels.sort()
    centres, room = zip(*labels, strict=True)
    places = spread(centres, room, 8.0)
    gaps = np.diff(places) - (np.array(room)[1:] + np.array(room)[:-1]) / 2
    assert (gaps >= -1e-9).all()
    assert places[-1] <= 8.0 - room[-1] / 2 + 1e-9
    if sum(room) <= 8.0:
        assert places[0] >= room[0] / 2 - 1e-9


def test_labels_with_room_stay_where_they_are():
    assert spread([1.0, 4.0, 7.0], [0.5, 0.5, 0.5], 8.0) == [1.0, 4.0, 7.0]


def test_layers_gather_their_tensors():
    ends = layer_ends(["conv1/kernel", "conv1/bias", "output.bias"], [5, 2, 3])
    assert ends == {"conv1": (0, 7), "output": (7, 10)}


def test_windows_have_the_most_near_zero_gradients_of_their_layer():
    random = np.random.default_rng(0)
    arrays = {
        f"layer1.{part}": random.integers(-12, 13, size).astype(np.int8) for part, size in (("w", 4000), ("b", 90))
    }
    arrays["layer1.w"][7 * ZOOM : 8 * ZOOM] = 3
    arrays["output.bias"] = np.zeros(10, np.int8)
    windows = interesting_windows(snapshots_of(arrays), DECADES)
    assert windows == {"layer1": ("layer1.w", slice(7 * ZOOM, 8 * ZOOM)), "output": ("output.bias", slice(0, 10))}


def test_a_window_at_the_end_of_a_tensor_is_whole():
    array = np.full(2 * ZOOM + 9, 12, np.int8)
    array[-4:] = 3
    snapshots = snapshots_of({"layer1.w": array, "output.bias": np.full(9, 3, np.int8)})
    assert interesting_windows(snapshots, DECADES)["layer1"] == ("layer1.w", slice(ZOOM + 9, 2 * ZOOM + 9))
    with applied(60):
        bias, weight = zoomed_layer_wise_grad_signs(snapshots, DECADES, "study", "net").axes[:2]
    assert weight.get_xlim() == (ZOOM + 8.5, 2 * ZOOM + 8.5)
    assert [*bias.get_xticks()] == [0]  # none beyond its nine parameters


def test_a_zoomed_map_shows_single_parameters():
    array = np.resize(np.array([2, -2, 12, 0, NOT_A_NUMBER], np.int8), ZOOM)
    with applied(60):
        figure = zoomed_layer_wise_grad_signs(snapshots_of({"output.bias": array}), DECADES, "colourblind", "net")
    (image,) = figure.axes[0].get_images()
    palette = colours("colourblind")
    order = [SIGNS.index(kind) for kind in ("positive", "negative", "large", "zero", "nan")]
    np.testing.assert_array_equal(image.get_array()[0, :5], palette[order])
    texts = [text.get_text() for text in figure.axes[-1].get_legend().get_texts()]
    assert texts == ["negative, |g| ≤ 1e-5", "positive, |g| ≤ 1e-5", "|g| > 1e-5", "exactly 0", "NaN"]


@pytest.mark.parametrize("palette", PALETTES)
def test_no_two_kinds_look_alike(palette):
    assert len(set(PALETTES[palette])) == len(SIGNS)


def test_millions_of_parameters_need_little_memory(tmp_path):
    size, epochs = 2_000_000, 6
    random = np.random.default_rng(0)
    with h5py.File(tmp_path / "gradients.h5", "w") as file, applied(60):
        for epoch in range(epochs):
            file[f"{epoch:03d}/layer1.weight"] = random.integers(-12, 13, size, np.int8)
        groups = [file[f"{epoch:03d}"] for epoch in range(epochs)]
        snapshots = Snapshots(list(range(epochs)), ["layer1.weight"], np.array([size]), groups)
        tracemalloc.start()
        layer_wise_grad_signs(snapshots, DECADES, "study", "net")
        zoomed_layer_wise_grad_signs(snapshots, DECADES, "study", "net")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 100e6  # every gradient as one colour would take 288 MB
