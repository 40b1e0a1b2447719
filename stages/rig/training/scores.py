"""How well a network does at its task, counted batch by batch, so that no more than one batch's outputs are in memory.

`add` takes the outputs and targets of a batch, as arrays, and returns how many rows its loss is the mean of; `trained` and
`tested` give what a history says of all of them. Scores that are `AT_ONCE` take all outputs of a test together, for a row of
them is short; those of every token or pixel would not fit in memory.
"""

import math

import numpy as np

from drillcore.artifacts.dataset import IGNORED
from drillcore.residuals import token_losses
from drillcore.samples import are_probabilities
from drillcore.tasks import TASKS


class ClassScores:
    """Accuracy and macro F1: outputs (n, classes), targets (n)."""

    AT_ONCE = True

    def __init__(self):
        self.predictions, self.targets = [], []

    def add(self, outputs, targets):
        """Count a batch."""
        self.predictions.append(outputs.argmax(1))
        self.targets.append(targets)
        return len(targets)

    def trained(self):
        """The fraction that was right."""
        right = sum(int((found == wanted).sum()) for found, wanted in zip(self.predictions, self.targets, strict=True))
        return {"accuracy": right / sum(map(len, self.targets))}

    def tested(self, loss):
        """The fraction that was right, and macro F1."""
        return {**self.trained(), "f1": macro_f1(np.concatenate(self.targets), np.concatenate(self.predictions))}


class TokenScores:
    """Accuracy of the next token, and perplexity: outputs (n, positions, vocabulary), targets (n, positions).

    Where the loss is not their cross-entropy, but `other`, this is counted beside it, in nats.
    """

    AT_ONCE = False

    def __init__(self, other=False):
        self.right = self.count = 0
        self.other, self.nats = other, 0.0

    def add(self, outputs, targets):
        """Count a batch."""
        known = targets != IGNORED
        self.right += int((outputs.argmax(-1) == targets)[known].sum())
        self.count += (count := int(known.sum()))
        if self.other and count:
            of_tokens, wanted = outputs[known], targets[known]
            logits = not are_probabilities(of_tokens)
            self.nats += float(token_losses(of_tokens[:, None], wanted[:, None], IGNORED, logits).sum())
        return count

    def trained(self):
        """The fraction that was right."""
        return {"accuracy": self.right / self.count if self.count else math.nan}

    def tested(self, loss):
        """The fraction that was right, and the exponential of the mean cross-entropy in nats, mostly the `loss`."""
        if self.other:
            loss = self.nats / self.count if self.count else math.nan
        return {**self.trained(), "perplexity": float(np.exp(loss))}


class NumberScores:
    """R2 over all numbers, and the mean absolute error in the units of the targets: outputs and targets (n, ...).

    R2 is 1 - sum((y - f)^2) / sum((y - m)^2), with m the mean of each number over the samples: scikit-learn's
    `r2_score` with `multioutput="variance_weighted"`. The sums below it are merged batch by batch as in Chan, Golub and
    LeVeque 1979, "Updating formulae and a pairwise algorithm for computing sample variances", equation 1.5.

    Parameters
    ----------
    scale : array_like
        By what the outputs and targets are multiplied to be in the units of the data.
    errors : bool
        Whether the absolute error is told.
    """

    AT_ONCE = False

    def __init__(self, scale=1.0, errors=True):
        self.scale, self.errors = np.asarray(scale, np.float64), errors
        self.count, self.mean, self.variation = 0, 0.0, 0.0
        self.squares = self.absolute = 0.0

    def add(self, outputs, targets):
        """Count a batch."""
        targets = targets.reshape(len(targets), -1).astype(np.float64)
        residuals = outputs.reshape(len(targets), -1) - targets
        self.squares += float(np.square(residuals).sum())
        self.absolute += float(np.abs(residuals * self.scale).mean(1).sum())
        mean, count = targets.mean(0), len(targets)
        apart, total = mean - self.mean, self.count + count
        self.variation += np.square(targets - mean).sum(0) + apart**2 * (self.count * count / total)
        self.mean, self.count = self.mean + apart * (count / total), total
        return count

    def trained(self):
        """R2, NaN where the targets do not vary."""
        variation = float(np.sum(self.variation))
        return {"r2": 1 - self.squares / variation if variation else math.nan}

    def tested(self, loss):
        """R2 and, if it is asked for, the mean absolute error."""
        return {**self.trained(), **({"mae": self.absolute / self.count} if self.errors else {})}


class NoScores:
    """Nothing but the loss: of outputs that are no answers to targets, which are not looked at."""

    AT_ONCE = False

    def add(self, outputs, targets):
        """Count a batch."""
        return len(targets)

    def trained(self):
        """Nothing."""
        return {}

    def tested(self, loss):
        """Nothing beside the loss."""
        return {}


def scores_of(card):
    """The empty scores of the task of `card`."""
    match card.scored_as():
        case "loss":
            return NoScores()
        case "classification":
            return ClassScores()
        case "next_token":
            return TokenScores(other=card.loss_name() not in TASKS[card.task].losses)
        case "regression":
            return NumberScores(1.0 if card.normalize_targets is None else card.normalize_targets.std)
    return NumberScores(errors=False)


def validated(losses, counts, scores):
    """What a history says of a test: the mean of the `losses` of batches of so many `counts`, and the `scores`."""
    loss = float(sum(loss * (count / sum(counts)) for loss, count in zip(losses, counts, strict=True)))
    return {"val_loss": loss, **{f"val_{name}": value for name, value in scores.tested(loss).items()}}


def macro_f1(labels, predictions):
    """The unweighted mean of the F1 scores 2 TP / (2 TP + FP + FN) of the classes that are in either.

    A class that is never predicted scores 0. Three counts of NumPy's, for scikit-learn takes seconds to load.
    """
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    classes = max(labels.max(), predictions.max()) + 1
    hits = np.bincount(labels[labels == predictions], minlength=classes)
    both = np.bincount(labels, minlength=classes) + np.bincount(predictions, minlength=classes)
    return float(np.mean(2 * hits[both > 0] / both[both > 0]))
