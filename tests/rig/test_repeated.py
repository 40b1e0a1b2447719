"""The arrangement of texts, kept from one look to the next."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from drillcore.figures.style import canvas, name_ticks, save
from stages.rig.repeated import PLAIN, arrange, remembered

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


def shared_scales(figure):
    """Linear axes of which one shares a scale, with numbers that need another column, a grid, and a secondary axis."""
    left, right = figure.subplots(1, 2, sharey=True)
    left.plot([0, 3, 7], [1e-7, 4e-7, 9e-7])
    left.set(title="small", xlabel="epoch", ylabel="loss")
    right.plot([0, 1], [2e-7, 1e-6])
    right.grid(True)
    right.twinx().set_ylabel("more")
    right.tick_params(axis="x", rotation=90, labelsize=6, length=9, pad=5)


def logarithms(figure):
    """Logarithmic axes with minor ticks, one of which is turned around."""
    axes = figure.subplots()
    axes.loglog([1, 2000], [0.02, 7])
    axes.grid(True, which="both")
    axes.invert_yaxis()
    axes.set_title("steps")


def names(figure):
    """Names as ticks, all and some of them, one of them bold, above the axes, and a bar of colours."""
    axes = figure.subplots()
    image = axes.imshow(np.arange(12.0).reshape(3, 4), aspect="auto")
    name_ticks(axes.yaxis, ["input", "layer 1", "g"], 1.0)
    axes.set_xticks(range(3), ["a", "b", "c"], color="red")
    axes.xaxis.get_major_ticks()[1].label2.set_fontweight("bold")
    axes.xaxis.tick_top()
    axes.set_title("of three layers")
    figure.colorbar(image)


def saved(fill, layout, path):
    figure = canvas(4, 2, "A headline", layout=layout)
    fill(figure)
    save(figure, path, "a source")
    return path.with_name(f"{path.name}.png").read_bytes()


@pytest.mark.parametrize("layout", ["constrained", None])
@pytest.mark.parametrize("fill", [shared_scales, logarithms, names])
def test_a_figure_is_the_one_that_matplotlib_draws(fill, layout, tmp_path, monkeypatch):
    kept = saved(fill, layout, tmp_path / "kept")
    for (kind, name), method in PLAIN.items():
        monkeypatch.setattr(kind, name, method)
    assert saved(fill, layout, tmp_path / "plain") == kept


def test_a_figure_that_still_changes_is_looked_at_again():
    axes = Figure().subplots()
    axes.set_xlim(0, 1)
    axes.xaxis._update_ticks()
    axes.set_xticks([0.5], ["half"])
    assert [tick.label1.get_text() for tick in axes.xaxis._update_ticks()] == ["half"]
