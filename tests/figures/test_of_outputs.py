"""Figures of layers' outputs: what the analyses would give them, in the library's style wherever they are drawn."""

import matplotlib
import numpy as np
import pytest

import drillcore
from drillcore import figures
from drillcore.figures.embeddings import maps_of
from drillcore.similarity.catalogue import MEASURES
from drillcore.similarity.matrix import SimilarityMatrix


@pytest.fixture
def outputs():
    random = np.random.default_rng(0)
    hidden = random.normal(size=(60, 6))
    return {"fc1": hidden, "relu": np.maximum(hidden, 0), "fc2": hidden[:, :2] @ random.normal(size=(2, 3))}


def images(figure):
    return [np.asarray(image.get_array()) for axes in figure.axes for image in axes.images]


def same(figure, other):
    assert all(np.array_equal(a, b) for a, b in zip(images(figure), images(other), strict=True))
    assert [text.get_text() for text in figure.texts] == [text.get_text() for text in other.texts]
    return [text.get_text() for axes in figure.axes for text in axes.texts] == [
        text.get_text() for axes in other.axes for text in axes.texts
    ]


def test_correlations(outputs):
    matrix, layer = drillcore.compute_layerwise_cross_correlation(outputs)
    mean_abs = drillcore.layer_means(matrix, layer).mean_abs
    explicit = figures.layer_feature_correlation(matrix, layer, list(outputs), mean_abs, "60 samples")
    assert same(figures.layer_feature_correlation(outputs), explicit)
    assert same(figures.layer_feature_correlation(matrix, layer, list(outputs), subtitle="60 samples"), explicit)


def test_similarities(outputs):
    layers = list(outputs.values())
    values = {name: np.asarray(drillcore.similarity_matrix(outputs, name)) for name in MEASURES}
    q_values = drillcore.q_values_of_pairs(drillcore.permutation_null(layers))
    quantiles = {name: drillcore.null_quantiles(outputs, name).pairs for name in MEASURES}
    explicit = figures.layer_similarity(values, list(outputs), None, q_values, quantiles, "60 samples")
    assert same(figures.layer_similarity(outputs), explicit)


def test_one_similarity(outputs):
    matrix = drillcore.similarity_matrix(outputs, "rsa", {"other": outputs["fc1"]})
    assert isinstance(matrix, SimilarityMatrix)
    figure = matrix.plot("A headline", "a line")
    assert [text.get_text() for text in figure.texts] == ["A headline", "a line"]
    assert same(
        figure,
        figures.layer_similarity({"rsa": matrix.values}, list(outputs), ["other"], None, None, "a line", "A headline"),
    )


def test_spectra(outputs):
    figure = figures.layer_spectra(outputs)
    spectra = {name: drillcore.feature_singular_values(values) for name, values in outputs.items()}
    of_values = figures.layer_spectra(spectra, "60 samples")
    for axes, other in zip(figure.axes, of_values.axes, strict=True):
        for line, twin in zip(axes.lines, other.lines, strict=True):
            np.testing.assert_array_equal(line.get_xydata(), twin.get_xydata())
    ranks = figure.axes[1].lines[0].get_ydata()
    np.testing.assert_allclose(ranks, [drillcore.effective_rank(values) for values in spectra.values()])
    assert [text.get_text() for text in figure.texts] == ["Spectra of the layers' features", "60 samples"]


def test_maps(outputs):
    labels = np.arange(60) % 3
    figure = figures.model_tsne_layers(outputs, labels)
    explicit = figures.model_tsne_layers(maps_of(outputs), labels, ["0", "1", "2"], "60 samples")
    for axes, other in zip(figure.axes, explicit.axes, strict=True):
        for dots, twins in zip(axes.collections, other.collections, strict=True):
            np.testing.assert_array_equal(dots.get_offsets(), twins.get_offsets())
    assert same(figure, explicit)


def test_style_is_the_library_s_and_ends_with_the_figure(outputs):
    before = dict(matplotlib.rcParams)
    figure = figures.layer_spectra(outputs)
    assert dict(matplotlib.rcParams) == before
    assert {label.get_size() for label in figure.axes[0].get_xticklabels()} == {8}
    with figures.applied(dpi=30):
        assert figures.layer_spectra(outputs).dpi == 30


def test_notebook_shows_it_without_pyplot(outputs):
    assert figures.layer_spectra(outputs)._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("draw", "sentence"),
    [
        (lambda outputs: figures.layer_similarity({"rsa": np.eye(2)}), "measures rsa, but rows names no layers"),
        (lambda outputs: figures.layer_similarity({"a": np.ones(3)}), r"are not \(samples, units\)"),
        (lambda outputs: figures.layer_spectra({}), "no layers to draw"),
        (lambda outputs: figures.layer_spectra({"a": np.ones(3), "b": np.ones((4, 2))}), "should be one axis"),
        (
            lambda outputs: figures.model_tsne_layers(outputs, [0, 1]),
            r"shape \(2,\) are not one whole .* the 60 samples",
        ),
        (lambda outputs: figures.model_tsne_layers(outputs, ["cat"] * 60), "are not one whole number"),
        (lambda outputs: figures.layer_feature_correlation({"a": np.ones((4, 2, 2))}), r"are not \(samples, units\)"),
    ],
)
def test_mistake_is_a_sentence(draw, sentence, outputs):
    with pytest.raises(drillcore.InputError, match=sentence):
        draw({"fc2": outputs["fc2"][:, :2]})  # whose map is its coordinates


def test_of_many_layers_some_are_mapped():
    labels = np.arange(8) % 2
    outputs = {f"layer{number}": np.random.default_rng(number).normal(size=(8, 2)) for number in range(30)}
    figure = figures.model_tsne_layers(outputs, labels)
    assert figure.texts[1].get_text() == "8 samples; 24 of 30 layers, evenly chosen"
    assert len(figure.axes) == 2 * 24 + 1
