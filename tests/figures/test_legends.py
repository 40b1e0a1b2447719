"""What a figure explains is what it shows."""

from itertools import combinations
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml

from drillcore.artifacts.network import LOSSES
from drillcore.correlation import typical_range
from drillcore.figures.catalogue import figures
from drillcore.figures.correlations import correlation_evolution, intra, layer_feature_correlation
from drillcore.figures.embeddings import Map, model_tsne_layers
from drillcore.figures.gradients import fraction_released, gradient_histogram
from drillcore.figures.signs import Snapshots, layer_wise_grad_signs, zoomed_layer_wise_grad_signs
from drillcore.figures.similarities import cka_bias, similarity_settling
from drillcore.figures.spectra import svd_analysis
from drillcore.figures.style import applied, layer_lines, named
from drillcore.figures.training import training_curves
from drillcore.figures.widths import Point, bottleneck, read_point
from drillcore.ranks import RANKS
from tests.artifacts import resnet18


@pytest.fixture(autouse=True)
def style():
    with applied(60):
        yield


def legends(figure):
    return [text.get_text() for axes in figure.axes if axes.get_legend() for text in axes.get_legend().get_texts()]


def words(figure):
    """All that a figure says outside of its legends."""
    texts = [
        *figure.texts,
        *(text for axes in figure.axes for text in (*axes.texts, axes._left_title, axes._right_title)),
    ]
    return "\n".join([*(text.get_text() for text in texts), *(axes.get_ylabel() for axes in figure.axes)])


def looks(figure):
    """Colour, dashes and marker of every line of a figure, and of every entry of its legends."""
    handles = [handle for axes in figure.axes if axes.get_legend() for handle in axes.get_legend().get_lines()]
    look = lambda line: (line.get_color(), line.get_linestyle(), line.get_marker())  # noqa: E731
    return {look(line) for axes in figure.axes for line in axes.lines}, [look(handle) for handle in handles]


DEEP = {
    "twelve": [*(f"layer{number}" for number in range(1, 12)), "output"],
    "squeezed": [f"{kind}{number}" for number in range(1, 9) for kind in ("squeeze", "layer")],
    "twenty": list(resnet18()[0]),
    "fifty": list(resnet18(everything=True)[0]),
}


@pytest.mark.parametrize("layers", DEEP.values(), ids=DEEP)
def test_the_layers_of_a_deep_network_are_told_apart(layers):
    lines = layer_lines(layers)
    for first, second in combinations(named(layers), 2):
        a, b = lines[first], lines[second]
        same = a["linestyle"] == b["linestyle"] and a["marker"] == b["marker"]
        assert not same or np.linalg.norm(np.subtract(a["color"], b["color"])) > 0.14, (first, second)
    thin = [layer for layer in layers if layer not in named(layers)]
    assert len(thin) == max(0, len(layers) - 24)
    assert all(lines[layer]["lw"] < 1 and not lines[layer]["marker"] for layer in thin)


@pytest.mark.parametrize("layers", DEEP.values(), ids=DEEP)
def test_every_entry_of_a_legend_of_layers_looks_as_its_line_does(layers):
    values = np.random.default_rng(0).uniform(0.1, 1, (3, len(layers) + 1, len(layers) + 1))
    spectra = {name: [np.linspace(1, 0.1, 20)] * 2 for name in layers}
    by_epoch = {rank: {name: [1, 2, 3] for name in layers} for rank in RANKS}
    released = {kind: ([1, 2, 3], {name: [0.1, 0.2, 0.3] for name in layers}) for kind in ("raw", "ema")}
    steps = {kind: {"step": [1, 2], "fraction_released": [0.5, 0.5]} for kind in ("raw", "ema")}
    for figure in (
        svd_analysis([0, 1, 2], spectra, by_epoch),
        correlation_evolution([0, 1, 2], values, values, layers),
        similarity_settling([0, 1, 2], {"rsa": values.T[:, :3]}, layers),
        fraction_released({1e-7: steps}, {1e-7: released}, []),
        cka_bias([16, 32, 64], values, values, values[0], ["input", *layers]),
    ):
        drawn, entries = looks(figure)
        entries = [entry for entry in entries if not isinstance(entry[0], str)]  # those of layers have shares of light
        assert len(entries) == len(set(entries)) == min(len(layers), 24)
        assert set(entries) <= drawn


