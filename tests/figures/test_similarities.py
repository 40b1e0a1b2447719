"""The figures of similarity: what is greyed, crossed out, printed, and called settled."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml
from matplotlib.colors import to_rgb

from drillcore.base.errors import InputError
from drillcore.figures.similarities import (
    cka_bias,
    cka_outlier,
    figures,
    settled,
    similarity_evolution,
    similarity_settling,
)
from drillcore.figures.similarity_layers import calibrated_similarity, layer_similarity
from drillcore.figures.style import DEAD, applied
from drillcore.similarity.catalogue import MEASURES
from stages.plots_of_pairs import main as main_of_pairs

LAYERS = ["input", "layer1", "output"]


@pytest.fixture(autouse=True)
def style():
    with applied(60):
        yield


def shown(axes):
    """The colours of a map's cells, (rows, columns, 3)."""
    return np.asarray(axes.images[0].get_array())[..., :3]


def texts(axes):
    return {(text.get_position()[1], text.get_position()[0]): text.get_text() for text in axes.texts}


def titled(figure, beginning):
    (axes,) = (axes for axes in figure.axes if axes.get_title("left").startswith(beginning))
    return axes


def draw(values, q_values, quantiles=None, rows=LAYERS, others=None):
    return layer_similarity(values, rows, others, q_values, quantiles, "net, epoch 2")


def test_cells_no_better_than_chance_are_grey_and_others_are_not():
    q_values = np.full((3, 3), 0.01)
    q_values[0, 2] = q_values[2, 0] = 0.2
    q_values[np.diag_indices(3)] = np.nan
    axes = titled(draw({"rsa": np.full((3, 3), 0.5)}, q_values), "RSA")
    grey = np.isclose(shown(axes), to_rgb(DEAD)).all(2)
    np.testing.assert_array_equal(grey, q_values == 0.2)


def test_undefined_cells_are_crossed_and_have_no_number():
    values = np.full((3, 3), 0.5)
    values[1, :] = values[:, 1] = np.nan
    axes = titled(draw({"svcca": values}, np.zeros((3, 3))), "SVCCA")
    crosses = {tuple(point[::-1].astype(int)) for point in axes.lines[0].get_xydata()}
    assert crosses == {(row, column) for row in range(3) for column in range(3) if 1 in (row, column)}
    assert set(texts(axes)) == {(0, 0), (0, 2), (2, 0), (2, 2)}


def test_why_cells_are_crossed_is_said_where_only_cca_has_none():
    undefined, half = np.full((3, 3), np.nan), np.full((3, 3), 0.5)
    for values, why in (
        ({"svcca": undefined, "rsa": half}, "undefined: CCA wants more\nsamples than components"),
        ({"svcca": undefined, "rsa": undefined}, "undefined"),
    ):
        (legend,) = [axes.get_legend() for axes in draw(values, np.zeros((3, 3))).axes if axes.get_legend()]
        assert why in [text.get_text() for text in legend.get_texts()]


def key(figure):
    """What the key of a figure says, apart from its colour bars."""
    return [text.get_text() for axes in figure.axes if axes.get_legend() for text in axes.get_legend().get_texts()]


GREY = "no more than chance:\nq > 0.05 (debiased CKA)"
CHANCE = "chance:\n95 % of permutations are less alike"
BELOW, BRACKETS = f"below each diagonal, {CHANCE}", f"in brackets, {CHANCE}"
HALF, SURE = np.full((3, 3), 0.5), np.zeros((3, 3))


