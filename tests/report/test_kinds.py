"""The page of a network whose samples are no images, and which has no squeeze."""

import re

import h5py
import numpy as np
import pytest

from drillcore.artifacts.history import write_history
from drillcore.artifacts.pairs import pair_path
from drillcore.artifacts.predictions import (
    SQUARED_ERROR,
    Predictions,
    write_losses,
    write_no_predictions,
    write_numbers,
)
from drillcore.artifacts.tsne import Maps
from drillcore.figures.embeddings import coloured_by, draw_maps
from drillcore.figures.pairs import figures as figures_of_pair
from stages.rig.base.parameters import dump
from tests.artifacts import write_network
from tests.report.conftest import write_page, write_pair


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page of a network of texts that was stored by step, up to step 200, one of a table by epoch, one whose outputs are
    no answers, and an autoencoder of images without classes."""
    root = tmp_path_factory.mktemp("kinds")
    (root / "params.yaml").write_text(
        dump({"data": "sample", "networks": {"lm": {}, "table": {}, "free": {}, "auto": {}}})
    )
    folder = write_network(root, "lm", {"layer1": 6, "output": 4}, build="lm.py:make", tensors={"layer1.weight": 24})
    card = folder / "network.yaml"
    card.write_text(
        card.read_text().replace(
            "units: flatten\n", "units: {token: first}\nkind: tokens\ntask: next_token\nvocabulary: 3\naxis: step\n"
        )
    )
    row = dict.fromkeys(("train_loss", "train_accuracy", "val_loss", "val_accuracy", "val_perplexity"), 0.5)
    write_history(folder / "history.csv", [{"epoch": step, **row} for step in (0, 50, 100, 150, 200)])
    with h5py.File(folder / "activations.h5", "r+") as file:
        del file["images"], file["labels"], file.attrs["classes"]
        file["inputs"] = np.tile(np.array([0, 1, 2, 1], np.int32), (40, 1))
        file["vocabulary"], file["position"], file["targets"] = ["a", "b", " "], np.arange(40) % 4, np.arange(40) % 3
    with h5py.File(folder / "tsne.h5", "r+") as file:
        del file["labels"], file.attrs["classes"]
    with h5py.File(folder / "augmented.h5", "r+") as file:
        file["original"], file["inputs"] = np.array([0, 1, 1, 1]), np.tile(np.array([0, 1, 1, 2], np.int32), (12, 1))
        del file["images"], file.attrs["label"]
    write_answers(write_network(root, "table", {"output": 4}, tensors={}))
    write_no_predictions(write_network(root, "free", {"output": 4}, tensors={}) / "predictions.h5", "a table")
    write_pair(root, "lm", "table")
    write_errors(write_network(root, "auto", {"output": 4}, tensors={}))
    return write_page(root)


def write_errors(folder):
    """The errors of a network that made 40 images again, whose classes are not known."""
    for name in ("activations.h5", "tsne.h5"):
        with h5py.File(folder / name, "r+") as file:
            count = int(file["sample"][:].max()) + 1
            del file["labels"], file.attrs["classes"]
    with h5py.File(folder / "augmented.h5", "r+") as file:
        del file.attrs["label"]
    with write_losses(folder / "predictions.h5", {"test": count}, "images", SQUARED_ERROR, 1.0) as writer:
        writer.store(0, "test", [np.ones((count, 1), np.float32)])
        writer.store(2, "test", [np.linspace(0, 1, count, dtype=np.float32)[:, None]])
        writer.finish({"test": np.zeros((count, 4, 4, 1), np.uint8)}, {"test": np.arange(count)}, 0)


def write_answers(folder):
    """The numbers that a network of tables returned for 24 training and 12 test rows of three columns."""
    random, sizes = np.random.default_rng(0), {"train": 24, "test": 12}
    targets = {split: random.normal(size=(count, 1)) for split, count in sizes.items()}
    targets["train"][5] = 30.0
    with write_numbers(folder / "predictions.h5", targets, "a table") as writer:
        for epoch in (0, 1, 2):
            for split, count in sizes.items():
                writer.store(epoch, split, [random.normal(size=(count, 1)).astype(np.float32)])
        rows = {split: random.normal(size=(count, 3)).astype(np.float32) for split, count in sizes.items()}
        writer.finish(rows, {split: np.arange(count) for split, count in sizes.items()}, 0)


def test_numbers_are_ranked_by_how_likely_their_target_is_wrong(browser, page):
    browser.open(page, "samples", network="table")
    with Predictions(page.parent / "artifacts/table/predictions.h5") as file:
        found, row = file.dynamics("train"), file.shown("train")[1][5]
    ranked = "return [...document.querySelectorAll('#ranked button')].map(b => Number(b.dataset.sample))"
    assert browser.run(ranked) == found.suspects().tolist() and found.suspects()[0] == 5
    assert browser.text("#sample-text").startswith("training image 5: target 30, answer ")
    assert f"{row[0]:.4g}" in browser.text(".sample .row")
    columns, rows = browser.table("sample-map")
    assert columns[:6] == ["split", "sample", "target", "output", "residual", "standardised"]
    assert float(rows[0][5]) == pytest.approx(found.standardised[5], rel=1e-5)
    browser.choose("order", "easy")
    assert browser.run(ranked)[0] == found.mean.argmin()
    assert not browser.run("return document.querySelector('[data-key=class]')")


def test_samples_are_called_what_they_are(browser, page):
    browser.open(page, "embeddings")
    assert browser.text("#sample-text").startswith("test text ")
    assert "test texts" in browser.text("#maps figcaption") and "image" not in browser.text("main")


def test_maps_of_a_text_are_coloured_by_the_next_token_in_page_and_figure(browser, page):
    browser.open(page, "embeddings")
    legend = "return [...document.querySelectorAll('#maps .legendtext')].map(one => one.textContent)"
    assert browser.run(legend) == ["a", "b", "␣"]
    assert "coloured by next token" in browser.text("#maps figcaption")
    with Maps(page.parent / "artifacts/lm/tsne.h5") as file:
        labels, classes, of = coloured_by(file)
        assert draw_maps(file).texts[1].get_text().endswith(", coloured by next token")
    assert classes == ["a", "b", "␣", "any other"] and of == "next token"
    assert labels.tolist() == [i % 3 for i in range(len(labels))]


def test_maps_without_classes_are_coloured_by_the_error_of_what_is_made_again(browser, page):
    with Maps(page.parent / "artifacts/auto/tsne.h5") as file:
        errors = file.sample / file.sample.max()
        labels, _, of = coloured_by(file)
        figure = draw_maps(file)
    assert labels == pytest.approx(errors, abs=1e-6) and of == "squared error"
    assert "squared error" in [axes.get_xlabel() for axes in figure.axes]
    browser.open(page, "embeddings", network="auto", sample=3)
    assert "coloured by squared error" in browser.text("#maps figcaption")
    columns, rows = browser.table("maps")
    position = columns.index("squared_error")
    assert [float(row[position]) for row in rows[: len(errors)]] == pytest.approx(errors, abs=1e-6)


def test_the_token_of_a_sample_is_marked_in_its_text(browser, page):
    browser.open(page, "embeddings", sample=2)
    assert browser.text(".sample .text") == "ab␣b" and browser.text(".sample mark") == "␣"
    assert browser.text("#sample-text") == "test text 4, token 2: next “␣”"
    browser.open(page, "embeddings", sample=1)
    assert browser.text(".sample mark") == "b"


def test_the_tokens_that_were_replaced_are_marked(browser, page):
    browser.open(page, "correlations", network="lm")
    shown = "return [...document.querySelectorAll('.images .text')].map(one => one.innerHTML)"
    assert browser.run(shown) == ["abbb", *["abb<mark>␣</mark>"] * 2]


def test_a_card_says_what_a_unit_is(browser, page):
    browser.open(page, "overview")
    assert "units: token first;" in browser.text("[data-network=lm]")


@pytest.mark.parametrize("view", ["correlations", "layers", "spectra", "embeddings", "similarity"])
def test_a_network_by_steps_is_spoken_of_by_steps_beside_one_by_epochs(browser, page, view):
    script = "return document.querySelector('main').innerText"
    browser.open(page, view, network="lm")
    assert re.search(r"\bsteps? ?2?\b", browser.run(script)) and not re.search(r"\bepochs?\b", browser.run(script))
    browser.open(page, view, network="table")
    assert re.search(r"\bepochs? ?2?\b", browser.run(script))


def test_a_pair_says_what_counts_the_checkpoints_of_each(browser, page):
    browser.open(page, "similarity", network="lm--table")
    assert "lm at step 2 against table at epoch 2" in browser.text("#similarity")
    drawn = dict(figures_of_pair(pair_path(page.parent / "artifacts", "lm", "table")))["layer_similarity"]()
    assert "rows: lm, step 2; columns: table, epoch 2; 40 test texts" in [text.get_text() for text in drawn.texts]


def test_a_network_whose_outputs_are_no_answers_has_no_view_of_its_samples(browser, page):
    browser.open(page, "samples", network="table")
    assert not browser.run("return document.querySelector('select[data-key=network] option[value=free]')")
    browser.open(page, "layers", network="free")
    assert browser.run("return document.querySelector('select[data-key=network]').value") == "free"


def test_an_axis_of_many_steps_has_few_ticks(browser, page):
    browser.open(page, "overview")
    assert 2 <= browser.run("return document.querySelectorAll('#curves .xtick').length") <= 12


def test_without_a_squeeze_there_is_no_chart_of_its_cost(browser, page):
    browser.open(page, "overview")
    assert browser.run("return document.querySelector('#widths')") is None
