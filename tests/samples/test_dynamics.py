"""How samples fared, against the definitions written as loops, and against labels that were planted wrong."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.special import softmax
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

from drillcore import InputError, sample_dynamics
from drillcore.artifacts.predictions import PROBABILITIES, Predictions, write_predictions
from drillcore.artifacts.suspects import Suspects, write_suspects
from drillcore.base import arrays
from drillcore.samples import ONE_EPOCH, UNKNOWN, are_probabilities, worth_seeing

EPOCHS = [1, 3, 4, 8]


def by_loops(outputs, labels):
    """Of each sample area, confidence, variability, correctness, forgetting and epoch learned."""
    found = []
    for sample, label in enumerate(labels):
        margins, chances, right = [], [], []
        for epoch in outputs:
            row = epoch[sample]
            margins.append(row[label] - max(value for one, value in enumerate(row) if one != label))
            chances.append(softmax(row)[label])
            right.append(row.argmax() == label)
        forgotten = sum(before and not now for before, now in pairwise(right))
        learned = next((epoch for epoch, one in zip(EPOCHS, right, strict=True) if one), np.nan)
        mean = sum(chances) / len(chances)
        spread = (sum((one - mean) ** 2 for one in chances) / len(chances)) ** 0.5
        found.append((np.mean(margins), mean, spread, np.mean(right), forgotten, learned))
    return np.array(found).T


@pytest.fixture
def outputs():
    return np.random.default_rng(0).normal(size=(4, 60, 5)).astype(np.float32)


LABELS = np.arange(60) % 5


@pytest.mark.parametrize("budget", [64 << 20, 1000])
def test_every_number_is_that_of_its_definition_in_blocks_too(outputs, monkeypatch, budget):
    monkeypatch.setattr(arrays.row_blocks, "__defaults__", (budget,))
    found = sample_dynamics(list(outputs), LABELS, EPOCHS)
    assert np.allclose(found[:6], by_loops(outputs.astype(float), LABELS), rtol=1e-12, atol=0, equal_nan=True)
    assert np.isnan(found.learned).any() and found.forgetting.max() > 0
    assert (found.predicted == outputs[-1].argmax(1)).all() and (found.likely != LABELS).all()


def test_probabilities_need_no_softmax(outputs):
    logits, probabilities = sample_dynamics(outputs, LABELS), sample_dynamics(softmax(outputs, 2), LABELS, logits=False)
    assert np.allclose(logits.confidence, probabilities.confidence) and (logits.likely == probabilities.likely).all()
    assert are_probabilities(softmax(outputs[0], 1)) and not are_probabilities(outputs[0])


def test_what_is_not_finite_is_not_known_and_no_suspect(outputs):
    outputs[2, 7, 1] = np.inf
    found = sample_dynamics(outputs, LABELS)
    assert all(np.isnan(values[7]) for values in found[:6]) and found.predicted[7] == found.likely[7] == UNKNOWN
    assert sorted(found.suspects()) == [one for one in range(60) if one != 7]


def test_a_single_epoch_has_no_variability_and_says_so(outputs):
    found = sample_dynamics(outputs[:1], LABELS)
    assert found.status == ONE_EPOCH and np.isnan([found.variability, found.forgetting]).all()
    assert np.isfinite(found.area).all()


@pytest.mark.parametrize(
    ("epochs", "labels"),
    [(0, LABELS), (4, LABELS[:-1]), (4, LABELS - 1), (4, LABELS + 1)],
    ids=["none", "few", "low", "high"],
)
def test_what_does_not_fit_is_refused(outputs, epochs, labels):
    with pytest.raises(InputError):
        sample_dynamics(list(outputs[:epochs]), labels)


@pytest.fixture(scope="module")
def planted():
    """A small network's outputs at five epochs of training on digits, 5 % of whose labels were changed; which of them."""
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    images, true = load_digits(return_X_y=True)
    inputs, labels = torch.from_numpy((images / 16).astype(np.float32)), true.copy()
    wrong = random.choice(len(true), len(true) // 20, replace=False)
    labels[wrong] = (labels[wrong] + random.integers(1, 10, len(wrong))) % 10
    targets = torch.from_numpy(labels)
    model = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))
    optimizer, outputs = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9), []
    for _ in range(5):
        for rows in torch.from_numpy(random.permutation(len(true))).split(64):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(inputs[rows]), targets[rows]).backward()
            optimizer.step()
        with torch.no_grad():
            outputs.append(model(inputs).numpy())
    return outputs, labels, true, wrong


def test_labels_planted_wrong_are_ranked_first(planted):
    outputs, labels, true, wrong = planted
    found, is_wrong = sample_dynamics(outputs, labels), labels != true
    assert is_wrong.sum() == len(wrong)
    assert roc_auc_score(is_wrong, -found.area) > 0.98
    chance = roc_auc_score(np.random.default_rng(1).permutation(is_wrong), -found.area)
    assert abs(chance - 0.5) < 0.1
    assert is_wrong[found.suspects()[: len(wrong) // 2]].mean() > 0.95
    assert (found.likely[wrong] == true[wrong]).mean() > 0.9


def test_the_list_of_suspects_has_every_negative_area_lowest_first(planted, tmp_path):
    outputs, labels, _, _ = planted
    classes, random = [f"class {one}" for one in range(10)], np.arange(len(labels))
    with write_predictions(
        tmp_path / "predictions.h5", {"train": labels, "test": labels[:50]}, classes, "digits"
    ) as writer:
        for epoch, values in enumerate(outputs):
            writer.store(epoch, "train", [values[:1000], values[1000:]])
            writer.store(epoch, "test", [values[:50]])
        images = np.zeros((len(labels), 8, 8, 1), np.uint8)
        writer.finish({"train": images, "test": images[:50]}, {"train": random, "test": random[:50]}, untrained=0)
    with Predictions(tmp_path / "predictions.h5") as file:
        assert file.logits and file["train", 2][:].tobytes() == outputs[2].tobytes()
        found = file.dynamics("train")
        assert found.area.tolist() == sample_dynamics(outputs[1:], labels).area.tolist()
        sample, shown = file.shown("train")
        assert sample.tolist() == worth_seeing(found, 300, random).tolist() and len(shown) == len(sample)
        write_suspects(tmp_path / "suspects.csv", file, 0)
    listed = Suspects(tmp_path / "suspects.csv")
    ours = listed["split"] == "train"
    assert listed["sample"][ours].tolist() == [one for one in found.suspects() if found.area[one] < 0]
    assert (np.diff(listed["area"]) >= 0).all() and listed["area"][-1] < 0 and not ours.all()
    assert listed["label"][ours].tolist() == [classes[labels[one]] for one in listed["sample"][ours]]


def test_outputs_of_a_network_trained_by_squared_error_count_as_probabilities(outputs, tmp_path):
    with write_predictions(
        tmp_path / "predictions.h5", {"train": LABELS}, list("abcde"), "x", estimates=True
    ) as writer:
        writer.store(1, "train", [outputs[0]])
        writer.finish({"train": np.zeros((60, 1, 1, 1), np.uint8)}, {"train": np.arange(60)}, untrained=0)
    with Predictions(tmp_path / "predictions.h5") as file:
        assert not file.logits and file.attribute("outputs") == PROBABILITIES
        rows = np.arange(60)
        assert np.allclose(file.dynamics("train").confidence, outputs[0][rows, LABELS])