def test_dead_units_are_explained_where_some_are_drawn():
    r, owner, layers = np.eye(400), np.arange(400) // 200, ["a", "b"]
    means = np.full((2, 2), 0.5)
    assert "grey" not in words(layer_feature_correlation(r, owner, layers, means, "net"))
    hidden, shown = r.copy(), r.copy()
    assert "–" in words(layer_feature_correlation(r, owner, layers, means * np.nan, "net"))
    hidden[1], hidden[:, 1], shown[:20], shown[:, :20] = [np.nan] * 4
    assert "grey" not in words(layer_feature_correlation(hidden, owner, layers, means, "net"))
    assert "In grey: dead units" in words(layer_feature_correlation(shown, owner, layers, means, "net"))


def test_the_evolution_of_correlations_names_dead_layers():
    mean = np.full((2, 2, 2), 0.5)
    assert legends(correlation_evolution([0, 1], mean, mean, ["a", "b"], "net")) == ["a", "b"]
    assert legends(correlation_evolution([0, 1], mean, mean, ["a", "b"], "net", samples=40)) == ["a", "b", "chance"]
    mean[:, 1] = mean[:, :, 1] = np.nan
    found = legends(correlation_evolution([0, 1], mean, mean, ["a", "b"], "net"))
    assert found == ["a", "b: undefined", "undefined:\na dead layer"]


def test_a_matrix_counts_units_without_variance_where_it_has_some():
    r = np.eye(4)
    assert legends(intra(r, "unit", "net")) == []
    r[1] = r[:, 1] = np.nan
    assert legends(intra(r, "unit", "net")) == ["1 of 4 without variance"]


def test_colours_of_augmentations_reach_over_most_pairs_without_the_diagonal():
    r = np.full((20, 20), 0.97)
    r[3, 4:9] = r[4:9, 3] = 0.9
    np.fill_diagonal(r, 1)
    assert typical_range(r) == (0.9, 0.97)
    figure = intra(r, "augmentation", "net")
    title = " ".join(figure.axes[1].get_title(loc="left").split())
    assert title == "Pearson's r, 2nd to 98th percentile" and figure.axes[2].get_ylim() == (0.9, 0.97)
    assert typical_range(np.ones((3, 3))) == (0.999, 1) and typical_range(np.full((3, 3), np.nan)) == (-1, 1)


@pytest.mark.parametrize(("epochs", "numbers"), [(12, True), (13, False)])
def test_cells_and_colour_bar_of_the_histogram_are_percentages(epochs, numbers):
    shares = {kind: np.full((epochs, 3), 1 / 3) for kind in ("raw", "ema")}
    figure = gradient_histogram(np.arange(epochs), shares, [1e-5], "net")
    said, (map_of_raw,) = words(figure), figure.axes[0].images
    np.testing.assert_allclose(map_of_raw.get_array(), 100 / 3)
    assert "% of all parameters" in said and ("\n33\n" in said) == numbers
    assert "white" not in said
    shares["raw"][0, 0] = 0
    assert "white: none" in words(gradient_histogram(np.arange(epochs), shares, [1e-5], "net"))


@pytest.mark.parametrize("draw", [layer_wise_grad_signs, zoomed_layer_wise_grad_signs])
def test_the_legend_of_signs_holds_the_kinds_that_are_drawn(draw):
    for values, said in (
        ([1, 1, -1], ["negative, |g| ≤ 1e-5", "positive, |g| ≤ 1e-5"]),
        ([0, 2, -128], ["|g| > 1e-5", "exactly 0", "NaN"]),
    ):
        snapshots = Snapshots([1], ["w"], np.array([3]), [{"w": np.array(values, np.int8)}])
        figure = draw(snapshots, [1e-5], "study", "net")
        assert legends(figure) == said
        assert "240" not in words(figure)


def test_classes_without_a_sample_are_not_in_the_legend():
    points = np.random.default_rng(0).normal(size=(6, 2))
    maps = {"a": Map(points, points, 0.9, 0.5, "t-SNE")}
    figure = model_tsne_layers(maps, np.array([0, 2, 0, 2, 0, 2]), ["cat", "dog", "owl"], "net")
    assert legends(figure) == ["cat", "owl"]


