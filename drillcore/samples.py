"""How each sample fared over a training: how surely it was learned, when, whether it was forgotten, and how likely its label
is wrong; from what the network returned for it at the stored epochs."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from drillcore.base.arrays import real_array, row_blocks
from drillcore.base.errors import InputError

COMPLETE = "complete"
ONE_EPOCH = "variability and forgetting are not known of a single trained epoch"
UNKNOWN = -1
"""The class of a sample whose outputs are not finite."""


class Dynamics(NamedTuple):
    """What `sample_dynamics` finds of each sample; NaN where the outputs are not finite.

    Attributes
    ----------
    area : float64 array (samples)
        The mean over the epochs of the margin: the output of the label less the largest other. The lower, the likelier is the
        label wrong.
    confidence, variability : float64 array (samples)
        The mean and the standard deviation over the epochs of the label's probability.
    correctness : float64 array (samples)
        The fraction of the epochs at which the label has the largest output.
    forgetting : float64 array (samples)
        How often a sample was right at one stored epoch and wrong at the next.
    learned : float64 array (samples)
        The first stored epoch at which it was right; NaN where there is none.
    predicted, likely : int64 array (samples)
        The class with the largest output at the last epoch, and the one other than the label with the highest mean
        probability; UNKNOWN where outputs are not finite.
    status : str
        COMPLETE, or why some of it is not known.
    """

    area: np.ndarray
    confidence: np.ndarray
    variability: np.ndarray
    correctness: np.ndarray
    forgetting: np.ndarray
    learned: np.ndarray
    predicted: np.ndarray
    likely: np.ndarray
    status: str

    def suspects(self) -> np.ndarray:
        """The samples, int64, from the one whose label is likeliest wrong on; without those of which nothing is known."""
        order = np.argsort(self.area, kind="stable")
        return order[np.isfinite(self.area[order])]


def sample_dynamics(
    outputs: Sequence[ArrayLike], labels: ArrayLike, epochs: Sequence[int] | None = None, logits: bool = True
) -> Dynamics:
    """How each sample fared over a training.

    Parameters
    ----------
    outputs : sequence of array_like (samples, classes)
        What the network returned at each epoch after which it was stored, in evaluation mode; of HDF5
        datasets a block of rows is in memory at a time. An epoch from before training belongs not here.
    labels : array_like (samples) of int
        The class of each sample, right or wrong.
    epochs : sequence of int, optional
        The numbers of the epochs; 1, 2, ... by default.
    logits : bool
        Whether the outputs are logits, whose softmax are probabilities, and not probabilities or estimates of them.

    Returns
    -------
    Dynamics
        `area` (float64), `confidence`, `variability`, `correctness`, `forgetting`, `learned`, `predicted` and `likely`, each
        an array (samples), and `status`. Confidence, variability and correctness are those of Swayamdipta et al.,
        forgetting events those of Toneva et al., but seen at the stored epochs alone: between two of them more may be
        forgotten. The area under the margin, of which the lowest are the likeliest wrong labels (`suspects()`), is that of
        Pleiss et al.

    Raises
    ------
    InputError
        If there is no epoch, the outputs are not real numbers, or shapes or labels do not fit.

    References
    ----------
    Swayamdipta et al. 2020, "Dataset Cartography", arXiv 2009.10795, section 2.
    Toneva et al. 2019, "An Empirical Study of Example Forgetting", arXiv 1812.05159, section 3.
    Pleiss et al. 2020, "Identifying Mislabeled Data using the Area Under the Margin Ranking", arXiv 2001.10528, equation 1.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> outputs = np.log([[[0.5, 0.5], [0.9, 0.1]], [[0.8, 0.2], [0.9, 0.1]]])
    >>> found = drillcore.sample_dynamics(outputs, [0, 1])
    >>> found.confidence.round(2).tolist(), found.variability.round(2).tolist(), found.suspects().tolist()
    ([0.65, 0.1], [0.15, 0.0], [1, 0])
    """
    outputs = [real_array(values, "outputs") for values in outputs]
    labels = np.asarray(real_array(labels, "labels"), np.int64)
    epochs = list(range(1, len(outputs) + 1)) if epochs is None else list(epochs)
    check(outputs, labels, epochs)
    row_bytes = 8 * len(outputs) * outputs[0].shape[1]
    blocks = [
        of_block(np.array([values[rows] for values in outputs], np.float64), labels[rows], np.array(epochs), logits)
        for rows in row_blocks(len(labels), row_bytes)
    ]
    return Dynamics(*map(np.concatenate, zip(*blocks, strict=True)), COMPLETE if len(epochs) > 1 else ONE_EPOCH)


def check(outputs, labels, epochs):
    """Refuse outputs and labels that are not of the same samples, classes and epochs."""
    if not len(outputs) or len(outputs) != len(epochs):
        raise InputError(f"outputs of {len(outputs)} and {len(epochs)} epochs: give one array for each, at least one.")
    shapes = {np.shape(values) for values in outputs}
    (count, classes), *others = [shape if len(shape) == 2 else (0, 0) for shape in shapes]
    if others or not count or classes < 2:
        raise InputError(
            f"outputs of shapes {sorted(shapes)} are not (samples, classes), the same at every epoch and of at least one "
            "sample and two classes."
        )
    if labels.shape != (count,) or labels.min() < 0 or labels.max() >= classes:
        raise InputError(
            f"labels of shape {labels.shape} from {labels.min(initial=0)} to {labels.max(initial=0)}: give each of the "
            f"{count} samples a class from 0 to {classes - 1}."
        )


def of_block(outputs, labels, epochs, logits):
    """The arrays of `Dynamics` for some samples: `outputs` float64 (epochs, samples, classes)."""
    bad = ~np.isfinite(outputs).all((0, 2))
    outputs[:, bad] = 0  # computed as any other, and blanked at the end
    rows = np.arange(len(labels))
    of_label = outputs[:, rows, labels]
    others = outputs.copy()
    others[:, rows, labels] = -np.inf
    probability = softmax(outputs) if logits else outputs
    of_others = probability.mean(0)
    of_others[rows, labels] = -np.inf
    right = outputs.argmax(2) == labels
    ever, known = right.any(0), len(epochs) > 1
    numbers = (
        (of_label - others.max(2)).mean(0),
        probability[:, rows, labels].mean(0),
        probability[:, rows, labels].std(0) if known else np.full(len(rows), np.nan),
        right.mean(0),
        (right[:-1] & ~right[1:]).sum(0, dtype=np.float64) if known else np.full(len(rows), np.nan),
        np.where(ever, epochs[right.argmax(0)], np.nan),
    )
    classes = outputs[-1].argmax(1), of_others.argmax(1)
    return [np.where(bad, np.nan, values) for values in numbers] + [np.where(bad, UNKNOWN, one) for one in classes]


def softmax(logits):
    """The probabilities (..., classes) of `logits`."""
    exponentials = np.exp(logits - logits.max(-1, keepdims=True))
    return exponentials / exponentials.sum(-1, keepdims=True)


def label_probabilities(outputs: ArrayLike, labels: np.ndarray, logits: bool = True) -> np.ndarray:
    """The probability of each label at each epoch, float64 (samples, epochs), of `outputs` (epochs, samples, classes).

    >>> import numpy as np
    >>> label_probabilities(np.log([[[0.9, 0.1]], [[0.8, 0.2]]]), np.array([1])).round(3)
    array([[0.1, 0.2]])
    """
    outputs = np.asarray(outputs, np.float64)
    with np.errstate(invalid="ignore"):
        probability = softmax(outputs) if logits else outputs
    return probability[:, np.arange(len(labels)), labels].T


def are_probabilities(outputs: ArrayLike) -> bool:
    """Whether each row of `outputs` (samples, classes) is of probabilities, as no network's logits are: not negative, and 1
    together.

    >>> are_probabilities([[0.5, 0.5], [1.0, 0.0]]), are_probabilities([[0.5, 0.5], [2.0, -1.0]])
    (True, False)
    """
    outputs = np.asarray(outputs, np.float64)
    # 16 bits round every one of a row, hence the tolerance
    return bool((outputs >= 0).all() and np.allclose(outputs.sum(1), 1, rtol=0, atol=1e-2))


def worth_seeing(found: Dynamics, most: int, others: ArrayLike) -> np.ndarray:
    """Samples, int64 ascending, whose images tell most: a third of `most` each the likeliest wrong, the most variable, and
    the first of `others`, a random order of samples."""
    share = most // 3
    variable = np.argsort(-np.nan_to_num(found.variability), kind="stable")
    return np.unique(np.concatenate([found.suspects()[:share], variable[:share], np.asarray(others)[:share]]))
