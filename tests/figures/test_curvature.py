"""The figure of curvature says what it cannot draw."""

import numpy as np
import pytest

from drillcore.figures.curvature import sharpness


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ([], ""),
        ([2], "not known at epoch 2"),
        ([0, 6], "not known at epochs 0, 6"),
        (range(6), "not known at 6 of 7 epochs"),
    ],
)
def test_epochs_without_a_noise_scale_are_named(missing, said):
    values = np.ones(7)
    found = {"largest": values[:, None], "smallest": -values, "residual": np.zeros((7, 2)), "trace": values}
    noise = values.copy()
    noise[list(missing)] = np.nan
    figure = sharpness(range(7), {**found, "trace_error": 0 * values, "noise_scale": noise})
    assert figure.axes[2].get_title(loc="left") == said
