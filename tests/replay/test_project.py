"""Replays in a project as a person has it: the commands of docs/replay.md, a kill, and the graph."""

import re
import signal
import time
from pathlib import Path

import pytest

import drillcore
from tests.small_project import Project

PAGE = (Path(__file__).parents[2] / "docs/replay.md").read_text()
WINDOW = ["--steps", "100:130", "--with", "same_batch,curvature,noise"]
SPIKE = ["--steps", "140:160", "--with", "same_batch,curvature,noise"]
SHORT, FILE = ["--steps", "15:40", "--with", "noise"], "artifacts/replays/mnist-mlp-15-40.h5"

pytestmark = pytest.mark.soak


def networks(parameters):
    """Leave the network `mnist-mlp`, small, and add that of the page."""
    mlp = parameters["networks"]["mnist-mlp"]
    mlp["training"] |= {"epochs": 5, "batch_size": 128}
    training = {"optimizer": "sgd", "learning_rate": 0.05, "epochs": 6}
    spiky = {"build": "spiky.py:make", "dataset": "mnist", "device": "cpu", "training": training}
    spike = {"network": "mnist-mlp", "steps": [50, 52], "instruments": ["noise"]}
    parameters |= {"networks": {"mnist-mlp": mlp, "spiky": spiky}, "replays": {"spike": spike}}
    parameters["similarity"]["pairs"], parameters["plots"]["widths"] = [], {}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("project"))
    project.change(networks)
    (project.folder / "models/spiky.py").write_text(re.search(r"```python\n(.*?class Spiky.*?)```", PAGE, re.DOTALL)[1])
    project.said = project.run("dvc", "repro", "train@mnist-mlp", "train@spiky")
    return project


def test_a_replay_is_the_same_training(project):
    dump = ["--with", "same_batch,curvature,noise,dump", "--tensors", "output.*"]
    said = project.run("python", "-m", "stages.replay", "mnist-mlp", *WINDOW[:2], *dump)
    assert (
        "the same training: the counts of 129 recorded steps, 130 losses, the weights after epochs 1, 2, 3, 4" in said
    )


def test_a_replay_leads_from_a_spike_to_its_cause(project):
    """What `dvc repro train@spiky` says names the command, and its file the cause."""
    command = re.search(
        r"step 150: .*`python -m (stages.replay spiky \S+ 140:160 \S+ same_batch,curvature,noise)`", project.said
    )
    assert command[1].split() == ["stages.replay", "spiky", *SPIKE]
    assert "the same training" in project.run("python", "-m", "stages.replay", "spiky", *SPIKE)
    shown, ratio = re.findall(r"python -c '(.*)'", PAGE)
    project.run("python", "-c", shown)
    assert (project.folder / "spike.png").exists()
    assert float(project.run("python", "-c", ratio)) == pytest.approx(100, rel=1e-4)
    project.run("python", "-m", "stages.report")
    with drillcore.open(project.folder / "artifacts/replays/spiky-140-160.h5") as file:
        assert file["loss"][:].argmax() == 11  # of step 151, after the update
        assert (file["curvature/largest"][:11, 0] < 40).all()  # 2 / learning rate


def test_a_replay_that_is_killed_starts_again_and_ends_with_the_same_bytes(project):
    command, folder = ["python", "-m", "stages.replay", "mnist-mlp", *SHORT], project.folder
    project.run(*command)
    whole = (folder / FILE).read_bytes()
    (folder / FILE).unlink()
    part = folder / "artifacts/replays/.mnist-mlp-15-40.h5.part"
    with project.start(*command) as process:
        while not (part.exists() and part.stat().st_size > 2_000) and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (folder / FILE).exists()
    project.run(*command)
    assert (folder / FILE).read_bytes() == whole
    assert sorted(path.name for path in (folder / "artifacts/replays").glob(".*")) == []


def test_a_replay_of_the_graph_is_drawn(project):
    project.run("dvc", "repro", "plots_of_replays@spike")
    assert (project.folder / "reports/spike/replay.png").exists()
    assert "didn't change" in project.run("dvc", "repro", "plots_of_replays@spike")
