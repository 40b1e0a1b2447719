"""What the page draws can be read, in a wide window and in one of 400 pixels."""

from itertools import pairwise

import pytest

NUMBERS = """
const labels = (figure, axis) => [...figure.querySelectorAll(`.${axis}tick text`)].map(label => [
  label.getBoundingClientRect()[axis === "x" ? "x" : "y"],
  label.textContent.replace("−", "-").replaceAll(",", ""),
  label.querySelector("tspan") && label.textContent.slice(2).replace("−", "-"),
]);
const plot = document.querySelector(`#${arguments[0]} .plot`);
return ["x", "y"].filter(axis => plot._fullLayout[`${axis}axis`].type === "log").map(axis =>
  labels(plot, axis).sort((a, b) => (axis === "x" ? a[0] - b[0] : b[0] - a[0]))
  .map(([, text, power]) => (power ? 10 ** Number(power) : Number(text))));
"""


@pytest.mark.parametrize(
    ("view", "figures"), [("spectra", ("spectra", "ranks", "rank-by-width")), ("gradients", ("moved",))]
)
@pytest.mark.parametrize("width", [1400, 400])
def test_logarithmic_axes_have_whole_numbers(browser, root, view, figures, width):
    browser.window(width, 1000)
    browser.open(root / "index.html", view, fresh=True, network="net")
    for figure in figures:
        axes = browser.run(NUMBERS, figure)
        assert axes
        for numbers in axes:
            assert len(numbers) >= 2
            assert all(before < after for before, after in pairwise(numbers)), numbers
