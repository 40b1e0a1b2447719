import csv
import json
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score

from drillcore.tasks import TASKS
from stages.rig.training.history import History
from stages.rig.training.scores import macro_f1


def row(epoch, loss):
    return dict(zip(TASKS["classification"].columns(), [epoch, loss, 0.5, 0.25, 0.125, 0.0625], strict=True))


def test_an_epoch_is_a_row_and_the_last_one_the_metrics(tmp_path):
    history = History(tmp_path, 2)
    history.epoch({**row(1, 2.0), "more": 3})
    history.epoch(row(2, float("nan")))
    history.close()
    with open(tmp_path / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == TASKS["classification"].columns()
    assert [r["epoch"] for r in rows] == ["1", "2"]
    assert rows[0]["train_loss"] == "2.0" and rows[1]["train_loss"] == "nan"
    assert json.loads((tmp_path / "metrics.json").read_text()) == {**row(2, None)}


@pytest.fixture
def tensorboard(tmp_path):
    """A function of a query that asks the command `tensorboard`, which serves `tmp_path` on this machine alone."""
    with (tmp_path / "log").open("w+") as log:
        command = [
            Path(sys.executable).with_name("tensorboard"),
            "--logdir",
            tmp_path,
            "--host",
            "127.0.0.1",
            "--port",
            "0",
        ]
        server = subprocess.Popen(command, stderr=log)
        try:
            pattern = re.compile(r"http://127\.0\.0\.1:\d+/")
            while not (address := pattern.search((tmp_path / "log").read_text())):
                assert server.poll() is None, (tmp_path / "log").read_text()
                time.sleep(0.1)
            yield lambda query: json.load(urllib.request.urlopen(f"{address[0]}data/{query}"))
        finally:
            server.kill()
            server.wait()


def test_tensorboard_shows_a_training_while_it_runs(tmp_path, tensorboard):
    history = History(tmp_path / "net", 1)
    history.step(3, {"step/loss": 1.5, "near_zero_1e-07/zeros": 7})
    history.epoch(row(1, 2.0))
    while not (runs := tensorboard("runs")):
        time.sleep(0.2)
    assert runs == ["net/tensorboard"]

    def points(tag):
        query = urllib.parse.urlencode({"run": "net/tensorboard", "tag": tag})
        return [point[1:] for point in tensorboard(f"plugin/scalars/scalars?{query}")]

    assert points("step/loss") == [[3, 1.5]]
    assert points("near_zero_1e-07/zeros") == [[3, 7.0]]
    assert points("epoch/val_f1") == [[1, 0.0625]]
    history.close()


def test_f1_is_the_mean_over_classes():
    assert macro_f1([0, 0, 1, 1], [0, 0, 1, 1]) == 1
    random = np.random.default_rng(0)
    for classes in (2, 3, 10):
        labels, predictions = random.integers(0, classes, 50), random.integers(0, classes + 1, 50) // 2
        expected = f1_score(labels, predictions, average="macro", zero_division=0)
        assert macro_f1(labels, predictions) == expected
    assert macro_f1([0, 0, 1, 1], [0, 0, 0, 0]) == pytest.approx((2 * 0.5 * 1 / 1.5) / 2)
