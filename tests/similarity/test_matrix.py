"""The similarity matrix: the measures' values with their layers, and how it shows itself."""

import numpy as np
import pytest

import drillcore
from drillcore.similarity.catalogue import MEASURES


def layers(units=(5, 3, 4), samples=40, seed=0):
    random = np.random.default_rng(seed)
    return {f"layer {number}": random.normal(size=(samples, width)) for number, width in enumerate(units, 1)}


@pytest.mark.parametrize("measure", MEASURES)
def test_cells_are_the_measure_of_row_and_column(measure):
    first, second = layers(), layers((2, 6), seed=1)
    for other in (None, second):
        matrix = drillcore.similarity_matrix(first, measure, other)
        assert (matrix.rows, matrix.columns, matrix.measure) == (list(first), list(other or first), measure)
        expected = [[getattr(drillcore, measure)(X, Y) for Y in (other or first).values()] for X in first.values()]
        np.testing.assert_allclose(matrix, expected, atol=1e-9)


def test_layer_of_constants_is_undefined():
    found = drillcore.similarity_matrix({**layers((3,)), "dead": np.ones((40, 2))}).values
    np.testing.assert_array_equal(np.isnan(found), [[False, True], [True, True]])


def test_numpy_and_pandas_take_it():
    matrix = drillcore.similarity_matrix(layers())
    assert np.asarray(matrix) is not None and np.array(matrix, np.float32).dtype == np.float32
    np.testing.assert_array_equal(np.asarray(matrix).diagonal().round(9), 1)
    frame = matrix.to_pandas()
    assert frame.loc["layer 1", "layer 3"] == matrix.values[0, 2]


def test_text_and_html_name_measure_layers_and_values():
    matrix = drillcore.SimilarityMatrix(np.array([[0.25, np.nan]]), ["<a>"], ["b", "long name"], "procrustes")
    assert repr(matrix).splitlines() == [
        "Procrustes distance of 1 x 2 layers (distance in radians, 0 to pi/2)",
        "         b long name",
        "<a>  0.250       nan",
    ]
    html = matrix._repr_html_()
    assert "&lt;a&gt;" in html and "<a>" not in html and ">0.250<" in html and "Procrustes distance of 1 x 2" in html


def test_many_layers_are_shown_by_some():
    matrix = drillcore.SimilarityMatrix(np.eye(40), *[[f"l{number}" for number in range(40)]] * 2, "linear_cka")
    heading, names, *rows = repr(matrix).splitlines()
    assert "40 x 40 layers, 16 of them shown" in heading
    assert len(names.split()) == len(rows) == 16 and rows[-1].startswith("l39")
    assert matrix._repr_html_().count("<tr>") == 17


def test_colour_follows_similarity_and_not_distance():
    near = drillcore.SimilarityMatrix(np.array([[0.0, 1.5]]), ["a"], ["b", "c"], "procrustes")
    assert "0.60" in near.cell(0, 0) and "0.03" in near.cell(0, 1)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((layers(), "cosine"), "'cosine' is none of the measures"),
        (({},), "no layers to compare"),
        ((layers(), "rsa", layers(samples=30)), "layers of 40 and of 30 samples"),
        (({"conv": np.ones((4, 3, 2, 2))},), "are not .samples, units."),
    ],
)
def test_mistake_is_a_sentence(arguments, sentence):
    with pytest.raises(drillcore.InputError, match=sentence):
        drillcore.similarity_matrix(*arguments)
