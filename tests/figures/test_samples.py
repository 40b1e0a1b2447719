"""The map of samples, of images and of what is no image."""

import numpy as np
import pytest

from drillcore.artifacts.predictions import Predictions, write_predictions
from drillcore.figures.samples import SAID


@pytest.fixture
def drawn(tmp_path):
    """A function that draws the map of 20 `samples`, and returns what it says at the corner of doubtful labels."""

    def draw(samples):
        labels, outputs = np.arange(20) % 2, np.random.default_rng(0).normal(size=(3, 20, 2))
        with write_predictions(tmp_path / "predictions.h5", {"train": labels}, ["cat", "dog"], "x") as writer:
            for epoch, values in enumerate(outputs):
                writer.store(epoch, "train", [values.astype(np.float32)])
            writer.finish({"train": samples}, {"train": np.arange(20)}, untrained=0)
        with Predictions(tmp_path / "predictions.h5") as file:
            worst, figure = file.dynamics("train").suspects()[0], file.plot("sample_map")
        (corner,) = (axes for axes in figure.axes if axes.get_title("left") == SAID["suspect"])
        names = ("cat", "dog") if labels[worst] == 0 else ("dog", "cat")
        return worst, names, [text.get_text() for text in corner.texts], len(corner.images)

    return draw


def test_an_image_is_shown_with_its_label_above(drawn):
    _, (label, other), texts, images = drawn(np.zeros((20, 4, 4, 1), np.uint8))
    assert texts[0] == f"{label}\nor {other}?" and images == len(texts)


@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_a_row_or_a_text_is_named_by_its_number(drawn, dtype):
    worst, (label, other), texts, images = drawn(np.zeros((20, 4), dtype))
    assert texts[0] == f"{worst}: {label} or {other}?" and not images
