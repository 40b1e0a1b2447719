"""What the page draws can be read, in a wide window and in one of 400 pixels."""

from itertools import pairwise
from xml.etree import ElementTree

import pytest

from stages.rig.base.parameters import dump
from tests.artifacts import resnet18, write_network
from tests.report.conftest import write_page


@pytest.fixture(scope="module")
def deep(tmp_path_factory):
    """The page of networks of 7, 21 and 52 layers."""
    root = tmp_path_factory.mktemp("deep")
    (root / "params.yaml").write_text(dump({"data": "sample", "networks": {name: {} for name in NETWORKS}}))
    for name, (widths, tensors) in NETWORKS.items():
        tensors = tensors and {tensor: min(size, 500) for tensor, size in tensors.items()}
        build = "torchvision:resnet18" if tensors else None
        write_network(root, name, widths, tensors=tensors, build=build, epochs=(0, 1))
    return write_page(root)


NETWORKS = {
    "eight": ({**{f"{kind}{k}": 3 for k in range(1, 4) for kind in ("squeeze", "layer")}, "output": 4}, None),
    "twenty": resnet18(),
    "fifty": resnet18(everything=True),
}
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


CELLS = """
const canvas = document.querySelector(`#${arguments[0]} canvas`), context = canvas.getContext("2d");
const shades = (x, y, w, h) => new Set(new Uint32Array(context.getImageData(x, y, w, h).data.buffer)).size;
const [w, h] = [canvas.width / arguments[1], canvas.height / arguments[1]];
const edge = x => shades(x, 0.1 * h, 1, 0.8 * h);
return [w, shades(0.05 * w, 0.05 * h, 0.9 * w, 0.9 * h), Math.max(edge(0), edge(Math.floor(w - 1)))];
"""


@pytest.mark.parametrize("width", [1400, 400])
def test_numbers_are_written_into_the_cells_of_a_map_as_long_as_they_fit(browser, deep, width):
    browser.window(width, 1000)
    for network, count in (("eight", 8), ("twenty", 22), ("fifty", 53)):
        browser.open(deep, "similarity", network=network)
        side, within, border = browser.run(CELLS, "similarity", count)
        assert (within > 2) == (side > 18), (network, side)
        assert border == 1 or side < 18


SIDES = """
return [...document.querySelectorAll("figure canvas")].map(canvas => {
  const { xaxis, yaxis } = canvas.parentElement.querySelector(".js-plotly-plot")._fullLayout;
  return [canvas.offsetWidth, canvas.offsetHeight, xaxis._length, yaxis._length];
});
"""


@pytest.mark.parametrize("width", [1400, 400])
@pytest.mark.parametrize(("view", "count"), [("correlations", 3), ("similarity", 1), ("gradients", 1)])
def test_a_map_is_as_wide_and_high_as_its_axes(browser, deep, view, count, width):
    browser.window(width, 1000)
    browser.open(deep, view, network="eight", fresh=True)
    sides = browser.run(SIDES)
    assert len(sides) == count
    for across, down, x, y in sides:
        assert [x, y] == pytest.approx([across, down], abs=1)


BARS = """
const top = document.querySelector(`figure#${arguments[0]}`).getBoundingClientRect().top;
const bars = [...document.querySelectorAll("header, .controls, .sample")]
  .filter(bar => getComputedStyle(bar).position === "sticky").map(bar => bar.getBoundingClientRect().bottom);
return [top, Math.max(...bars)];
"""
FIGURES = {
    "overview": "widths",
    "spectra": "rank-by-width",
    "embeddings": "maps",
    "curvature": "eigenvalues",
    "correlations": "augmentations",
    "gradients": "signs",
}


@pytest.mark.parametrize("width", [1400, 400])
@pytest.mark.parametrize(("view", "figure"), FIGURES.items())
def test_a_link_leads_to_its_figure_below_the_bars(browser, deep, view, figure, width):
    browser.window(width, 700)
    browser.open(deep, view, network="eight", figure=figure, fresh=True)
    top, end = browser.run(BARS, figure)
    assert end <= top < 600


FAULTS = """
const faults = [];
for (const plot of document.querySelectorAll(".plot")) {
  const frame = plot.getBoundingClientRect();
  const texts = [...plot.querySelectorAll("svg text")]
    .map(text => [text.textContent.trim(), text.getBoundingClientRect()])
    .filter(([text, box]) => text && box.width && box.height);
  texts.forEach(([text, box], i) => {
    if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1)
      faults.push(`cut off: ${text}`);
    for (const [other, beside] of texts.slice(i + 1)) {
      const across = Math.min(box.right, beside.right) - Math.max(box.left, beside.left),
        down = Math.min(box.bottom, beside.bottom) - Math.max(box.top, beside.top);
      if (across > 1 && down > 2) faults.push(`${text} over ${other}`);
    }
  });
}
return faults;
"""


@pytest.mark.parametrize("width", [1400, 400])
@pytest.mark.parametrize(
    "view",
    ["overview", "correlations", "gradients", "layers", "spectra", "embeddings", "samples", "similarity", "curvature"],
)
def test_no_text_covers_another_or_is_cut_off(browser, deep, view, width):
    browser.window(width, 1000)
    for network in NETWORKS:
        browser.open(deep, view, network=network, networks=network)
        assert browser.run(FAULTS) == [], network


def test_a_saved_picture_has_its_whole_title_above_the_drawing(browser, deep):
    browser.window(400, 1000)
    browser.open(deep, "gradients", network="twenty")
    picture = ElementTree.parse(browser.save("signs", "svg"))
    title = next(text for text in picture.findall(".//{*}text") if text.get("class") == "gtitle")
    lines = ["".join(line.itertext()) for line in title.findall("{*}tspan")]
    assert " ".join(lines) == browser.text("#signs h3")
    assert max(map(len, lines)) < 60