@pytest.mark.parametrize(
    ("values", "q_values", "quantile", "others", "said"),
    [
        ({"linear_cka": HALF}, SURE, HALF, None, [BELOW]),
        ({"linear_cka": HALF}, SURE, HALF, LAYERS, [BRACKETS]),
        ({"linear_cka": HALF}, SURE, None, None, []),
        ({"linear_cka": HALF[:1, :1]}, SURE[:1, :1], HALF[:1, :1], None, []),
        ({"rsa": HALF}, SURE + 1, None, None, [GREY]),
        ({"rsa": HALF * np.nan}, SURE + 1, None, None, ["undefined"]),
        ({"rsa": HALF}, np.tri(3, k=-1), HALF, None, [BELOW]),
    ],
)
def test_the_key_explains_what_is_drawn_and_nothing_else(values, q_values, quantile, others, said):
    rows = LAYERS[: len(next(iter(values.values())))]
    quantiles = None if quantile is None else dict.fromkeys(values, quantile)
    assert key(layer_similarity(values, rows, others, q_values, quantiles, "net")) == said


def test_the_key_of_the_evolution_knows_only_pairs():
    diagonal = np.where(np.eye(3, dtype=bool), np.nan, 0.5)[None]
    figure = similarity_evolution([1], {"rsa": diagonal}, np.eye(3)[None], LAYERS, "net")
    assert key(figure) == []
    assert key(similarity_evolution([1], {"rsa": 0 * diagonal.T + HALF * np.nan}, None, LAYERS, "net")) == ["undefined"]


def test_the_bias_explains_its_crosses():
    linear = np.full((2, 3, 3), 0.5)
    linear[-1, 1] = linear[-1, :, 1] = np.nan
    for debiased, said in ((linear, ["undefined"]), (np.full((2, 3, 3), 0.5), ["undefined"])):
        assert key(cka_bias(np.array([16, 40]), linear, debiased, HALF, LAYERS, "net"))[-1:] == said
    assert "undefined" not in key(cka_bias(np.array([16, 40]), debiased, debiased, HALF, LAYERS, "net"))


def test_a_colour_bar_says_where_values_lie_beyond_it():
    for lowest, text in ((0.0, "0"), (-0.3, "≤ 0")):
        figure = draw({"rsa": np.array([[1, lowest], [lowest, 1]])}, np.zeros((2, 2)), rows=LAYERS[:2])
        bars = [bar for axes in figure.axes for bar in axes.child_axes]
        labels = [[label.get_text() for label in axes.get_xticklabels()] for axes in bars]
        assert [text, "0.5", "1"] in labels


@pytest.mark.parametrize(
    "draw_measures",
    [
        lambda values: layer_similarity(values, LAYERS, None, SURE, None, "net"),
        lambda values: similarity_evolution(
            [0], {name: array[None] for name, array in values.items()}, None, LAYERS, "net"
        ),
        lambda values: similarity_settling([0, 1], {name: np.ones((3, 2, 2)) for name in values}, LAYERS, "net"),
        lambda values: cka_outlier(np.array([0.0, 1.0]), {name: np.ones(2) for name in values}, "net"),
    ],
)
def test_a_measure_that_is_not_in_the_catalogue_is_refused_by_name(draw_measures):
    with pytest.raises(
        InputError, match=r"'my_cka' is none of the measures linear_cka, .*MEASURES of drillcore/similarity"
    ):
        draw_measures({"rsa": HALF, "my_cka": HALF})


def test_a_file_with_an_unknown_measure_is_refused(network):
    folder = network("net", {"layer1": 3, "output": 4})
    with h5py.File(folder / "similarity.h5", "a") as file:
        file["between_layers/my_cka"] = np.full((3, 3, 3), 0.5)
    with pytest.raises(InputError, match="'my_cka' is none of the measures"):
        list(figures(folder))


def test_every_measure_is_drawn_under_its_own_title():
    figure = draw(dict.fromkeys(MEASURES, HALF), SURE, rows=LAYERS, others=LAYERS)
    titles = [axes.get_title("left").partition(" (")[0] for axes in figure.axes]
    assert titles[: len(MEASURES)] == [measure.title for measure in MEASURES.values()]


