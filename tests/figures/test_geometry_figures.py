"""Figures of what layers know draw chance where there is a value to compare with it, and in no layer's colour."""

import numpy as np
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from drillcore.colours import KINDS, SINGLE
from drillcore.figures.geometry import BARS, EARLY, LATE, by_epoch, by_layer
from drillcore.figures.style import CHANCE, layer_lines
from drillcore.geometry.catalogue import MEASURES


class Scored:
    """A geometry.h5 of three layers at two epochs, of whose first NC3 is not known, with chance of all of them."""

    layers, epochs, task = ("layer1", "layer2", "output"), [0, 4], "classes"

    def __getitem__(self, measure):
        return np.array([[np.nan, 1.4, 1.5], [np.nan, 0.5, 0.4]])

    def null(self, measure):
        return np.full((2, 3, 2), [1.3, 1.5])

    def chance(self, measure):
        return self.null(measure).mean(2)

    def interval(self, measure):
        return np.full((2, 3), np.nan)


def test_the_axis_of_a_probe_has_the_name_of_its_score():
    assert [MEASURES["probe"].label(score) for score in ("accuracy", "R2")] == [
        "accuracy on test samples",
        "R² on test samples",
    ]


def test_chance_is_of_shuffled_labels_or_in_a_regression_of_targets():
    assert [MEASURES["probe"].by_chance(score) for score in ("accuracy", "R2")] == [
        "the same with the training labels shuffled",
        "the same with the training targets shuffled",
    ]


def test_chance_is_drawn_at_layers_that_have_a_value_alone():
    left, right = Figure().subplots(1, 2)
    by_layer(left, Scored(), "nc3")
    (chance,) = [line for line in left.lines if line.get_color() == CHANCE["color"]]
    np.testing.assert_array_equal(chance.get_ydata(), [np.nan, 1.4, 1.4])
    by_epoch(right, Scored(), "nc3", layer_lines(list(Scored.layers)))
    dotted = [line.get_ydata() for line in right.lines if line.get_linestyle() != "-"]
    np.testing.assert_array_equal(dotted, [[1.4, 1.4]] * 2)


def test_chance_epochs_and_intervals_have_the_colour_of_no_layer():
    of_layers = {to_hex(colour) for kind in KINDS.values() for colour in kind.hues} | set(SINGLE["output"].hues)
    assert not of_layers & {to_hex(look["color"]) for look in (CHANCE, EARLY, LATE, BARS)}
