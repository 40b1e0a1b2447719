"""Scores of every task, counted batch by batch, against scikit-learn's of all samples at once."""

from itertools import pairwise

import numpy as np
import pytest
from sklearn.metrics import log_loss, mean_absolute_error, r2_score

from drillcore.tasks import TASKS, task_of
from stages.rig.training.scores import IGNORED, NumberScores, TokenScores, validated

CUTS = [0, 3, 4, 20]


def counted(scores, outputs, targets):
    """The numbers of samples that `scores` count in batches of different sizes."""
    return [scores.add(outputs[a:b], targets[a:b]) for a, b in pairwise(CUTS)]


@pytest.mark.parametrize("shape", [(20, 1), (20, 3), (20, 2, 2, 2)])
def test_numbers_far_from_zero_are_scored_as_by_scikit_learn(shape):
    random = np.random.default_rng(0)
    targets = (1e4 + random.normal(size=shape)).astype(np.float32)
    outputs = (targets + random.normal(0, 0.5, shape)).astype(np.float32)
    scores = NumberScores(scale=2.0)
    assert counted(scores, outputs, targets) == [3, 1, 16]
    flat = [values.reshape(20, -1).astype(np.float64) for values in (targets, outputs)]
    found = scores.tested(0.25)
    assert found["r2"] == pytest.approx(r2_score(*flat, multioutput="variance_weighted"), rel=1e-9)
    assert found["mae"] == pytest.approx(2 * mean_absolute_error(*flat))


def test_targets_that_do_not_vary_have_no_r2():
    scores = NumberScores()
    scores.add(np.ones((4, 1)), np.zeros((4, 1)))
    assert np.isnan(scores.trained()["r2"])


def test_tokens_are_scored_but_for_those_that_count_nowhere():
    random = np.random.default_rng(0)
    logits, targets = random.normal(size=(20, 5, 7)), random.integers(7, size=(20, 5))
    targets[random.random(targets.shape) < 0.3] = IGNORED
    scores, known = TokenScores(), targets != IGNORED
    counts = counted(scores, logits, targets)
    assert sum(counts) == known.sum()
    shares = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    losses = [
        log_loss(targets[a:b][known[a:b]], shares[a:b][known[a:b]], labels=range(7))
        for a, b in ((0, 3), (3, 4), (4, 20))
    ]
    found = validated(losses, counts, scores)
    whole = log_loss(targets[known], shares[known], labels=range(7))
    assert found["val_loss"] == pytest.approx(whole)
    assert found["val_perplexity"] == pytest.approx(np.exp(whole))
    assert found["val_accuracy"] == np.mean(logits.argmax(-1)[known] == targets[known])


@pytest.mark.parametrize("probabilities", [False, True])
def test_the_perplexity_is_of_the_cross_entropy_whatever_the_loss(probabilities):
    random = np.random.default_rng(0)
    logits, targets = 9 * random.normal(size=(20, 5, 7)), random.integers(7, size=(20, 5))
    targets[random.random(targets.shape) < 0.3] = IGNORED
    shares, known = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True), targets != IGNORED
    scores = TokenScores(other=True)
    counts = counted(scores, shares if probabilities else logits, targets)
    found = validated([5.0] * len(counts), counts, scores)
    whole = log_loss(targets[known], shares[known], labels=range(7))
    assert (found["val_loss"], found["val_perplexity"]) == (5.0, pytest.approx(np.exp(whole)))


def test_the_columns_of_a_history_tell_its_task():
    assert [task_of(task.columns()) for task in TASKS.values()] == list(TASKS)
    assert task_of(["epoch", "val_loss"]) is None
