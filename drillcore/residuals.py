"""How far a network's answer was off for each sample over a training: of numbers, how likely the target is wrong; of tokens
and reconstructions, the loss of each sample."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from drillcore.base.arrays import real_array, row_blocks
from drillcore.base.errors import InputError
from drillcore.samples import COMPLETE, ONE_EPOCH

NORMAL = 1.4826
"""By it the median of absolute deviations is the standard deviation, where these are normal."""
WITHIN = 0.6827
"""The fraction of a normal distribution within one standard deviation."""
OUTLYING = 3.5
"""A standardised residual beyond it is an outlier: Iglewicz and Hoaglin 1993."""
EQUAL = "more than half of the residuals are equal, so none is standardised"


class Errors(NamedTuple):
    """What `sample_errors` finds of each sample; NaN where the outputs are not finite.

    Attributes
    ----------
    error : float64 array (samples)
        The absolute error at the last epoch, the mean over the numbers; of tokens and reconstructions, the loss.
    mean, variability : float64 array (samples)
        The mean and the standard deviation over the epochs of that error.
    settled : float64 array (samples)
        The first stored epoch from which on the error stays within the final `spread`; NaN where it does not.
    residual : float64 array (samples)
        The target less the output at the last epoch; NaN of a loss. Of several numbers that of `number`.
    standardised : float64 array (samples)
        The mean over the epochs of the standardised residual. The further from 0, the likelier is the target wrong.
    number : int64 array (samples)
        Which of several numbers has the largest standardised residual, from 0.
    spread : float
        The error at the last epoch that 68.27 % of the samples do not exceed: the standard deviation of normal errors.
    status : str
        COMPLETE, or why some of it is not known.
    """

    error: np.ndarray
    mean: np.ndarray
    variability: np.ndarray
    settled: np.ndarray
    residual: np.ndarray
    standardised: np.ndarray
    number: np.ndarray
    spread: float
    status: str

    def suspects(self) -> np.ndarray:
        """The samples, int64, from the one whose target is likeliest wrong on; where no residual is standardised, from the
        one with the largest mean error on. Without those of which nothing is known."""
        doubt = np.abs(self.standardised) if np.isfinite(self.standardised).any() else self.mean
        order = np.argsort(-doubt, kind="stable")
        return order[np.isfinite(doubt[order])]


def sample_errors(outputs: Sequence[ArrayLike], targets: ArrayLike, epochs: Sequence[int] | None = None) -> Errors:
    """How far the outputs of a regression were off for each sample over a training.

    Parameters
    ----------
    outputs : sequence of array_like (samples, numbers) or (samples)
        What the network returned at each epoch after which it was stored, in evaluation mode. An epoch from before training
        belongs not here.
    targets : array_like (samples, numbers) or (samples)
        What it should have returned, right or wrong.
    epochs : sequence of int, optional
        The numbers of the epochs; 1, 2, ... by default.

    Returns
    -------
    Errors
        Residuals of each epoch and number are standardised by their median m and their median absolute deviation, (r - m) /
        (1.4826 median(abs(r - m))), which wrong targets hardly move, and averaged over the epochs, as in the area under the
        margin of classes: a network that knows wrong targets by heart in the end was far off before. `settled` and `spread`
        are definitions of this library: the epoch from which a sample's error is as small as it is of two thirds of the
        samples in the end.

    Raises
    ------
    InputError
        If there is no epoch, the values are not real numbers, or shapes do not fit.

    References
    ----------
    B. Iglewicz and D. Hoaglin 1993, "How to Detect and Handle Outliers", the modified z-score and its limit of 3.5.
    Pleiss et al. 2020, "Identifying Mislabeled Data using the Area Under the Margin Ranking", arXiv 2001.10528.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> targets = np.array([1.0, 2.0, 3.0, 4.0, 50.0])
    >>> found = drillcore.sample_errors([[1.5, 2.5, 2.0, 4.0, 5.0], [1.1, 2.0, 2.9, 4.2, 5.2]], targets)
    >>> int(found.suspects()[0]), found.error.round(1).tolist(), found.settled[0].item()
    (4, [0.1, 0.0, 0.1, 0.2, 44.8], 2.0)
    """
    outputs = [columns(values, "outputs") for values in outputs]
    targets, epochs = columns(targets, "targets"), list(range(1, len(outputs) + 1)) if epochs is None else list(epochs)
    check(outputs, targets, epochs)
    errors, total = np.empty((len(epochs), len(targets))), 0.0
    for of_epoch, values in zip(errors, outputs, strict=True):
        with np.errstate(invalid="ignore"):
            residuals = targets.astype(np.float64) - values
        of_epoch[:] = np.abs(residuals).mean(1)
        total = total + standardised(residuals)
    found, scores = of_errors(errors, epochs), total / len(epochs)
    rows, number = np.arange(len(targets)), np.argmax(np.abs(np.nan_to_num(scores)), axis=1)
    bad = ~np.isfinite(found.mean)
    of_number = (np.where(bad, np.nan, values[rows, number]) for values in (residuals, scores))
    equal = not bad.all() and np.isnan(scores[~bad]).all(0).any()
    return found._replace(
        **dict(zip(("residual", "standardised"), of_number, strict=True)),
        number=number,
        status=EQUAL if equal and found.status == COMPLETE else found.status,
    )


def columns(values, name):
    """`values` as an array (samples, numbers)."""
    array = np.asarray(real_array(values, name)[:])
    return array[:, None] if array.ndim == 1 else array


def check(outputs, targets, epochs):
    """Refuse outputs and targets that are not of the same samples, numbers and epochs."""
    if not outputs or len(outputs) != len(epochs):
        raise InputError(f"outputs of {len(outputs)} and {len(epochs)} epochs: give one array for each, at least one.")
    shapes = {array.shape for array in (*outputs, targets)}
    if len(shapes) > 1 or targets.ndim != 2 or not targets.size:
        raise InputError(
            f"outputs and targets of shapes {sorted(shapes)} are not (samples, numbers), the same at every epoch and of at "
            "least one sample and number."
        )


def standardised(residuals):
    """Residuals (samples, numbers) less their median, in standard deviations estimated from the median absolute deviation;
    NaN where that is 0. Rows that are not finite count in neither."""
    known = residuals[np.isfinite(residuals).all(1)]
    if not len(known):
        return np.full(residuals.shape, np.nan)
    centre = np.median(known, 0)
    spread = NORMAL * np.median(np.abs(known - centre), 0)
    with np.errstate(invalid="ignore"):
        return (residuals - centre) / np.where(spread > 0, spread, np.nan)


def of_errors(errors, epochs):
    """The `Errors` of float64 `errors` (epochs, samples), absolute errors or losses, without residuals."""
    bad = ~np.isfinite(errors).all(0)
    errors, known = np.where(bad, np.nan, errors), len(epochs) > 1
    spread = float(np.quantile(errors[-1][~bad], WITHIN)) if not bad.all() else np.nan
    stays = np.logical_and.accumulate(errors[::-1] <= spread)[::-1]
    none = np.full(errors.shape[1], np.nan)
    return Errors(
        error=errors[-1],
        mean=errors.mean(0),
        variability=errors.std(0) if known else none,
        settled=np.where(stays.any(0), np.array(epochs)[stays.argmax(0)], np.nan),
        residual=none,
        standardised=none,
        number=np.zeros(errors.shape[1], np.int64),
        spread=spread,
        status=COMPLETE if known else ONE_EPOCH,
    )


def token_losses(outputs, targets, ignored, logits=True):
    """The mean cross-entropy in nats of the tokens of each sample, float64 (samples); NaN where all of them are `ignored`.

    `outputs` (samples, positions, vocabulary) are `logits` or probabilities, `targets` int (samples, positions).
    """
    losses = np.full(len(outputs), np.nan)
    for block in row_blocks(len(outputs), 8 * outputs[0].size):
        values, wanted = outputs[block].astype(np.float64), targets[block]
        known = wanted != ignored
        with np.errstate(divide="ignore", invalid="ignore"):
            values = log_softmax(values) if logits else np.log(values)
            chosen = np.take_along_axis(values, np.where(known, wanted, 0)[..., None], 2)[..., 0]
            losses[block] = -np.where(known, chosen, 0.0).sum(1) / known.sum(1)
    return losses


def log_softmax(logits):
    """The logarithms of the probabilities (..., classes) of `logits`."""
    less = logits - logits.max(-1, keepdims=True)
    return less - np.log(np.exp(less).sum(-1, keepdims=True))


def squared_errors(outputs, targets):
    """The mean squared error of each sample, float64 (samples), of arrays (samples, ...) of as many numbers."""
    apart = outputs.reshape(len(outputs), -1).astype(np.float64) - targets.reshape(len(targets), -1)
    return np.square(apart).mean(1)
