"""How far answers were off, against the definitions written as loops, and against targets that were planted wrong."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.datasets import load_diabetes
from sklearn.metrics import roc_auc_score

import drillcore
from drillcore import InputError, sample_errors
from drillcore.artifacts.predictions import CROSS_ENTROPY, Predictions, write_losses, write_numbers
from drillcore.artifacts.suspects import Suspects, write_suspects
from drillcore.residuals import EQUAL, OUTLYING, squared_errors, token_losses
from drillcore.samples import ONE_EPOCH
from stages.rig.predictions import entropy_of, in_units

EPOCHS = [1, 3, 4, 8]


@pytest.fixture
def outputs():
    return np.random.default_rng(0).normal(size=(4, 60, 3)) * [1, 10, 100]


@pytest.fixture
def targets():
    return np.random.default_rng(1).normal(size=(60, 3)) * [1, 10, 100]


def modified_z(residuals):
    """As Iglewicz and Hoaglin define it."""
    return stats.norm.ppf(0.75) * (residuals - np.median(residuals)) / stats.median_abs_deviation(residuals)


def test_every_number_is_that_of_its_definition(outputs, targets):
    found = sample_errors(list(outputs), targets, EPOCHS)
    errors = np.array([[np.mean(np.abs(t - o)) for t, o in zip(targets, epoch, strict=True)] for epoch in outputs])
    np.testing.assert_allclose(found.error, errors[-1])
    np.testing.assert_allclose(found.mean, errors.mean(0))
    np.testing.assert_allclose(found.variability, errors.std(0))
    by_epoch = [[modified_z(residuals) for residuals in (targets - epoch).T] for epoch in outputs]
    scores = np.mean(by_epoch, 0).T
    worst = np.abs(scores).argmax(1)
    assert found.number.tolist() == worst.tolist()
    np.testing.assert_allclose(found.standardised, scores[np.arange(60), worst], rtol=1e-4)
    np.testing.assert_allclose(found.residual, (targets - outputs[-1])[np.arange(60), worst])
    assert found.suspects()[0] == np.abs(scores).max(1).argmax()


def test_a_sample_has_settled_where_its_error_stays_within_the_final_spread(outputs, targets):
    found = sample_errors(list(outputs), targets, EPOCHS)
    errors = np.abs(targets - outputs).mean(2)
    assert np.mean(errors[-1] <= found.spread) == pytest.approx(0.6827, abs=1 / 60)
    for sample, settled in enumerate(found.settled):
        inside = [error <= found.spread for error in errors[:, sample]]
        stays = [epoch for place, epoch in enumerate(EPOCHS) if all(inside[place:])]
        assert settled == min(stays, default=np.nan) or (not stays and np.isnan(settled))
    assert np.isnan(found.settled).any() and (found.settled < 8).any()


def test_the_spread_of_normal_errors_is_their_standard_deviation():
    residuals = np.random.default_rng(0).normal(scale=3.0, size=20_000)
    assert sample_errors([np.zeros(20_000)], residuals).spread == pytest.approx(3.0, rel=0.02)


def test_what_is_not_finite_is_not_known_and_no_suspect(outputs, targets):
    outputs[2, 7, 1] = np.inf
    found = sample_errors(list(outputs), targets)
    assert all(np.isnan(values[7]) for values in found[:6]) and 7 not in found.suspects()
    assert len(found.suspects()) == 59


def test_residuals_that_are_mostly_equal_are_not_standardised():
    found = sample_errors([np.zeros(10)] * 2, np.array([0.0] * 8 + [1, 2]))
    assert found.status == EQUAL and np.isnan(found.standardised).all() and found.suspects()[0] == 9


def test_a_single_epoch_has_no_variability_and_no_map(outputs, targets):
    found = sample_errors(outputs[:1], targets)
    assert found.status == ONE_EPOCH and np.isnan(found.variability).all() and np.isfinite(found.standardised).all()
    with pytest.raises(InputError):
        drillcore.figures.error_map(found)


@pytest.mark.parametrize(
    ("count", "rows"),
    [(0, slice(None)), (4, slice(1, None)), (4, (slice(None), slice(1, None)))],
    ids=["none", "samples", "numbers"],
)
def test_what_does_not_fit_is_refused(outputs, targets, count, rows):
    with pytest.raises(InputError):
        sample_errors(list(outputs[:count]), targets[rows])


@pytest.fixture(scope="module")
def planted():
    """A small network's outputs at five epochs of training on the diabetes table, 5 % of whose targets were moved by three of
    their standard deviations; which of them."""
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    features, targets = load_diabetes(return_X_y=True)
    features, wrong = features / features.std(0), random.choice(len(targets), len(targets) // 20, replace=False)
    targets[wrong] += np.where(targets[wrong] < np.median(targets), 1, -1) * 3 * targets.std()
    mean, std = targets.mean(), targets.std()
    model = torch.nn.Sequential(torch.nn.Linear(10, 32), torch.nn.ReLU(), torch.nn.Linear(32, 1))
    inputs = torch.from_numpy(features.astype(np.float32))
    wanted = torch.from_numpy(((targets - mean) / std).astype(np.float32))[:, None]
    optimizer, outputs = torch.optim.Adam(model.parameters(), 0.01), []
    for _ in range(5):
        for rows in torch.from_numpy(random.permutation(len(targets))).split(32):
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(model(inputs[rows]), wanted[rows]).backward()
            optimizer.step()
        with torch.no_grad():
            outputs.append(model(inputs).numpy() * std + mean)
    return outputs, targets[:, None], np.isin(np.arange(len(targets)), wrong)


def test_targets_planted_wrong_are_ranked_first(planted):
    outputs, targets, is_wrong = planted
    found = sample_errors(outputs, targets)
    assert roc_auc_score(is_wrong, np.abs(found.standardised)) > 0.95
    chance = roc_auc_score(np.random.default_rng(1).permutation(is_wrong), np.abs(found.standardised))
    assert abs(chance - 0.5) < 0.15
    assert is_wrong[found.suspects()[:10]].mean() >= 0.9


def test_the_list_of_suspects_has_every_outlier_the_furthest_first(planted, tmp_path):
    outputs, targets, _ = planted
    sides = {"train": targets, "test": targets[:50]}
    with write_numbers(tmp_path / "predictions.h5", sides, "diabetes") as writer:
        for epoch, values in enumerate(outputs):
            writer.store(epoch, "train", [values[:100], values[100:]])
            writer.store(epoch, "test", [values[:50]])
        inputs = {split: np.zeros((len(rows), 10), np.float32) for split, rows in sides.items()}
        writer.finish(inputs, {split: np.arange(len(rows)) for split, rows in sides.items()}, untrained=0)
    with drillcore.open(tmp_path / "predictions.h5") as file:
        found = file.dynamics("train")
        expected = sample_errors([values.astype(np.float32) for values in outputs[1:]], targets.astype(np.float32))
        np.testing.assert_array_equal(found.standardised, expected.standardised)
        assert {found.mean.argmin(), *found.suspects()[:100]} <= set(file.shown("train")[0].tolist())
        assert file.constant("train") == pytest.approx(np.abs(targets - targets.mean()).mean(), rel=1e-6)
        assert (
            file.figures() == ["sample_map"] and file.plot().axes[0].get_ylabel() == "mean absolute error over epochs"
        )
        write_suspects(tmp_path / "suspects.csv", file, 0)
    listed = Suspects(tmp_path / "suspects.csv")
    ours = listed["split"] == "train"
    assert listed["sample"][ours].tolist() == [
        one for one in found.suspects() if abs(found.standardised[one]) > OUTLYING
    ]
    assert (np.diff(np.abs(listed["standardised"])) <= 0).all() and ours.any()
    np.testing.assert_allclose(listed["target"] - listed["output"], listed["residual"], atol=0.01)


def test_the_loss_of_a_text_is_the_mean_cross_entropy_of_its_tokens():
    random = np.random.default_rng(0)
    logits, targets = random.normal(size=(5, 7, 11)).astype(np.float32), random.integers(11, size=(5, 7))
    targets[0, :3], targets[1] = -100, -100
    losses = token_losses(logits, targets, -100)
    pairs = zip(torch.from_numpy(logits), torch.from_numpy(targets), strict=True)
    expected = [torch.nn.functional.cross_entropy(*pair).item() for pair in pairs]
    np.testing.assert_allclose(losses, expected, rtol=1e-6)
    assert np.isnan(losses[1])
    probabilities = torch.from_numpy(logits).softmax(2).numpy()
    np.testing.assert_allclose(token_losses(probabilities, targets, -100, logits=False), losses, rtol=1e-5)
    shares = np.bincount(targets[targets >= 0]) / np.sum(targets >= 0)
    assert entropy_of(targets) == pytest.approx(stats.entropy(shares))


def test_the_loss_of_a_reconstruction_is_its_mean_squared_error():
    a, b = np.random.default_rng(0).normal(size=(2, 4, 3, 5)).astype(np.float32)
    np.testing.assert_allclose(squared_errors(a, b.reshape(4, 15)), ((a - b) ** 2).mean((1, 2)), rtol=1e-6)


def test_losses_have_a_map_but_no_suspects(tmp_path):
    random = np.random.default_rng(0)
    with write_losses(tmp_path / "predictions.h5", {"train": 20}, "texts", CROSS_ENTROPY, 2.0) as writer:
        for epoch in range(3):
            writer.store(epoch, "train", [random.gamma(2.0, size=(20, 1)).astype(np.float32)])
        writer.finish({"train": np.zeros((20, 6), np.int32)}, {"train": np.arange(20)}, untrained=0)
    with Predictions(tmp_path / "predictions.h5") as file:
        found = file.dynamics("train")
        np.testing.assert_array_equal(found.error, file["train"][:, 0].astype(float))
        assert found.suspects()[0] == found.mean.argmax() and file.constant("train") == 2.0
        assert file.plot("sample_map").axes[0].get_ylabel().startswith("mean cross-entropy")
        write_suspects(tmp_path / "suspects.csv", file, 0)
    assert not len(Suspects(tmp_path / "suspects.csv")["sample"])


def test_numbers_come_in_the_units_of_the_data():
    normalize = SimpleNamespace(mean=[10.0, 0.0], std=[2.0, 1.0])
    assert in_units(np.ones((3, 2), np.float32), normalize).tolist() == [[12.0, 1.0]] * 3
