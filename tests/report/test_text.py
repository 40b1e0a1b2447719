"""Names are shown in the page and in its tables as they are written, and captions explain what is drawn."""

import re

import pytest

from stages.rig.base.parameters import dump
from tests.artifacts import write_network
from tests.report.conftest import write_page

NAMES = ["$x_1^2$", "Ba$$in, <b>b", "%{y} {x}", "a & b &lt;", "=1+1", "猫と고양이"]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page of a network whose classes and layers are called NAMES, with no dead unit."""
    root = tmp_path_factory.mktemp("names")
    (root / "params.yaml").write_text(dump({"data": "sample", "networks": {"net": {}}}))
    tensors = {f"{name}.weight": 12 for name in NAMES}
    write_network(
        root, "net", dict.fromkeys(NAMES, 3), classes=NAMES, tensors=tensors, build="my.py:make", epochs=(0, 2)
    )
    return write_page(root)


def legend(browser, figure):
    script = "return [...document.querySelectorAll(`#${arguments[0]} .legendtext`)].map(text => text.textContent)"
    return browser.run(script, figure)


@pytest.mark.parametrize(("view", "figure"), [("embeddings", "maps"), ("spectra", "ranks"), ("similarity", "settling")])
def test_a_legend_shows_names_as_they_are(browser, page, view, figure):
    browser.open(page, view)
    assert legend(browser, figure) == NAMES
    for picture in ("svg", "png"):
        assert browser.save(figure, picture).stat().st_size > 1000


def test_a_table_has_the_names_and_no_formula(browser, page):
    browser.open(page, "spectra")
    header, rows = browser.table("ranks")
    assert header == ["series", "x", "y"]
    assert list(dict.fromkeys(row[0] for row in rows)) == [f"'{name}" if name[0] == "=" else name for name in NAMES]


def test_axes_of_a_map_name_its_layers(browser, page):
    browser.open(page, "correlations", pair="1,2")
    script = "return [...document.querySelectorAll('#units .xtitle, #units .ytitle')].map(text => text.textContent)"
    assert set(browser.run(script)) == {f"units of {name}" for name in NAMES[1:3]}
    assert browser.text("#units h3").startswith(f"{NAMES[1]} with {NAMES[2]}, epoch")


def test_a_template_holds_no_name(browser, page):
    browser.open(page, "similarity")
    templates = browser.run("return document.querySelector('#settling .plot').data.map(trace => trace.hovertemplate)")
    assert all(re.findall(r"%\{[^}]*\}", template) == ["%{y:.4~g}", "%{x}"] for template in templates)


def captions(browser, page, view, **state):
    browser.open(page, view, **state)
    return " ".join(
        browser.run("return [...document.querySelectorAll('figcaption, .legend')].map(one => one.textContent)")
    )


def test_captions_explain_what_is_drawn_and_nothing_else(browser, page, root):
    bare, full = page, root / "index.html"
    assert "rey:" not in captions(browser, bare, "correlations", pair="0,1")
    assert "Grey: a dead unit" in captions(browser, full, "correlations", network="other", pair="0,2")
    assert "undefined" not in captions(browser, bare, "similarity")
    assert "× where there is room: undefined" in captions(browser, full, "similarity", network="other")
    assert "Grey:" not in captions(browser, bare, "similarity", limit="1")
    assert "own coordinates" not in captions(browser, bare, "embeddings")
    assert "trustworthiness" in captions(browser, bare, "embeddings")
    assert "trustworthiness" not in captions(browser, bare, "embeddings", map="pca")
    assert "own coordinates" in captions(browser, full, "embeddings", network="net")
    assert "dotted" in captions(browser, bare, "overview")
    assert "dotted" not in captions(browser, bare, "overview", metric="f1")
    assert "It is the cross-entropy (nats)." in captions(browser, bare, "overview", metric="loss")
    assert "nearest" not in captions(browser, bare, "spectra")
    assert "Diamonds" not in captions(browser, full, "spectra")
    assert "random subset" not in captions(browser, full, "correlations", network="net")
    assert "not a number" not in captions(browser, bare, "gradients")
    assert "kept one by one" not in captions(browser, bare, "gradients")


def test_a_pair_names_the_epoch_of_each_network(browser, root):
    browser.open(root / "index.html", "similarity", network="net--other")
    assert browser.text("#similarity h3") == "debiased CKA, net at epoch 2 against other at epoch 2"