def test_every_measure_has_what_chance_gives_below_the_diagonal():
    values, quantiles = {"rsa": HALF, "linear_cka": HALF}, {"rsa": HALF / 5, "linear_cka": HALF / 2}
    figure = draw(values, np.ones((3, 3)), quantiles)
    for beginning, chance in (("RSA", "0.10"), ("linear CKA", "0.25")):
        axes = titled(figure, beginning)
        assert texts(axes) == {(row, column): chance if column < row else "0.50" for row, column in np.ndindex(3, 3)}
        grey = np.isclose(shown(axes), to_rgb(DEAD)).all(2)
        np.testing.assert_array_equal(grey, np.triu(np.ones((3, 3), bool)))


def frames(axes):
    return {(round(patch.get_y() + 0.46), round(patch.get_x() + 0.46)) for patch in axes.patches}


def test_scores_above_chance_and_best_matches():
    quantile = np.where(np.eye(3, dtype=bool), np.nan, 0.2)
    similar = np.array([[1, 0.6, 0.1], [0.6, 1, 0.3], [0.1, 0.3, 1]])
    distant = 1 - similar
    best = {"rsa": [0.5, 0.5, 0.5], "procrustes": [0.5, 0.5, 0.5]}
    figure = calibrated_similarity(
        {"rsa": similar, "procrustes": distant}, {"rsa": quantile, "procrustes": 1 - quantile}, LAYERS, None, best
    )
    for beginning in ("RSA", "Procrustes"):
        axes = titled(figure, beginning)
        assert [texts(axes)[0, column] for column in range(3)] == ["1.00", "0.50", "-0.12"]
        assert np.isclose(shown(axes)[0, 2], to_rgb(DEAD)).all()
        assert not np.isclose(shown(axes)[1, 2], to_rgb(DEAD)).all()
        assert frames(axes) == {(0, 1), (1, 0)}
    other = calibrated_similarity({"rsa": similar}, {"rsa": np.full((3, 3), 0.2)}, LAYERS, LAYERS, {"rsa": [0.5, 2, 2]})
    assert frames(titled(other, "RSA")) == {(0, 0)}


def test_a_measure_without_values_of_a_layer_says_so():
    across = np.ones((3, 2, 2))
    some = {"linear_cka": across, "svcca": np.where(np.arange(3)[:, None, None] == 1, np.nan, across)}
    some["rsa"] = np.where(np.arange(3)[:, None, None] > 0, np.nan, across)
    figure = similarity_settling([0, 1], some, LAYERS, "net")
    titles = [axes.get_title("left") for axes in figure.axes[:3]]
    assert titles == ["linear CKA", f"SVCCA ({LAYERS[1]} undefined)", "RSA (2 layers undefined)"]


def test_the_best_match_is_the_largest_number_of_its_row_where_chance_differs():
    scores, quantiles = {"rsa": np.array([[0.6, 0.55, 0.1]])}, {"rsa": np.array([[0.5, 0.1, 0.1]])}
    axes = titled(calibrated_similarity(scores, quantiles, LAYERS[:1], LAYERS, {"rsa": [0.52]}), "RSA")
    assert [texts(axes)[0, column] for column in range(3)] == ["0.20", "0.50", "0.00"]
    assert frames(axes) == {(0, 1)}
    axes = titled(calibrated_similarity(scores, quantiles, LAYERS[:1], LAYERS, {"rsa": [0.57]}), "RSA")
    assert frames(axes) == set()  # for by chance alone the best match scores more


def test_between_two_networks_every_cell_is_the_measure():
    values, quantiles = {"linear_cka": np.full((2, 2), 0.5)}, {"linear_cka": np.array([[0.1, 0.2], [0.12, np.nan]])}
    figure = draw(values, np.zeros((2, 2)), quantiles, LAYERS[:2], LAYERS[:2])
    axes = titled(figure, "linear CKA")
    assert set(texts(axes).values()) == {"0.50"}
    assert axes.get_title("left") == "linear CKA\n(0.10 to 0.20)"
    assert [label.get_text() for label in axes.get_yticklabels()] == LAYERS[:2]


