"""Texts that are drawn from kept images."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from drillcore.figures import renderer
from drillcore.figures.renderer import Canvas
from drillcore.figures.style import applied

PLAIN = {"fontsize": 9, "rotation": 0, "color": "black", "weight": "normal"}


def pixels(canvas_of, text, dpi=150, **look):
    with applied(dpi):
        figure = Figure((2, 2))
        canvas = canvas_of(figure)
        figure.text(0.5, 0.5, text, ha="center", va="center", **{**PLAIN, **look})
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].astype(float)


@pytest.mark.parametrize(
    "look", [{}, {"rotation": 90}, {"rotation": 30}, {"rotation": 270}, {"fontsize": 6}, {"color": "red"}, {"dpi": 72}]
)
@pytest.mark.parametrize("text", ["0.87 gyLm", "two\nlines", "層 1"])
def test_a_text_is_where_matplotlib_draws_it_to_half_a_pixel(text, look):
    expected, found = (pixels(canvas_of, text, **look) for canvas_of in (FigureCanvasAgg, Canvas))
    for drawn in (255 - expected, 255 - found):
        assert drawn.any()
    ink = [255 - drawn.mean(2) for drawn in (expected, found)]
    assert ink[1].sum() == pytest.approx(ink[0].sum(), rel=0.01)
    centres = [np.array([(one * index).sum() / one.sum() for index in np.indices(one.shape)]) for one in ink]
    np.testing.assert_allclose(centres[1], centres[0], atol=0.55)


@pytest.mark.parametrize(
    "change", [{"fontsize": 12}, {"rotation": 45}, {"weight": "bold"}, {"dpi": 100}, {"color": "red"}]
)
def test_another_look_is_another_image(change, monkeypatch):
    monkeypatch.setattr(renderer, "KEPT", {})
    alone = pixels(Canvas, "0.87", **change)
    monkeypatch.setattr(renderer, "KEPT", {})
    pixels(Canvas, "0.87")
    np.testing.assert_array_equal(pixels(Canvas, "0.87", **change), alone)


def test_a_formula_is_drawn_as_matplotlib_does():
    np.testing.assert_array_equal(pixels(Canvas, "$10^{-3}$"), pixels(FigureCanvasAgg, "$10^{-3}$"))


def test_no_more_images_are_kept_than_allowed(monkeypatch):
    monkeypatch.setattr(renderer, "KEPT", {})
    monkeypatch.setattr(renderer, "MOST_KEPT", 3)
    for number in range(5):
        pixels(Canvas, str(number))
    assert len(renderer.KEPT) == 2
