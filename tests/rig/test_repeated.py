"""The arrangement of texts, kept from one look to the next."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from stages.rig.repeated import arrange, remembered

CHANGES = {
    "text": "two\nlines",
    "fontsize": 14,
    "fontweight": "bold",
    "rotation": 30,
    "rotation_mode": "anchor",
    "horizontalalignment": "right",
    "verticalalignment": "top",
    "multialignment": "center",
    "linespacing": 2.0,
    "parse_math": False,
}


def changed(name):
    figure = Figure(dpi=150)
    renderer = FigureCanvasAgg(figure).get_renderer()
    text = figure.text(0.5, 0.5, "a $b$ text\nof two lines")
    remembered(text, renderer)  # as it is, so that a key that misses `name` would find this
    if name:
        text.set(**{name: CHANGES[name]})
    return text, renderer


@pytest.mark.parametrize("name", [None, *CHANGES])
def test_what_is_kept_is_what_matplotlib_arranges(name):
    text, renderer = changed(name)
    (box, lines, corner), (kept, kept_lines, kept_corner) = arrange(text, renderer), remembered(text, renderer)
    np.testing.assert_array_equal(kept.get_points(), box.get_points())
    assert kept_lines == lines
    assert kept_corner == corner


def test_another_resolution_is_another_arrangement():
    text, renderer = changed(None)
    small = remembered(text, renderer)[0].width
    text.figure.dpi = renderer.dpi = 300
    assert remembered(text, renderer)[0].width == pytest.approx(2 * small, rel=0.02)
