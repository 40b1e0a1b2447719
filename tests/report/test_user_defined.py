"""User-defined networks in the page: many layers and classes, large images, trained elsewhere."""

import numpy as np
import pytest

from drillcore.artifacts.correlations import Correlations
from drillcore.report import correlations, embeddings, gradients, signs, similarity, spectra
from drillcore.report.overview import network
from drillcore.report.pack import PIXELS, thumbnails
from stages.rig.base.parameters import dump
from tests.artifacts import mobilenet, resnet18, write_network
from tests.report.conftest import write_page


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A folder with the page of `many`, which has all layers of a MobileNetV2 and 100 classes, and of `given`."""
    root = tmp_path_factory.mktemp("own")
    (root / "params.yaml").write_text(dump({"data": "sample", "networks": {"many": {}, "given": {}}}))
    names = [f"class {number}" for number in range(100)]
    widths, tensors = mobilenet(100)
    widths = {layer: min(width, 6) for layer, width in widths.items()} | {"predictions": 100}
    write_network(root, "many", widths, tensors=tensors, build="keras:MobileNetV2", epochs=(0, 1, 2, 3), classes=names)
    widths, tensors = resnet18(classes=2)
    write_network(
        root,
        "given",
        widths,
        tensors=tensors,
        build="torchvision:resnet18",
        given=True,
        epochs=(1,),
        image=(64, 64, 3),
        classes=["benign", "malignant"],
    )
    write_page(root)
    return root


@pytest.mark.parametrize("shape", [(2, 64, 64, 3), (2, 100, 45, 1), (2, 32, 20, 3), (1, 33, 1, 1)])
def test_large_images_are_averaged_over_squares(shape):
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    small = thumbnails(images)
    factor = -(-max(shape[1:3]) // PIXELS)
    assert max(small.shape[1:3]) <= PIXELS
    assert small.shape == (shape[0], max(1, shape[1] // factor), max(1, shape[2] // factor), shape[3])
    corner = images[-1, :factor, :factor, 0].astype(float).mean()
    assert abs(small[-1, 0, 0, 0] - corner) <= 0.5


def test_what_is_kept_of_many_layers_is_bounded(own, monkeypatch):
    folder = own / "artifacts" / "many"
    monkeypatch.setattr(correlations, "MOST_CELLS", 1_000_000)
    monkeypatch.setattr(correlations, "FEWER_CELLS", 200_000)
    meta, arrays = correlations.units(folder)
    assert meta["kept"] == [0, 2, 3]
    assert 100_000 < arrays["matrix"].size <= 200_000
    assert max(meta["shown"]) < max(meta["units"])
    meta, arrays = correlations.augmentations(folder)
    assert len(meta["layers"]) == len(arrays["samples"]) == 24 < meta["all"]
    meta, arrays = embeddings.maps(folder)
    assert arrays["embedding"].shape == (24, 40, 2)
    assert len(meta["colours"]) == 24 < meta["all_layers"]
    assert len(gradients.steps(folder)[0]["layers"]) <= 24
    assert signs.most_epochs(158) == 3
    meta, _ = spectra.spectra(folder)
    assert meta["features"]["epochs"] == [0, 3]
    monkeypatch.setattr(similarity, "MOST_CELLS", 50_000)
    meta, arrays = similarity.within(folder)
    assert meta["epochs"] == [0, 3]
    assert len(meta["epochs"]) == len(arrays["q_value"]) == len(arrays["between/rsa"]) < meta["stored"]


def test_the_blocks_of_fewer_units_are_those_of_the_matrix(own, monkeypatch):
    monkeypatch.setattr(correlations, "MOST_CELLS", 0)
    monkeypatch.setattr(correlations, "FEWER_CELLS", 2_000)
    meta, arrays = correlations.units(own / "artifacts" / "given")
    assert max(meta["shown"]) == 2
    with Correlations(own / "artifacts/given/correlations.h5") as file:
        matrix = file.of_epoch("matrix", 1)[:]
    first = matrix[np.ix_([0, 15], [0, 15])]
    np.testing.assert_allclose(arrays["matrix"][0, :4] / 64, first.ravel(), atol=1 / 128)
    second = matrix[np.ix_([0, 15], [16, 31])]
    np.testing.assert_allclose(arrays["matrix"][0, 4:8] / 64, second.ravel(), atol=1 / 128)


def test_what_a_given_network_has_not_recorded_is_empty(own):
    about = network(own / "artifacts", "given")
    assert about["history"]["train_loss"] == [None]
    assert about["width"] is None
    meta, arrays = gradients.steps(own / "artifacts" / "given")
    assert meta["recorded"] == arrays["raw/retained"].shape[-1] == 0
    assert signs.snapshots(own / "artifacts" / "given")[0]["epochs"] == []


def test_a_given_network_says_how_it_came(own, browser):
    browser.open(own / "index.html", "overview")
    card = browser.text("[data-network=given]")
    assert "as it came, from trained.pth" in card
    assert "torchvision:resnet18 with weights=null; images of 64 × 64 × 3" in card
    assert "layer2.0.downsample.016 × 4 × 4" in card
    browser.open(own / "index.html", "gradients", network="given")
    assert "No step of a training was recorded of given" in browser.text("main .empty")
    for view in ("correlations", "spectra", "embeddings", "similarity"):
        browser.open(own / "index.html", view, network="given")
        browser.screenshot(f"given-{view}")
    assert browser.run("return document.querySelector('#settling')") is None


def test_many_layers_and_classes_fit(own, browser):
    browser.open(own / "index.html", "embeddings", network="many")
    entries = browser.run(
        "return document.querySelector('#maps .plot')._fullData.filter(t => t.showlegend).map(t => t.name)"
    )
    assert entries == [*(f"class {number}" for number in range(20)), "and 20 more"]  # of 40 samples
    assert "24 of 151 layers, evenly chosen" in browser.text("#maps figcaption")
    rings = browser.run(
        "const plot = document.querySelector('#maps .plot').getBoundingClientRect();"
        "return [...document.querySelectorAll('#maps .ring')].map(r => r.offsetTop)"
    )
    heights = browser.run(
        "const f = document.querySelector('#maps .plot')._fullLayout;"
        "return Object.keys(f).filter(k => /^yaxis/.test(k)).map(k => [f[k]._offset, f[k]._offset + f[k]._length])"
    )
    assert len(rings) == len(heights) == 24
    assert all(top - 10 <= ring <= bottom + 10 for ring, (top, bottom) in zip(rings, heights, strict=True))
    for width in (1440, 400):
        browser.window(width, 1200)
        for view in ("correlations", "gradients", "spectra", "similarity"):
            browser.open(own / "index.html", view, network="many")
            assert browser.run("return document.documentElement.scrollWidth") <= width
            browser.screenshot(f"many-{view}-{width}")
    names = browser.run("return document.querySelectorAll('#settling .legend .traces').length")
    assert names == 24
    assert browser.run("return document.querySelector('#settling .legend .scrollbar').getAttribute('height')") == "0"


@pytest.mark.parametrize(("view", "figure"), [("similarity", "settling"), ("spectra", "spectra"), ("spectra", "ranks")])
def test_layers_in_legends_are_told_apart(own, browser, view, figure):
    browser.open(own / "index.html", view, network="many")
    traces = browser.run(
        "return document.querySelector(`#${arguments[0]} .plot`)._fullData.map(t => [t.showlegend, t.line.width,"
        "[t.line.color, t.line.dash, t.mode.includes('markers') && t.marker.symbol].join()])",
        figure,
    )
    shown = [look for named, _, look in traces if named]
    assert len(shown) == len(set(shown)) == 24
    assert all((width < 1) != named for named, width, _ in traces)
