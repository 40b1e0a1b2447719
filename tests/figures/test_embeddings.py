"""Maps of samples: what is drawn where there is no t-SNE."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba_array

from drillcore.colours import class_colours
from drillcore.figures.embeddings import Map, caption, draw_map, model_tsne_layers
from drillcore.figures.style import applied, canvas

LABELS = np.arange(30) % 3
CLASSES = ["a", "b", "c"]


def drawn(points, classes=CLASSES):
    with applied(50):
        axes = canvas(3, 3, "what", "where").subplots()
        draw_map(axes, points, LABELS, classes, np.array(class_colours(3))[LABELS], "coordinate")
    return axes


def test_two_coordinates_are_drawn_as_they_are_in_the_colours_of_their_classes():
    points = np.random.default_rng(0).normal(size=(30, 2))
    axes = drawn(points)
    (scatter,) = axes.collections
    np.testing.assert_array_equal(scatter.get_offsets(), points)
    np.testing.assert_allclose(scatter.get_facecolors()[:, :3], to_rgba_array(class_colours(3))[LABELS, :3])
    assert axes.get_aspect() == 1


def test_one_coordinate_is_drawn_in_a_row_for_each_class():
    points = np.column_stack([np.linspace(-1, 1, 30), np.zeros(30)])
    axes = drawn(points)
    offsets = axes.collections[0].get_offsets()
    np.testing.assert_array_equal(offsets[:, 0], points[:, 0])
    np.testing.assert_array_equal(np.round(offsets[:, 1]), LABELS)
    assert len(np.unique(offsets[:, 1])) == 30
    assert [label.get_text() for label in axes.get_yticklabels()] == CLASSES
    assert axes.get_xlabel() == "coordinate 1, the only one"


def test_long_names_of_classes_are_left_to_the_legend():
    axes = drawn(np.zeros((30, 2)), ["astronaut", "motorcycle", "rocket"])
    assert list(axes.get_yticks()) == []
    assert axes.get_ylabel() == "class, in the legend's order"


def test_coordinates_that_are_not_finite_are_not_drawn():
    assert len(drawn(np.full((30, 2), np.nan)).collections) == 0


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ("t-SNE", "t-SNE\ntrustworthiness 0.950\nneighbour recall 0.50"),
        ("coordinates: the layer has width 1", "coordinates: the layer has\nwidth 1"),
    ],
)
def test_a_map_says_how_faithful_it_is_or_what_it_is_instead(status, text):
    assert caption(Map(np.zeros((3, 2)), np.zeros((3, 2)), 0.95, 0.5, status)) == text


def test_more_layers_than_fit_go_to_a_second_row():
    points = np.random.default_rng(0).normal(size=(30, 2))
    maps = {f"layer{k}": Map(points, points, 0.9, 0.5, "t-SNE") for k in range(1, 10)}
    with applied(50):
        figure = model_tsne_layers(maps, LABELS, CLASSES, "net")
    positions = [axes.get_position().bounds[:2] for axes in figure.axes[:-1]]
    assert len(positions) == len(set(positions)) == 18
    assert len({round(bottom, 6) for _, bottom in positions}) == 4
