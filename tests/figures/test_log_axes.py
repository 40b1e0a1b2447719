"""Logarithmic axes have few ticks, each with its whole number."""

import re

import numpy as np
import pytest
from matplotlib.figure import Figure

from drillcore.figures.catalogue import figures
from drillcore.figures.log_axes import log_axis, ticks
from drillcore.figures.style import applied


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (1, 100, [1, 2, 5, 10, 20, 50, 100]),
        (0.07, 1.4, [0.1, 0.2, 0.5, 1]),
        (0.3, 2.4, [0.5, 1, 2]),
        (2e-7, 3e-6, [2e-7, 5e-7, 1e-6, 2e-6]),
        (1, 1500, [1, 10, 100, 1000]),
        (1.2, 420, [2, 5, 10, 20, 50, 100, 200]),
        (1e-6, 1.4, [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1]),
        (1e-14, 2, [1e-14, 1e-12, 1e-10, 1e-8, 1e-6, 1e-4, 1e-2, 1]),
        (0.41, 0.62, [0.45, 0.5, 0.55, 0.6]),
        (98, 101, [98, 98.5, 99, 99.5, 100, 100.5, 101]),
    ],
)
def test_ticks_are_powers_of_ten_or_round_steps_between_them(low, high, expected):
    np.testing.assert_allclose(ticks(low, high), expected, rtol=1e-9)


@pytest.mark.parametrize("exponent", np.linspace(-9, 9, 25))
@pytest.mark.parametrize("decades", [0.02, 0.3, 0.8, 1.7, 2.6, 4, 9, 15])
def test_every_range_has_three_to_ten_ticks(exponent, decades):
    found = ticks(10**exponent, 10 ** (exponent + decades))
    assert 3 <= len(found) <= 10
    assert (np.diff(found) > 0).all()


def said(axis):
    """The numbers that the labels of an axis, majors and minors, say, with where they stand."""
    labels = [*zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=True)]
    labels += [*zip(axis.get_minorticklocs(), axis.get_minorticklabels(), strict=True)]
    return [(place, value(label.get_text())) for place, label in labels if label.get_text()]


def value(text):
    """The number that a label says: `1,000`, `$10^{-7}$` or `$2\\times10^{-5}$`, also in matplotlib's own default form."""
    text = re.sub(r"\\mathdefault\{(.*)\}", r"\1", text)
    factor, power = (
        re.fullmatch(r"\$(?:([\d.]+)\\times)?10\^\{(-?\d+)\}\$", text).groups() if "$" in text else (text, 0)
    )
    return float((factor or "1").replace(",", "")) * 10.0 ** int(power)


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (1, 1500, ["1", "10", "100", "1,000"]),
        (0.3, 2.4, ["0.5", "1", "2"]),
        (1e-6, 1e-2, [f"$10^{{{power}}}$" for power in range(-6, -1)]),
        (2e-7, 3e-6, [r"$2\times10^{-7}$", r"$5\times10^{-7}$", "$10^{-6}$", r"$2\times10^{-6}$"]),
    ],
)
def test_labels_are_whole_numbers(low, high, labels):
    axes = Figure().subplots()
    log_axis(axes.yaxis)
    axes.set_ylim(low, high)
    assert [label.get_text() for label in axes.get_yticklabels()] == labels
    assert not any(label.get_text() for label in axes.get_yticklabels(minor=True))


def test_every_logarithmic_axis_of_a_network_says_where_its_ticks_stand(network):
    folder = network("net", {"layer1": 30, "squeeze2": 2, "layer2": 8, "output": 4}, epochs=(0, 1))
    with applied(50):
        drawn = [draw() for name, draw in figures(folder, "study") if not name.startswith(("intra", "augs"))]
    scaled = [
        axis
        for figure in drawn
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        if axis.get_scale() == "log" and axes.axison
    ]
    assert len(scaled) > 6
    for axis in scaled:
        found = np.array(said(axis))
        assert len(found) >= 2
        np.testing.assert_allclose(found[:, 1], found[:, 0], rtol=1e-4)
