"""What a network would fail at in its first update is said by `define`, which leaves nothing behind."""

import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import pytest
import torch
import yaml

from drillcore.artifacts.about import About, read_about
from drillcore.base.errors import InputError
from stages.define import main
from stages.rig.images import Split
from stages.rig.inspection import see
from stages.rig.rehearsal import read_weights, rehearse_training
from stages.rig.sources.dataset import Dataset, write_dataset
from stages.rig.torch.network import build
from stages.rig.torch.training import train
from tests.conftest import MODELS, own
from tests.small_project import ROOT


@pytest.fixture
def networks(models):
    shutil.copy(MODELS / "rehearsed.py", models / "networks.py")

    def card(function, **values):
        return see(own(build=f"networks.py:{function}", device="cpu", **values), 3, "blocks")

    return card


def split(count):
    images = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 1), np.uint8)
    return Split(images, np.arange(count) % 3, ["a", "b", "c"], "a test")


@pytest.mark.parametrize(
    ("function", "training", "named"),
    [
        (
            "Sparse",
            {},
            "cannot be trained by adam on cross_entropy: the first step fails: RuntimeError: Adam does not",
        ),
        ("inplace", {}, "modified by an inplace operation"),
        (
            "detached",
            {"loss": "mse"},
            "by adam on mse: the first step fails: RuntimeError: element 0 of tensors does not",
        ),
        (
            "leaving",
            {},
            r"fails \(models/networks.py, line 40\): RuntimeError: it calls sys.exit\('no gradients here'\)",
        ),
    ],
)
def test_what_fails_in_the_first_step_is_one_sentence(networks, function, training, named):
    card = networks(function, training=training)
    with pytest.raises(InputError, match=named) as failure:
        rehearse_training(card, split(6), split(2))
    assert str(failure.value).endswith("Change the network or its training.")
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize(("function", "training"), [("Sparse", {"optimizer": "sgd"}), ("make", {"batch_size": 2})])
def test_what_can_be_trained_passes_and_leaves_nothing(networks, function, training, tmp_path, monkeypatch, capsys):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    rehearse_training(networks(function, training=training), split(6), split(2))
    assert [*(tmp_path / "temporary").iterdir()] == []
    assert capsys.readouterr() == ("", "")


def test_a_training_after_a_rehearsal_is_that_without_one(networks, tmp_path):
    card = networks("make", training={"epochs": 1, "batch_size": 4})
    train(card, split(6), split(2), tmp_path / "before")
    rehearse_training(card, split(4), split(2))
    train(card, split(6), split(2), tmp_path / "after")
    for name in ("checkpoints/epoch_001.pth", "history.csv"):
        assert (tmp_path / "after" / name).read_bytes() == (tmp_path / "before" / name).read_bytes()


def test_weights_that_do_not_fit_are_found_by_their_file(networks, models):
    for width, name in ((5, "epoch_1.pth"), (6, "epoch_2.pth")):
        torch.save(build(own(build="networks.py:make", arguments={"width": width}), 3).state_dict(), models / name)
    read_weights(networks("make", checkpoint="epoch_1.pth"), 3)
    with pytest.raises(InputError, match=r"mine cannot take its weights from models/epoch_2\.pth: "):
        read_weights(networks("make", checkpoints="epoch_*.pth"), 3)


@pytest.mark.usefixtures("networks")
def test_define_writes_no_card_of_what_cannot_be_trained(tmp_path, parameters):
    parameters |= {"similarity": {"pairs": []}, "plots": {"widths": {}}, "datasets": {"digits": "digits.npz"}}
    networks = {name: {"build": f"networks.py:{name}", "dataset": "digits"} for name in ("make", "Sparse")}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({**parameters, "networks": networks}))
    dataset = Dataset(*split(6)[:2], *split(2)[:4])
    write_dataset(tmp_path / "data/digits.h5", "digits", dataset)
    main("make")
    assert (tmp_path / "artifacts/make/network.yaml").exists()
    assert read_about(tmp_path / "artifacts/make") == About("make", 2)
    with pytest.raises(InputError, match=r"networks\.Sparse cannot be trained by adam"):
        main("Sparse")
    assert not (tmp_path / "artifacts/Sparse").exists()


def test_keras_networks_are_rehearsed_too(models):
    command = [sys.executable, "-m", "tests.rig.keras_rehearsal"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, cwd=models.parent, env=environment, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
