"""What has a value at single steps alone is seen, and an empty panel says why it is empty."""

import numpy as np
from matplotlib.figure import Figure

from drillcore.figures.gradients import fraction_flipped
from drillcore.figures.step_axes import draw_steps
from drillcore.figures.style import applied

N = np.nan


def test_a_value_between_steps_without_one_is_a_dot():
    axes = Figure().subplots()
    draw_steps(axes, np.arange(8), [0.5, N, 1, 1, N, 2, N, 3])
    (line,) = axes.lines
    assert line.get_marker() == "." and line.get_markevery() == [0, 5, 7]


def test_a_panel_without_a_value_says_why():
    steps = np.arange(1, 4)
    none = dict.fromkeys(("retained", "flips", "minima", "maxima"), 0 * steps) | {"step": steps}
    some = {name: values + (name != "step") for name, values in none.items()}
    of_chance = dict.fromkeys(("minima_share", "minima_share_null"), np.full(3, N))
    with applied(50):
        figure = fraction_flipped({1e-7: {"raw": none | of_chance, "ema": some | of_chance}}, [2])
    said = [[text.get_text() for text in axes.texts] for axes in figure.axes]
    assert said[:2] == [["none stays near zero"], []] and said.count(["no flips"]) == 2
