"""Further trainings: the same as the first but for the seed, kept where one is killed, and told as intervals."""

import json
from functools import partial

import numpy as np
import pytest
import torch
from scipy import stats

from drillcore import t_interval
from drillcore.artifacts.gradients import Gradients
from drillcore.artifacts.history import History
from drillcore.artifacts.replicates import Replicates, folder_of, histories, interval_of, seeds_of, write_replicates
from drillcore.base.errors import InputError
from stages.rig.base.parameters import check
from stages.rig.card import Training, UserDefined
from stages.rig.torch import training
from stages.rig.torch.training import replicate, train
from stages.rig.training.replicates import Rows, train_replicates
from tests.artifacts import all_units
from tests.training.cut_off import CutOff
from tests.training.test_torch_training import toy_split

SPLITS = toy_split(), toy_split(seed=1)


@pytest.mark.parametrize("count", [2, 3, 10])
def test_the_interval_is_students(count):
    values = np.random.default_rng(count).normal(size=count)
    low, high = stats.t.interval(0.95, count - 1, values.mean(), stats.sem(values))
    found = t_interval(values)
    assert (found.mean - found.half, found.mean + found.half) == pytest.approx((low, high), rel=1e-12)
    assert t_interval([*values, np.nan]) == found


def test_one_training_has_no_interval():
    assert t_interval([0.5])[::2] == (0.5, 1) and np.isnan(t_interval([0.5]).half)
    assert np.isnan(t_interval([]).mean) and t_interval([np.nan]).count == 0


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return tmp_path_factory.mktemp("replicates")


@pytest.fixture
def card(small_mlp):
    training = small_mlp.training.model_copy(update={"schedule": "cosine", "warmup": 2, "clip": 0.5, "accumulate": 2})
    return small_mlp.model_copy(update={"replicates": 3, "training": training})


@pytest.fixture
def trained(files, card):
    """The folder of three trainings, done once."""
    folder = files / "a"
    if not folder.exists():
        train(card, *SPLITS, folder)
        train_replicates(replicate, card, *SPLITS, folder)
    return folder


def test_a_further_training_is_that_of_its_seed(files, trained, card, monkeypatch):
    assert seeds_of(trained) == [1, 2]
    monkeypatch.setattr(training, "make_optimizer", partial(training.make_optimizer, fused=True))
    recorded = files / "seed 1"
    train(card.model_copy(update={"seed": 1}), *SPLITS, recorded)
    further = folder_of(trained, 1)
    assert sorted(path.name for path in further.iterdir()) == ["epoch_003.pth", "gradients.h5", "history.csv"]
    assert (further / "history.csv").read_bytes() == (recorded / "history.csv").read_bytes()
    assert (further / "epoch_003.pth").read_bytes() == (recorded / "checkpoints/epoch_003.pth").read_bytes()
    assert (further / "history.csv").read_bytes() != (trained / "history.csv").read_bytes()


@pytest.mark.parametrize("name", ["sgd", "momentum", "adam", "adamw"])
def test_a_fused_step_is_that_of_an_optimiser_but_for_rounding(name):
    weights = []
    for fused in (False, True):
        weight = torch.nn.Parameter(torch.linspace(-1, 1, 5))
        optimizer = training.make_optimizer(Training(optimizer=name, learning_rate=0.01), [weight], fused)
        for _ in range(3):
            weight.grad = 2 * weight.detach()
            optimizer.step()
        weights.append(weight.detach().numpy())
    np.testing.assert_allclose(*weights, rtol=1e-5)


def test_of_a_further_training_the_transitions_are_those_of_a_recorder(files, trained):
    with Gradients(folder_of(trained, 1) / "gradients.h5") as found, Gradients(files / "seed 1/gradients.h5") as whole:
        assert len(whole.step()) > 1 and (found.tensors, found.edges) == (whole.tensors, whole.edges)
        assert found.kinds == ("raw",) and not found.has_null
        for name in ("counts", "step", "epoch", "nonfinite"):
            assert np.array_equal(found.of_kind("raw", name)[:], whole.of_kind("raw", name)[:])
        assert found.weight_change()[:] == pytest.approx(whole.weight_change()[:], rel=1e-12)
        assert np.array_equal(found.loss, whole.loss)