@pytest.mark.parametrize(
    ("statuses", "headline"),
    [
        (["t-SNE", "t-SNE"], "t-SNE, and PCA"),
        (["coordinates: the layer has width 1", "t-SNE"], "coordinates or t-SNE, and PCA"),
        (["PCA: perplexity 30 needs 91 samples", "none: not finite"], "PCA, and PCA"),
        (["none: not finite"], "no map, and PCA"),
    ],
)
def test_the_headline_of_the_maps_names_what_they_are(statuses, headline):
    points = np.random.default_rng(0).normal(size=(6, 2))
    maps = {
        str(place): Map(points * (np.nan if status.startswith("none") else 1), points, np.nan, np.nan, status)
        for place, status in enumerate(statuses)
    }
    figure = model_tsne_layers(maps, np.zeros(6, int), ["cat"], "net")
    assert f"Samples in every layer: {headline} below" in words(figure).replace("\n", " ")
    assert legends(figure) == (["cat"] if headline[:2] != "no" else [])


def test_a_spectrum_of_nothing_is_called_undefined():
    spectra = {"a": [np.ones(3)] * 2, "b": [np.zeros(3), np.full(3, np.nan)]}
    ranks = {rank: {"a": np.ones(2), "b": np.full(2, np.nan)} for rank in RANKS}
    assert legends(svd_analysis([0, 1], spectra, ranks, "Spectra", "net")) == ["a", "b: undefined"]


def history(epochs):
    columns = ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "val_f1")
    return {"epoch": np.array(epochs, float), **{name: np.ones(len(epochs)) for name in columns}}


def test_the_loss_is_named_as_it_is():
    for loss, label in (((), "cross-entropy (nats)"), (("mse",), "mean squared error")):
        figure = training_curves(history([1, 2]), np.ones(4), "net", *loss)
        assert figure.axes[0].get_ylabel() == label


@pytest.mark.parametrize(("loss", "label"), LOSSES.items())
def test_the_loss_comes_from_the_card(network, loss, label):
    folder = network("net", {"layer1": 3, "output": 4})
    path = folder / "network.yaml"
    card = yaml.safe_load(path.read_text())
    card["training"]["loss"] = loss
    path.write_text(yaml.safe_dump(card))
    figure = dict(figures(folder, "study"))["training_curves"]()
    assert figure.axes[0].get_ylabel() == label


def test_widths_say_why_a_layer_has_no_trustworthiness_where_one_has_none():
    def drawn(*statuses):
        points = {
            f"n{width}": Point(
                f"width {width}",
                width,
                0.5,
                {"a": 1.0},
                {"a": 1.0},
                {"a": 0.9 if status == "t-SNE" else np.nan},
                {"a": status},
            )
            for width, status in zip((8, 2, 1), statuses, strict=True)
        }
        star = points.pop("n1")
        return words(bottleneck(points, {"n1": star})).replace("\n", " ")

    assert "no t-SNE" not in drawn("t-SNE", "t-SNE", "t-SNE")
    said = drawn("t-SNE", "coordinates: the layer has width 2", "PCA: perplexity 30 needs 91 samples")
    assert "no t-SNE: layers of one or two units are drawn as they are; perplexity 30 needs 91 samples" in said


def test_the_rows_of_the_histogram_are_ranges():
    shares = {kind: np.full((1, 4), 0.25) for kind in ("raw", "ema")}
    axes = gradient_histogram([1], shares, [1e-5, 1e-3], "net").axes[0]
    names = [text.get_text() for text in axes.get_yticklabels()]
    assert names == ["exactly 0", "0 to 1e-5", "1e-5 to 1e-3", "above 1e-3"]


def test_equal_networks_can_be_compared_by_width():
    point = Point("width 8", 8, 0.5, {"layer2": 1.0}, {"layer2": 1.0}, {"layer2": 0.9}, {"layer2": "t-SNE"})
    figure = bottleneck({"a": point, "b": point._replace(ranks={"layer2": 2.0})}, {"c": point})
    assert figure.axes[0].lines[0].get_xdata().tolist() == [8, 8]


def test_the_last_epoch_is_the_largest_number(network):
    widths = {"layer1": 5, "squeeze2": 2, "layer2": 8, "output": 4}
    folder = network("net", widths, epochs=(999, 1000))
    with h5py.File(folder / "svd.h5") as file:
        expected = file["features/1000/layer2"].attrs["effective_rank"]
        assert expected != file["features/999/layer2"].attrs["effective_rank"]
    assert read_point(Path("artifacts/net")).ranks["layer2"] == expected
