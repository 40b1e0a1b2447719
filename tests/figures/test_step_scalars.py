"""The figure of the step scalars, and minima beside those of chance."""

import numpy as np
import pytest

from drillcore.artifacts.gradients import SCALARS
from drillcore.artifacts.network import Network
from drillcore.figures.gradients import CHANCE, fraction_flipped
from drillcore.figures.scalars import edge_of, step_scalars

STEPS = np.arange(2, 8)
SHOWN = {name: np.linspace(1, 2, len(STEPS)) * (position + 1) for position, name in enumerate(SCALARS)}


def drawn(axes):
    """The y values of the lines that have a value a step."""
    return [line.get_ydata() for line in axes.lines if len(line.get_ydata()) == len(STEPS)]


def test_every_scalar_is_drawn():
    norms, ratio, cosine, curvature = step_scalars(STEPS, SHOWN, [4]).axes[:4]
    np.testing.assert_array_equal(drawn(norms), [SHOWN[f"{name}_norm"] for name in ("weight", "gradient", "update")])
    np.testing.assert_allclose(drawn(ratio), [np.full(6, 1.5)])  # 3 / 2
    np.testing.assert_array_equal(drawn(cosine), [SHOWN["gradient_cosine"]])
    np.testing.assert_array_equal(drawn(curvature), [SHOWN["curvature_along_step"]])


def test_the_edge_of_stability_is_drawn_where_there_is_one():
    figures = [step_scalars(STEPS, SHOWN, [], edge) for edge in (20.0, None)]
    levels = [{line.get_ydata()[0] for line in figure.axes[3].lines} for figure in figures]
    assert 20.0 in levels[0] and 20.0 not in levels[1]
    texts = [
        [text.get_text() for axes in figure.axes if (legend := axes.get_legend()) for text in legend.texts]
        for figure in figures
    ]
    assert any("edge of stability" in text and "20" in text for text in texts[0])
    assert not any("edge" in text for text in texts[1])


@pytest.mark.parametrize(
    ("training", "edge"),
    [
        ({"optimizer": "sgd", "schedule": "constant", "learning_rate": 0.1}, 20.0),
        ({"optimizer": "sgd", "schedule": "cosine", "learning_rate": 0.1}, None),
        ({"optimizer": "momentum", "schedule": "constant", "learning_rate": 0.1}, None),
        (None, None),
    ],
)
def test_plain_descent_at_a_constant_rate_has_an_edge(training, edge):
    assert edge_of(Network({"name": "net", "framework": "torch", "training": training})) == edge


@pytest.mark.parametrize("null", [True, False])
def test_chance_is_drawn_beside_the_minima_where_it_is_known(null):
    counts = {"step": STEPS, "retained": 50 + STEPS, "flips": 2 * STEPS, "minima": STEPS, "maxima": STEPS}
    if null:
        counts |= {"minima_share": np.full(6, 0.5), "minima_share_null": np.full(6, 0.6)}
    figure = fraction_flipped({1e-7: {"raw": counts, "ema": counts}}, [4])
    dashed = [line for axes in figure.axes for line in axes.lines if line.get_color() == CHANCE["color"]]
    assert len(dashed) == (2 if null else 0)
    for line in dashed:
        np.testing.assert_array_equal(line.get_ydata(), np.full(6, 0.6))


def test_where_the_chance_of_averages_begins_later_than_they_do_the_legend_says_so():
    counts = {"step": STEPS, "retained": 50 + STEPS, "flips": 2 * STEPS, "minima": STEPS, "maxima": STEPS}
    counts |= {"minima_share": np.full(6, 0.5), "minima_share_null": np.full(6, 0.6)}
    late = counts | {"minima_share_null": np.array([np.nan, np.nan, 0.6, 0.6, 0.6, 0.6])}
    for ema, said in ((counts, []), (late, ["of averages from step 4:\nby then their first gradient\nhas faded"])):
        figure = fraction_flipped({1e-7: {"raw": counts, "ema": ema}}, [4])
        texts = [text.get_text() for axes in figure.axes if (legend := axes.get_legend()) for text in legend.texts]
        assert [text for text in texts if "averages" in text] == said


@pytest.mark.parametrize(("step", "said"), [(STEPS, "gradients are zero"), (4 * STEPS, "no two successive steps")])
def test_cosines_that_are_not_known_are_explained(step, said):
    unknown = SHOWN | {"gradient_cosine": np.full(6, np.nan)}
    norms, _, cosine, _ = step_scalars(step, unknown, []).axes[:4]
    (text,) = cosine.texts
    assert said in text.get_text()
    assert (cosine.get_xlim(), cosine.get_ylim()) == (norms.get_xlim(), (-1, 1))
    assert not step_scalars(step, SHOWN, []).axes[2].texts
