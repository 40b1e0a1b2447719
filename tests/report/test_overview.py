"""The overview begins with what was found, and networks are called by their titles."""

import pytest

from drillcore.artifacts.about import About, write_about
from drillcore.artifacts.history import write_history
from stages.rig.base.parameters import dump
from tests.artifacts import write_network
from tests.report.conftest import write_page, write_pair

TITLES = {"mlp": "a plain MLP", "wide": "width 8 <b>", "narrow": "width 2"}
"""By name, the titles of the networks; the second is text that looks like markup."""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page of three networks, whose accuracy falls with the width of their squeeze."""
    root = tmp_path_factory.mktemp("titles")
    (root / "params.yaml").write_text(dump({"data": "sample", "networks": {"wide": {}, "mlp": {}, "narrow": {}}}))
    for name, width, accuracy in (("mlp", None, 0.97), ("wide", 8, 0.9), ("narrow", 2, 0.6)):
        squeeze = {"squeeze2": width} if width else {}
        image = (24, 28, 1) if name == "mlp" else (28, 28, 1)
        folder = write_network(root, name, {"layer1": 6, **squeeze, "layer2": 5, "output": 4}, image=image)
        row = dict.fromkeys(("train_loss", "train_accuracy", "val_loss", "val_f1"), 0.5)
        write_history(folder / "history.csv", [{"epoch": 1, **row, "val_accuracy": accuracy}])
        write_about(folder, About(TITLES[name], 1000))
    write_pair(root, "wide", "narrow")
    return write_page(root)


@pytest.mark.parametrize("width", [1440, 400])
def test_the_findings_come_before_the_cards(browser, page, width):
    browser.window(width, 900)
    browser.open(page, "overview", fresh=True)
    browser.screenshot(f"findings-{width}")
    first, second = browser.run("return [...document.querySelectorAll('#findings, .cards')].map(one => one.className)")
    assert "panel" in first and second == "cards"
    assert browser.text("#findings li").startswith(
        "Squeezed to fewer than 8 units, accuracy falls: 0.900, 0.600 at widths 8, 2. 1,000 test images"
    )
    assert browser.run("return document.documentElement.scrollWidth") <= width


def test_a_finding_leads_to_its_figure(browser, page):
    browser.window(1440, 500)
    browser.open(page, "overview", fresh=True)
    script = "return [...document.querySelectorAll('#findings a')].findIndex(a => a.href.includes('figure=near-zero'))"
    position = browser.run(script) + 1
    browser.click(f"#findings li:nth-child({position}) a")
    browser.ready("gradients")
    assert browser.find("select[data-key=network]").get_property("value") == "mlp"
    top = "return document.querySelector('#near-zero').getBoundingClientRect().top"
    assert 0 < browser.run(top) < 500
    assert "figure" not in browser.run("return document.querySelector('a.link').href")
    browser.choose("network", "narrow")
    browser.ready("gradients")
    browser.run("history.back()")
    browser.ready("overview")


def test_networks_are_called_by_their_titles(browser, page):
    browser.open(page, "overview")
    assert browser.text("[data-network=wide] h3") == "width 8 <b>wide"
    assert [name for name in browser.traces("curves") if "training" not in name] == [
        "width 8 &lt;b&gt;",
        "a plain MLP",
        "width 2",
    ]
    browser.open(page, "spectra", networks="wide,narrow")
    assert {name.split(":")[0] for name in browser.traces("spectra")} == {"width 8 &lt;b&gt;", "width 2"}
    browser.open(page, "similarity", network="wide--narrow")
    assert browser.text("#similarity h3").endswith("width 8 <b> at epoch 2 against width 2 at epoch 2")
    options = "return [...document.querySelectorAll('select[data-key=network] option')].map(o => [o.value, o.text])"
    assert browser.run(options) == [
        ["wide", "width 8 <b>"],
        ["mlp", "a plain MLP"],
        ["narrow", "width 2"],
        ["wide--narrow", "width 8 <b> against width 2"],
    ]


def test_a_view_opens_on_a_network_of_its_study_and_then_on_the_chosen_one(browser, page):
    opened = {}
    for view in ("correlations", "gradients", "embeddings", "similarity"):
        browser.open(page, view)
        opened[view] = browser.find("select[data-key=network]").get_property("value")
    assert opened == {"correlations": "mlp", "gradients": "mlp", "embeddings": "narrow", "similarity": "mlp"}
    browser.open(page, "spectra")
    checked = "return [...document.querySelectorAll('[data-key=networks]:checked')].map(box => box.value)"
    assert browser.run(checked) == ["narrow"]
    browser.open(page, "embeddings", network="wide")
    assert browser.find("select[data-key=network]").get_property("value") == "wide"


def test_accuracies_against_the_width_have_bars_of_two_standard_errors(browser, page):
    browser.open(page, "overview")
    bars = browser.run("return document.querySelector('#widths .plot').data[0].error_y.array")
    assert bars == pytest.approx([2 * (0.6 * 0.4 / 1000) ** 0.5, 2 * (0.9 * 0.1 / 1000) ** 0.5])
    assert "Bars: 2 standard errors" in browser.text("#widths figcaption")


def test_a_card_says_on_which_images_a_network_was_trained(browser, page):
    browser.open(page, "overview")
    assert "torch; on mnist: synthetic digits; layers" in browser.text("[data-network=wide]")
    assert "torch; on mnist: synthetic digits, padded to 28 × 28 × 1; layers" in browser.text("[data-network=mlp]")