def test_metrics_hold_mean_and_interval_over_all_seeds(trained):
    metrics = json.loads((trained / "metrics.json").read_text())
    losses = [history["val_loss"][-1] for history in histories(trained)]
    assert metrics["seeds"] == 3 and metrics["val_loss"] == losses[0] and metrics["epoch"] == 3
    assert metrics["val_loss_mean"] == pytest.approx(np.mean(losses))
    assert metrics["val_loss_interval"] == pytest.approx(stats.sem(losses) * stats.t.ppf(0.975, 2))
    assert interval_of(trained, "val_loss").mean == metrics["val_loss_mean"]


def test_a_killed_training_keeps_the_seeds_that_are_complete(trained, card, tmp_path):
    (tmp_path / "history.csv").write_bytes((trained / "history.csv").read_bytes())
    (tmp_path / "metrics.json").write_text("{}")
    trainings = []

    def killed(card, *splits):
        trainings.append(card.seed)
        if trainings == [1, 2]:
            splits[2].joinpath("half").touch()
            raise CutOff
        replicate(card, *splits)

    with pytest.raises(CutOff):
        train_replicates(killed, card, *SPLITS, tmp_path)
    assert seeds_of(tmp_path) == [1] and (tmp_path / "metrics.json").read_text() == "{}"
    train_replicates(killed, card, *SPLITS, tmp_path)
    assert trainings == [1, 2, 2]
    for path in sorted((trained / "replicates").rglob("*.*")):
        assert path.read_bytes() == (tmp_path / path.relative_to(trained)).read_bytes()
    assert (tmp_path / "metrics.json").read_bytes() == (trained / "metrics.json").read_bytes()


def test_a_single_seed_leaves_the_metrics_as_they_are(trained, card, tmp_path):
    (tmp_path / "history.csv").write_bytes((trained / "history.csv").read_bytes())
    train_replicates(None, card.model_copy(update={"replicates": 1}), *SPLITS, tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["history.csv", "last.csv", "replicates"]


def test_the_last_metrics_of_all_seeds_are_listed(trained):
    header, *rows = (trained / "replicates/last.csv").read_text().splitlines()
    assert header == "seed,epoch,train_loss,train_accuracy,val_loss,val_accuracy,val_f1"
    found = [[float(cell) for cell in row.split(",")] for row in rows]
    assert found == [[seed, *(one[name][-1] for name in one)] for seed, one in enumerate(histories(trained))]


def test_a_network_that_comes_trained_has_no_further_trainings():
    values = {
        "name": "given",
        "dataset": "mnist",
        "input": [28, 28, 1],
        "seed": 0,
        "checkpoint": "a.pth",
        "replicates": 2,
    }
    with pytest.raises(InputError, match="replicates is 2, but it comes trained"):
        check(UserDefined, values, "networks.given")


def test_activations_of_further_trainings_are_read_by_layer(tmp_path):
    outputs = {seed: np.full((4, 2), seed, np.float32) for seed in (1, 2)}
    with write_replicates(tmp_path / "replicates.h5") as writer:
        for seed, values in outputs.items():
            writer.store(seed, [{"fc/1": values}], 4, all_units({"fc/1": 2}))
    with Replicates(tmp_path / "replicates.h5") as file:
        assert list(file) == ["fc/1"] and file.seeds == [1, 2]
        assert [values[:].tolist() for values in file["fc/1"]] == [values.tolist() for values in outputs.values()]
    with write_replicates(tmp_path / "none.h5"):
        pass
    with Replicates(tmp_path / "none.h5") as file:
        assert list(file) == file.seeds == []


def test_rows_are_a_history(tmp_path, trained):
    rows = Rows("classification")
    rows.step(1, {})
    rows.epoch({"epoch": 1, "val_loss": 0.5})
    rows.close()
    assert rows.rows[0]["val_loss"] == 0.5 and rows.rows[0]["train_loss"] is None
    assert len(History(folder_of(trained, 2) / "history.csv")["epoch"]) == 3
