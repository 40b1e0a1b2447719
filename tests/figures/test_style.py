"""What all figures have in common."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib import rcParams
from matplotlib.colors import to_rgb
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.transforms import Bbox

from drillcore.colours import class_colours, layer_colour, layer_of
from drillcore.figures.gradients import exponent
from drillcore.figures.style import applied, box, canvas, layer_lines, number, save

NETWORKS = [
    ["layer1", "layer2", "layer3", "output"],
    ["conv1", "conv2", "conv3", "dense1", "dense2", "output"],
    ["squeeze1", "layer1", "squeeze2", "layer2", "squeeze3", "layer3", "output"],
    [
        "layer1.linear",
        "layer1.batch_norm",
        "layer1.relu",
        "layer2.linear",
        "layer2.batch_norm",
        "layer2.relu",
        "output",
    ],
    ["conv1", "pool1", "conv2", "pool2", "flatten", "dense1", "output"],
]


@pytest.mark.parametrize("layers", NETWORKS, ids=" ".join)
def test_the_layers_of_a_network_are_told_apart(layers):
    for first, second in combinations(layers, 2):
        distance = np.linalg.norm(np.subtract(layer_colour(first), layer_colour(second)))
        assert distance > 0.15, (first, second)


def test_a_layer_and_its_tensors_have_one_colour_in_every_network():
    assert layer_colour("layer2") == layer_colour("layer2.weight") == layer_colour(layer_of("layer2.linear.weight"))
    assert layer_colour("conv1") == layer_colour("conv1/kernel") == layer_colour("conv1.kernel")
    assert layer_colour("layer2") == pytest.approx((0xD5 / 255, 0x5E / 255, 0), abs=1e-6)
    assert layer_lines(["squeeze2"])["squeeze2"]["linestyle"] == "--"


def test_a_layer_of_any_name_has_a_colour():
    for name in ("layer12", "x", "attention.0.q", "layer", "12"):
        assert all(0 <= part <= 1 for part in layer_colour(name))


def test_classes_are_told_apart():
    for count in (1, 2, 10, 37, 100):
        found = class_colours(count)
        assert len(found) == len(set(found)) == count
        steps = np.linalg.norm(np.diff([to_rgb(colour) for colour in found], axis=0), axis=1)
        assert (steps > 0.15).all()


@pytest.mark.parametrize(
    ("threshold", "name", "text"),
    [
        (1e-7, "e7", "1e-7"),
        (1e-5, "e5", "1e-5"),
        (3e-6, "3e6", "3e-6"),
        (2.5e-8, "2p5e8", "2.5e-8"),
        (1e-10, "e10", "1e-10"),
        (0.1, "e1", "0.1"),
        (1.0, "e0", "1"),
        (10.0, "e+1", "10"),
    ],
)
def test_thresholds_are_named_by_their_exponent(threshold, name, text):
    assert exponent(threshold) == name
    assert number(threshold) == text


def test_the_style_ends_with_its_context():
    before = dict(rcParams)
    with applied(50):
        assert rcParams["figure.dpi"] == 50
    assert dict(rcParams) == before


def test_a_box_is_on_whole_pixels():
    with applied(73):
        axes = box(canvas(5.1, 3.3, "what", "where", layout=None), 0.517, 0.233, 2.013, 1.777)
        figure = axes.figure
        pixels = axes.get_position().extents * np.tile(figure.get_size_inches() * figure.dpi, 2)
    np.testing.assert_allclose(pixels, pixels.round(), atol=1e-6)


class Noisy(ConstrainedLayoutEngine):
    """A layout whose solver rounds the last bits otherwise."""

    def execute(self, fig):
        super().execute(fig)
        for axes in fig.axes:
            axes.set_position(Bbox(axes.get_position().get_points() * (1 + 1e-14)), "original")


def drawn(folder, layout=ConstrainedLayoutEngine):
    with applied(50):
        figure = canvas(4, 2, "A headline that is far too long for so small a figure " * 2, "where")
        figure.set_layout_engine(layout(**figure.get_layout_engine().get()))
        axes = figure.subplots()
        axes.plot(np.geomspace(1e-7, 1, 50), np.sin(np.arange(50)), "o")
        axes.set_xscale("log")
        save(figure, folder / "figure", "sample: a source", pdf=True)
        return figure, [(folder / f"figure.{end}").read_bytes() for end in ("png", "pdf")]


def test_a_figure_is_saved_as_the_same_bytes_with_its_source_and_no_dates(tmp_path):
    figure, files = drawn(tmp_path / "a")
    assert drawn(tmp_path / "b")[1] == files
    assert b"Software" not in files[0]
    assert b"CreationDate" not in files[1]
    assert "Data: sample: a source" in [text.get_text() for text in figure.texts]


def test_the_last_bits_of_the_layout_move_nothing(tmp_path):
    assert drawn(tmp_path / "a", Noisy)[1] == drawn(tmp_path / "b")[1]


def test_a_long_headline_is_wrapped_and_pushes_the_drawing_down(tmp_path):
    figure, _ = drawn(tmp_path)
    headline = figure.texts[0]
    assert headline.get_text().count("\n") >= 2
    assert headline.get_window_extent().x1 <= figure.bbox.x1
    assert headline.get_window_extent().y0 > figure.axes[0].get_tightbbox().y1
