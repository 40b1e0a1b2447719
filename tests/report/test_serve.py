"""The page as it grows while networks train, on 127.0.0.1."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

ROOT = Path(__file__).resolve().parents[2]
HISTORY = "epoch,train_loss,train_accuracy,val_loss,val_accuracy,val_f1\n1,0.5,0.5,0.5,0.125,0.5\n"


@pytest.fixture
def served(root, tmp_path):
    """The folder of a page that is served, and its address."""
    shutil.copytree(root / "artifacts", tmp_path / "artifacts")
    shutil.copy(root / "params.yaml", tmp_path)
    command = [sys.executable, "-u", "-m", "stages.report", "--serve"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            lines = iter(process.stderr.readline, "")
            yield tmp_path, next(line for line in lines if "http" in line).split()[0]
        finally:
            process.terminate()


def tag(address):
    with urlopen(Request(address, method="HEAD")) as answer:
        return answer.headers["ETag"]


def grow(folder):
    """Let a training finish its first epoch."""
    (folder / "artifacts/bare/training").mkdir(parents=True)
    (folder / "artifacts/bare/training/history.csv").write_text(HISTORY)


def test_the_served_page_follows_the_artifacts(served):
    folder, address = served
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", address)
    before = tag(address)
    assert tag(address) == before
    grow(folder)
    while tag(address) == before:
        time.sleep(0.1)
    assert not (folder / "reports").exists()


def test_the_browser_loads_the_page_again(served, started):
    folder, address = served
    started.driver.execute_cdp_cmd("Network.enable", {})
    online = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    started.driver.execute_cdp_cmd("Network.emulateNetworkConditions", online)
    started.open(address, "overview", metric="loss")
    assert "not trained yet" in started.text("[data-network=bare]")
    grow(folder)
    started.until(
        lambda: "so far" in started.run("return document.querySelector('[data-network=bare]')?.textContent ?? ''"),
        "the page did not load itself again",
    )
    assert started.text("[data-network=bare] .big") == "0.125"
    assert "metric=loss" in started.run("return location.hash")
