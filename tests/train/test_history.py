import csv
import json
import subprocess
import sys

import pytest

from stages.train.history import COLUMNS, History, macro_f1


def row(epoch, loss):
    return dict(zip(COLUMNS, [epoch, loss, 0.5, 0.25, 0.125, 0.0625], strict=True))


def test_an_epoch_is_a_row_and_the_last_one_the_metrics(tmp_path):
    history = History(tmp_path, 2)
    history.epoch({**row(1, 2.0), "more": 3})
    history.epoch(row(2, float("nan")))
    history.close()
    with open(tmp_path / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == COLUMNS
    assert [r["epoch"] for r in rows] == ["1", "2"]
    assert rows[0]["train_loss"] == "2.0" and rows[1]["train_loss"] == "nan"
    assert json.loads((tmp_path / "metrics.json").read_text()) == {**row(2, None)}


READER = """
import json, sys
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

for event in EventFileLoader(sys.argv[1]).Load():
    for value in event.summary.value:
        print(json.dumps([value.tag, event.step, value.tensor.float_val[0]]))
"""


def test_tensorboard_reads_what_was_shown_while_it_is_written(tmp_path):
    """In a process of its own: TensorBoard's reader loads TensorFlow, which does not share one with PyTorch."""
    history = History(tmp_path, 1)
    history.step(3, {"step/loss": 1.5, "near_zero_1e-07/zeros": 7})
    history.epoch(row(1, 2.0))
    (path,) = (tmp_path / "tensorboard").iterdir()
    result = subprocess.run([sys.executable, "-c", READER, path], capture_output=True, text=True, check=True)
    history.close()
    shown = {(tag, step): value for tag, step, value in map(json.loads, result.stdout.splitlines())}
    assert shown["step/loss", 3] == 1.5
    assert shown["near_zero_1e-07/zeros", 3] == 7
    assert shown["epoch/val_f1", 1] == 0.0625


def test_f1_is_the_mean_over_classes():
    assert macro_f1([0, 0, 1, 1], [0, 0, 1, 1]) == 1
    assert macro_f1([0, 0, 1, 1], [0, 0, 0, 0]) == pytest.approx((2 * 0.5 * 1 / 1.5) / 2)