def test_a_distance_is_dark_where_it_is_large():
    values = np.array([[0.0, 1.5], [1.5, 0.0]])
    figure = draw({"procrustes": values, "rsa": 1 - values}, np.zeros((2, 2)), rows=LAYERS[:2])
    np.testing.assert_allclose(shown(titled(figure, "Procrustes"))[0, 0], shown(titled(figure, "RSA"))[0, 0], atol=1e-6)


@pytest.mark.parametrize("value", [0.5, -0.25])
@pytest.mark.parametrize("count", [2, 8, 14, 22, 30, 52])
def test_numbers_are_written_as_long_as_they_fit_their_cells(count, value):
    layers, values = [f"stage{number}.conv" for number in range(count)], np.full((count, count), value)
    with applied(150):  # of fewer pixels, letters are hinted wider
        figure = draw(dict.fromkeys(MEASURES, values), np.zeros((count, count)), rows=layers)
        bias = cka_bias([16, 32], [values] * 2, [values] * 2, values, layers)
        for axes in (titled(figure, "RSA"), bias.axes[2]):
            assert bool(axes.texts) == (count <= (22 if value > 0 else 8))
            if axes.texts:
                axes.figure.draw_without_rendering()
                width, height = axes.get_window_extent().size / count
                assert all(text.get_window_extent().width < width for text in axes.texts)
                assert all(text.get_fontsize() * axes.figure.dpi / 72 < height for text in axes.texts)


def test_evolution_has_a_row_for_every_pair():
    between = {name: np.random.default_rng(0).uniform(0, 1, (4, 3, 3)) for name in MEASURES}
    q_values = np.zeros((4, 3, 3))
    q_values[3, 1, 2] = 1
    figure = similarity_evolution([0, 1, 2, 3], between, q_values, LAYERS, "net")
    axes = titled(figure, "RSA")
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [
        "input, layer1",
        "input, output",
        "layer1, output",
    ]
    grey = np.isclose(shown(axes), to_rgb(DEAD)).all(2)
    np.testing.assert_array_equal(np.argwhere(grey), [[2, 3]])


@pytest.mark.parametrize(
    ("values", "measure", "epoch"),
    [
        ([0.2, 0.96, 0.97, 1.0], "rsa", 2),
        ([0.2, 0.96, 0.90, 1.0], "rsa", 8),
        ([0.95, 0.96, 0.99, 1.0], "rsa", 0),
        ([0.5, 0.05, 0.04, 0.0], "procrustes", 2),
        ([np.nan, 0.96, 0.97, 1.0], "rsa", 2),
        ([np.nan] * 4, "rsa", None),
        ([0.2, 0.9, 0.97, np.nan], "rsa", None),
    ],
)
def test_a_layer_has_settled_when_it_stays_alike(values, measure, epoch):
    assert settled([0, 2, 4, 8], np.array(values), measure) == epoch


def test_settling_says_when_in_the_legend_and_leaves_the_input_out():
    across = np.ones((3, 3, 3))
    across[2, 0, 2] = 0.3
    figure = similarity_settling([0, 1, 2], {"debiased_cka": across, "procrustes": 1 - across}, LAYERS, "net")
    (legend,) = (axes.get_legend() for axes in figure.axes if axes.get_legend())
    assert [text.get_text() for text in legend.get_texts()] == ["layer1: epoch 0", "output: epoch 1"]
    assert titled(figure, "Procrustes").yaxis_inverted()


def test_bias_shows_all_samples_as_maps_and_fewer_as_curves():
    random = np.random.default_rng(0)
    linear, debiased = random.uniform(0, 1, (2, 4, 3, 3))
    figure = cka_bias(np.array([16, 32, 64, 100]), linear, debiased, random.uniform(0, 1, (3, 3)), LAYERS, "net")
    curves = [line.get_ydata().tolist() for line in titled(figure, "both, computed on fewer").lines]
    assert curves == [values[:, 0, layer].tolist() for layer in (1, 2) for values in (linear, debiased)]
    assert set(texts(titled(figure, "debiased")).values()) == {f"{value:.2f}" for value in debiased[-1].flat}


