"""What is undefined among layers that are put back is marked and named, not left out."""

import numpy as np

from drillcore.figures.rewound import rewinding
from drillcore.figures.style import applied

EPOCHS, LAYERS = [0, 2, 4], ["first", "second", "third"]
SCORES = np.array([[0.2, 0.5, 0.9], [0.6, 0.7, 0.9], [0.8, 0.8, 0.9]])


def drawn(scores, **more):
    with applied(50):
        return rewinding(EPOCHS, scores, [0.1, 0.5, 0.9], LAYERS, subtitle="net", **more)


def said(figure):
    return " ".join(figure.texts[1].get_text().split())


def test_a_score_that_is_not_finite_is_marked_and_named():
    scores = SCORES.copy()
    scores[1, :2] = np.nan, np.inf
    figure = drawn(scores)
    (marks,) = [line for line in figure.axes[0].lines if line.get_marker() == "x" and len(line.get_xdata())]
    assert marks.get_xdata().tolist() == [0, 2]
    assert marks.get_color() == figure.axes[0].lines[1].get_color()
    assert (
        said(figure)
        == "net. The accuracy is undefined, for outputs are not finite: second at epoch 0, second at epoch 2."
    )
    assert "undefined" in [text.get_text() for text in figure.axes[1].get_legend().get_texts()]


def test_a_measure_without_a_rank_correlation_has_its_row():
    changes = {"linear_cka": [3.0, 2.0, 1.0], "pwcca": [1.0, np.nan, 2.0]}
    bars = drawn(SCORES, costs=[0.5, 0.2, 0.1], changes=changes).axes[2]
    assert [tick.get_text() for tick in bars.get_yticklabels()] == ["linear CKA", "PWCCA"]
    assert [(text.get_text(), text.get_position()[1]) for text in bars.texts if text.get_text() == "undefined"] == [
        ("undefined", 1)
    ]


def test_where_no_measure_has_one_the_reason_is_said():
    same = {"linear_cka": [1.0, 1.0, 1.0]}
    assert said(drawn(SCORES, costs=[0.5, 0.2, 0.1], changes=same)).endswith(
        "no measure has a rank correlation: all layers change or cost the same, or one is not known."
    )
