"""Figures of a network whose checkpoints are counted by steps."""

import re

import numpy as np
import pytest
from matplotlib.text import Text

from drillcore.figures.axis import counted
from drillcore.figures.spectra import svd_analysis
from stages.rig.base.parameters import dump


def drawing():
    spectra = {"fc": np.array([[2.0, 1.0], [3.0, 1.0]])}
    ranks = "effective_rank", "effective_rank_of_variances", "participation_ratio"
    return svd_analysis([100, 500], spectra, {rank: {"fc": [1.8, 1.6]} for rank in ranks})


@pytest.mark.parametrize(
    ("card", "word", "other"),
    [({"axis": "step"}, "step", "epoch"), ({}, "epoch", "step"), (None, "epoch", "step")],
)
def test_every_text_says_what_the_checkpoints_are_counted_by(card, word, other, tmp_path):
    if card is not None:
        (tmp_path / "network.yaml").write_text(dump({"name": "net", "framework": "torch", "checkpoints": "a*", **card}))
    ((name, draw),) = counted(tmp_path, [("spectra/epoch_500", drawing)])
    assert name == f"spectra/{word}_500"
    texts = [text.get_text() for text in draw().findobj(Text)]
    assert any(re.search(rf"\b{word}s?\b", text) for text in texts)
    assert not any(re.search(rf"\b{other}s?\b", text) for text in texts)