def test_the_outlier_has_a_line_for_every_measure():
    values = {name: np.array([1.0, 0.5, 0.1]) for name in MEASURES}
    figure = cka_outlier(np.array([0.0, 1.0, 100.0]), values, "net")
    assert [len(axes.lines) for axes in figure.axes[:2]] == [len(MEASURES) - 1, 1]


CHECKPOINTS = {"checkpoint": None, "checkpoints": "run/epoch_*.pth"}


@pytest.mark.parametrize(
    ("epochs", "card", "drawn"),
    [
        ((0, 1, 2), {}, "epoch 0, before training"),
        ((1, 2), {}, None),
        ((0, 1, 2), CHECKPOINTS, None),
        ((0, 1, 2), {**CHECKPOINTS, "untrained": 0}, "epoch 0, before training"),
        ((5, 10), {**CHECKPOINTS, "untrained": 5}, "epoch 5, before training"),
        ((5, 10), {**CHECKPOINTS, "untrained": 10}, "epoch 10, before training"),
    ],
)
def test_what_was_never_trained_is_known_from_the_card_and_not_from_the_number(network, epochs, card, drawn):
    widths = {"conv1": 3, "fc": 4}
    given = {"build": "my.py:make", "tensors": {"conv1.weight": 9, "fc.weight": 12}, "given": True} if card else {}
    folder = network("net", widths, epochs=epochs, **given)
    path = folder / "network.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | card))
    found = dict(figures(folder))
    assert ("layer_similarity_untrained" in found) == bool(drawn)
    if drawn:
        figure = found["layer_similarity_untrained"]()
        assert figure.texts[1].get_text() == f"net, {drawn}, 40 test images"
        with h5py.File(folder / "similarity.h5") as file:
            expected = file["between_layers/rsa"][epochs.index(int(drawn.split()[1].strip(",")))]
        assert texts(titled(figure, "RSA"))[0, 1] == f"{expected[0, 1]:.2f}"


def test_a_pair_of_networks_has_its_report(network):
    Path("artifacts/similarity").mkdir(parents=True)
    with h5py.File("artifacts/similarity/one--two.h5", "w") as file:
        file.attrs.update(network_a="one", network_b="two", layers_a=LAYERS, layers_b=LAYERS[:2])
        file.attrs.update(epoch_a="002", epoch_b="004", samples=40, source="sample: synthetic")
        for name in MEASURES:
            file[name], file[f"null/{name}/quantile"] = np.full((3, 2), 0.5), np.full((3, 2), 0.1)
            file[f"null/{name}/best_a"], file[f"null/{name}/best_b"] = np.full(3, 0.1), np.full(2, 0.1)
            file[f"by_epoch/{name}"] = np.full((2, 3, 2), 0.5)
        file["by_epoch"].attrs["epochs"] = ["000", "002"]
        file["null/debiased_cka/q_value"] = np.full((3, 2), 0.5)
    main_of_pairs("one", "two")
    assert sorted(path.name for path in Path("reports/one--two").iterdir()) == sorted(
        f"{name}.{ending}"
        for name in ("layer_similarity", "layer_similarity_calibrated", "similarity_evolution")
        for ending in ("pdf", "png")
    )


@pytest.mark.parametrize(
    ("measures", "named"), [(9, {0: "y", 5: "xy", 6: "x", 8: "x"}), (5, {0: "xy", 1: "x", 4: "x"})]
)
def test_layers_are_named_at_the_left_and_below_the_last_maps(measures, named):
    values = dict.fromkeys(list(MEASURES)[:measures], np.eye(2))
    panels = layer_similarity(values, ["fc1", "fc2"]).axes
    found = {
        position: "".join(axis.axis_name for axis in (axes.xaxis, axes.yaxis) if axis.get_visible())
        for position, axes in enumerate(panels[:measures])
    }
    assert {position: axes for position, axes in found.items() if position in named} == named
    assert found[1] == ("x" if measures == 5 else "")
