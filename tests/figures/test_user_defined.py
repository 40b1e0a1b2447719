"""User-defined networks: many layers of any names, many classes, trained elsewhere."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from drillcore.artifacts.tsne import Maps
from drillcore.colours import MOST_GROUPS, layer_colours, layers_of
from drillcore.figures.catalogue import figures
from drillcore.figures.correlations import correlation_evolution, layer_feature_correlation
from drillcore.figures.embeddings import Map, class_handles, draw_maps, model_tsne_layers
from drillcore.figures.similarities import layer_similarity, similarity_evolution
from drillcore.figures.spectra import svd_analysis
from drillcore.figures.style import MOST_NAMED, applied
from drillcore.ranks import RANKS
from drillcore.similarity.catalogue import MEASURES
from stages.plots import main
from tests.artifacts import mobilenet, resnet18

MANY = list(mobilenet()[0])


def lightness(colour):
    return np.dot(colour, [0.3, 0.59, 0.11])


def test_layers_of_unknown_names_are_coloured_by_their_place():
    for names in (list(resnet18()[0]), MANY):
        shades = list(map(lightness, layer_colours(names).values()))
        assert all(before < after for before, after in pairwise(shades))
        assert layer_colours(["input", *names])[names[3]] == layer_colours(names)[names[3]]


@pytest.mark.parametrize(
    ("tensors", "groups"),
    [
        (["layer1.linear.weight", "layer1.batch_norm.weight", "output.bias"], ["layer1", "layer1", "output"]),
        (["conv1.kernel", "conv1.bias", "output.kernel"], ["conv1", "conv1", "output"]),
        (["my_layer.weight", "my_layer.bias", "my_head.weight"], ["my_layer", "my_layer", "my_head"]),
        (["features.0.weight", "features.3.weight", "classifier.weight"], ["features.0", "features.3", "classifier"]),
        (["scale"], ["scale"]),
        ([], []),
    ],
)
def test_tensors_are_grouped_by_their_module(tensors, groups):
    assert layers_of(tensors) == groups


def test_tensors_of_many_modules_are_grouped_by_the_blocks_of_the_network():
    blocks = [f"layer{stage}.{block}" for stage in (1, 2, 3, 4) for block in (0, 1)]
    assert list(dict.fromkeys(layers_of(resnet18()[1]))) == ["conv1", "bn1", *blocks, "fc"]
    groups = list(dict.fromkeys(layers_of(mobilenet()[1])))
    assert groups[2:18] == [f"block_{number}" for number in range(1, 17)]
    assert len(groups) <= MOST_GROUPS


def legend(figure):
    (found,) = [axes.get_legend() for axes in figure.axes if axes.get_legend()]
    return [text.get_text() for text in found.get_texts()]


def test_a_map_of_the_units_of_many_layers_is_no_larger_than_a_page():
    owner = np.arange(len(MANY)).repeat(2)
    matrix = np.random.default_rng(0).uniform(-1, 1, (len(owner), len(owner)))
    matrix[6] = np.nan
    with applied(100):
        figure = layer_feature_correlation(matrix, owner, MANY, np.full((len(MANY),) * 2, 0.5), "net")
    assert max(figure.get_size_inches()) < 13
    names = [text for text in figure.axes[0].texts if text.get_rotation() == 0]
    lines = sorted(figure.axes[0].transData.transform(text.get_position())[1] for text in names)
    assert min(np.diff(lines)) >= 0.1 * figure.dpi
    assert {text.get_text() for text in names} <= set(MANY)
    pixels = figure.axes[0].images[0].get_array()
    assert pixels[-3, 3].tolist() == pixels[-3, 40].tolist() != [255] * 4


def test_maps_of_every_two_layers_take_an_even_choice_of_many():
    values, count = np.random.default_rng(0).uniform(0, 1, (2, len(MANY), len(MANY))), len(MANY)
    with applied(50):
        means = correlation_evolution([0, 1], values, values, MANY, "net")
        alike = similarity_evolution([0, 1], dict.fromkeys(MEASURES, values), values, MANY, "net")
    for figure in (means, alike):
        assert max(figure.get_size_inches()) < 25
        assert f"14 of {count} layers" in " ".join(
            text.get_text() for axes in figure.axes for text in (axes._left_title,)
        ) + " ".join(text.get_text() for text in figure.texts)
    assert len(legend(means)) == MOST_NAMED
    assert (legend(means)[0], legend(means)[-1]) == (MANY[0], MANY[-1])


def test_names_beside_a_map_of_many_layers_do_not_overlap():
    values = np.random.default_rng(0).uniform(0, 1, (len(MANY), len(MANY)))
    with applied(100):
        figure = layer_similarity(dict.fromkeys(MEASURES, values), MANY, None, values, subtitle="net")
        figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in figure.axes[0].get_yticklabels()]
    assert len(boxes) > 10
    assert all(above.y0 >= below.y1 - 1 for above, below in pairwise(boxes))


def test_a_legend_of_many_layers_names_an_even_choice():
    spectra = {name: [np.ones(3)] * 2 for name in MANY}
    ranks = {rank: {name: np.ones(1) for name in MANY} for rank in RANKS}
    with applied(50):
        names = legend(svd_analysis([1], spectra, ranks, "Spectra", "net"))
    assert len(names) == MOST_NAMED
    assert (names[0], names[-1]) == (MANY[0], MANY[-1])


def test_the_legend_of_many_classes_counts_those_it_leaves_out():
    names = [f"class {number}" for number in range(100)]
    texts = [handle.get_label() for handle in class_handles(names, np.arange(100))]
    assert texts == [*(f"class {number}" for number in range(20)), "and 80 more"]
    assert [handle.get_label() for handle in class_handles(names, np.array([7, 3, 7]))] == ["class 3", "class 7"]


@pytest.mark.parametrize("classes", [2, 37, 100])
def test_the_legend_of_long_names_of_classes_lies_within_the_figure(classes):
    points, names = np.random.default_rng(0).normal(size=(30, 2)), [f"a rather long breed {k}" for k in range(classes)]
    maps = {name: Map(points, points, 0.9, 0.5, "t-SNE") for name in ("conv1", "fc")}
    with applied(50):
        figure = model_tsne_layers(maps, np.arange(30) % classes, names, "net")
        figure.draw_without_rendering()
    box, lowest = figure.axes[-1].get_legend().get_window_extent(), figure.axes[1].get_window_extent().y0
    assert 0 <= box.x0 < box.x1 <= figure.bbox.x1
    assert 0 <= box.y0 < box.y1 < lowest


def test_maps_of_the_samples_are_drawn_for_an_even_choice_of_many_layers(network):
    widths, tensors = resnet18(everything=True)
    folder = network("net", widths, tensors=tensors, build="torchvision:resnet18", given=True, epochs=(1,))
    with Maps(folder / Maps.FILE) as file, applied(40):
        figure = draw_maps(file)
    assert len(figure.axes) == 2 * 24 + 1
    assert any(f"24 of {len(widths)} layers" in text.get_text() for text in figure.texts)
    names = [name for name, _ in figures(folder, "study")]
    assert sum(name.startswith("intra/") for name in names) == 2 * 24
    assert f"intra/l{len(widths)}_ff" in names


def test_a_network_that_came_trained_has_all_figures_but_those_of_a_training(network, capsys):
    network(
        "net",
        {"conv1": 3, "layer1.0.conv1": 4, "fc": 2},
        tensors={"conv1.weight": 9, "layer1.0.conv1.weight": 12, "fc.weight": 8},
        build="torchvision:resnet18",
        given=True,
        epochs=(1,),
        image=(16, 16, 1),
        classes=["benign", "malignant"],
    )
    main("net")
    assert "net: no figure of gradients or their signs, for no step was recorded" in capsys.readouterr().err
    names = {path.stem for path in Path("reports/net").glob("*.png")}
    assert names == {
        "layer_feature_correlation",
        "correlation_evolution",
        "layer_similarity",
        "layer_similarity_calibrated",
        "similarity_evolution",
        "cka_bias",
        "cka_outlier",
        "sharpness",
        "probes",
        "neural_collapse",
        "intrinsic_dimension",
        "dormancy",
        "f_svd_analysis",
        "w_svd_analysis",
        "model_tsne_layers",
        "training_curves",
    }
    with applied(50):
        figure = dict(figures(Path("artifacts/net"), "study"))["training_curves"]()
    assert legend(figure) == ["test", "test, macro F1"]
    assert any("it came trained" in text.get_text() for text in figure.texts)
