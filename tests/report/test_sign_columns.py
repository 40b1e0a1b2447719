"""The columns of the page's sign maps, against counting parameter by parameter."""

import numpy as np
import pytest

from drillcore.artifacts.gradients import NOT_A_NUMBER
from drillcore.report import signs
from drillcore.report.signs import Columns

BINS, EPOCHS = 3, 2


@pytest.mark.parametrize("sizes", [[7], [1, 40, 3], [300, 2, 90, 55]])
def test_every_parameter_is_counted_in_its_columns(sizes, monkeypatch):
    monkeypatch.setattr(signs, "NETWORK_COLUMNS", 16)
    monkeypatch.setattr(signs, "LAYER_COLUMNS", 8)
    monkeypatch.setattr(signs, "WINDOW", 4)
    monkeypatch.setattr(signs, "row_blocks", lambda size, *_: [slice(b, min(b + 12, size)) for b in range(0, size, 12)])
    random = np.random.default_rng(0)
    values = [random.integers(-BINS, BINS + 1, (EPOCHS, size)).astype(np.int8) for size in sizes]
    values[-1][0, -1] = NOT_A_NUMBER
    tensors = [f"fc{position // 2}.{'weight' if position % 2 == 0 else 'bias'}" for position in range(len(sizes))]
    sums = Columns(["fc0", "fc1"][: 1 + (len(sizes) > 2)], tensors, sizes, EPOCHS, BINS)
    begins = [sums.add(position, list(rows)) for position, rows in enumerate(values)]

    classes = [np.where(rows == NOT_A_NUMBER, BINS + 1, rows) + BINS for rows in values]
    joined = {"network": classes, **{layer: classes[2 * layer : 2 * layer + 2] for layer in range(len(sums.layers))}}
    for name, parts in joined.items():
        counts = sums.network if name == "network" else sums.layers[name]
        expected, rows = np.zeros_like(counts), np.concatenate(parts, 1)
        for epoch, parameter in np.ndindex(rows.shape):
            expected[epoch, parameter * counts.shape[1] // rows.shape[1], rows[epoch, parameter]] += 1
        np.testing.assert_array_equal(counts, expected)
    for rows, begin in zip(values, begins, strict=True):
        found = [(rows[:, first : first + 4] != 0).sum() for first in range(0, rows.shape[1], 4)]
        assert begin == 4 * int(np.argmax(found))
