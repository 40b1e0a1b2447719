"""The statistics of recorded gradients by step, by epoch, and by epoch of each tensor."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from drillcore.artifacts.gradient_stats import INDEX, OVER_SEEDS
from drillcore.artifacts.gradients import KINDS, SCALARS, Gradients
from drillcore.base.arrays import row_blocks
from drillcore.intervals import t_intervals
from drillcore.progress import Progress, silent
from drillcore.recording.chance import compared, flips_near_zero, shares
from drillcore.recording.scalars import over_network
from drillcore.recording.threshold import near_zero, statistics


def summarise(file: Gradients, thresholds: Sequence[float], progress: Progress = silent) -> dict[str, Any]:
    """Return the statistics of recorded gradients, the content of gradient_stats.json.

    Parameters
    ----------
    file : Gradients
        What `drillcore.open` returns for a gradients.h5.
    thresholds : sequence of float
        Edges at which the gradients were counted: a gradient is near zero if abs(g) is at most the threshold.
    progress : callable, optional
        Shows how far the work has come; see `drillcore.progress`.

    Returns
    -------
    dict
        `tensors` and their `sizes`; `thresholds`: by threshold ("1e-07") and by each of the file's `kinds` a dict of
        `step`: lists with an entry a recorded step, over all tensors, beside `step` and `epoch`;
        `epoch`: lists with an entry an epoch, over all tensors, beside `epoch`;
        `tensor`: for each tensor, lists with an entry an epoch.
        Of a file with a null, all have `minima_share` of the minima and maxima, and `minima_share_null` by chance alone, and
        `epoch` and `tensor` have `z`, by how many standard errors between steps the first is above the second; see
        `drillcore.recording.chance`. `scalars` are then the medians over each epoch's steps: `epoch`, `network` (over all
        tensors) and by `tensor`.
        An epoch's counts are the sums over its recorded steps (so a parameter counts once a step), its fractions and
        means those of the sums, its weight change sqrt(sum dw^2) over all of them.

    Raises
    ------
    InputError
        If a threshold is none of the edges.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> with drillcore.GradientRecorder({"weight": 2}, "gradients.h5") as recorder:
    ...     for step, gradient in enumerate(np.float32([[0.0, 1e-4], [1e-6, -1e-4]]), 1):
    ...         recorder.record(step, 1, 0.5, [gradient], [np.zeros(2, np.float32)])
    >>> with drillcore.open("gradients.h5") as file:
    ...     statistics = drillcore.summarise(file, [1e-3])
    >>> statistics["thresholds"]["0.001"]["raw"]["epoch"]["retained"]
    [2]
    """
    for threshold in thresholds:
        near_zero(file.edges, threshold)
    by_kind = {kind: summarise_kind(file, kind, thresholds, progress) for kind in file.kinds}
    return {
        "tensors": file.tensors,
        "sizes": file.sizes.tolist(),
        **({"scalars": scalars_by_epoch(file)} if file.has_null else {}),
        "thresholds": {
            f"{threshold:g}": {kind: by_kind[kind][index] for kind in by_kind}
            for index, threshold in enumerate(thresholds)
        },
    }


def over_seeds(first: dict[str, Any], others: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What `summarise` said of a training, with what it said of `others`, which differ in the seed alone.

    Each statistic of the gradients themselves has beside it, as `<statistic>_mean` and `<statistic>_interval`, the mean over
    all trainings and the half width of its 95 % t interval; `seeds` is their number. Nothing is added where there are none.
    """
    if not others:
        return first
    thresholds = {
        threshold: kinds | {"raw": spread([kinds["raw"], *(other["thresholds"][threshold]["raw"] for other in others)])}
        for threshold, kinds in first["thresholds"].items()
    }
    return {**first, "seeds": 1 + len(others), "thresholds": thresholds}


def spread(trainings):
    """The first of several dicts of lists, or of such dicts, with means and intervals over all of them."""
    first, added = trainings[0], {}
    for name, values in first.items():
        if isinstance(values, dict):
            added[name] = spread([training[name] for training in trainings])
        elif name not in INDEX and all(name in training for training in trainings):
            found = t_intervals([training[name] for training in trainings])
            added |= {f"{name}_{of}": array.tolist() for of, array in zip(OVER_SEEDS, found, strict=True)}
    return first | added


def summarise_kind(file, kind, thresholds, progress):
    """For each of `thresholds`, the statistics of a kind by step, epoch and tensor; memory grows with epochs, and with steps
    by four numbers a tensor."""
    edges, counts, weight_change = file.edges, file.counts(kind), file.weight_change(kind)
    epochs, epoch_of_row = np.unique(file.epoch(kind), return_inverse=True)
    epoch_counts = np.zeros((len(epochs), *counts.shape[1:]), np.int64)
    epoch_change = np.zeros((len(epochs), *weight_change.shape[1:]))
    steps, flips = [[] for _ in thresholds], [[] for _ in thresholds]
    row_bytes = sum(data.dtype.itemsize * int(np.prod(data.shape[1:])) for data in (counts, weight_change))
    blocks = row_blocks(len(counts), row_bytes) or [slice(0, 0)]
    for block in progress(blocks, f"gradients {kind}"):
        block_counts, block_change = counts[block], weight_change[block]
        for row, epoch in enumerate(epoch_of_row[block]):
            epoch_counts[epoch] += block_counts[row]
            epoch_change[epoch] += block_change[row]
        over_tensors = block_counts.sum(1), block_change.sum(1)
        for found, threshold in zip(steps, thresholds, strict=True):
            found.append(statistics(*over_tensors, edges, threshold))
        if file.has_null and kind in KINDS:
            null = file.null_minima(kind)[block], file.null_flips(kind)[block]
            for found, threshold in zip(flips, thresholds, strict=True):
                found.append(flips_near_zero(block_counts, *null, edges, threshold))
    chances = [chance(np.concatenate(found), file, kind, epoch_of_row) if found else NO_CHANCE for found in flips]
    return [
        {
            "step": {
                "step": file.step(kind).tolist(),
                "epoch": file.epoch(kind).tolist(),
                **lists(join(found) | by_step),
            },
            "epoch": {
                "epoch": epochs.tolist(),
                **lists(statistics(epoch_counts.sum(1), epoch_change.sum(1), edges, threshold) | by_epoch),
            },
            "tensor": by_tensor(statistics(epoch_counts, epoch_change, edges, threshold) | of_tensors, file.tensors),
        }
        for found, threshold, (by_step, by_epoch, of_tensors) in zip(steps, thresholds, chances, strict=True)
    ]


NO_CHANCE = {}, {}, {}


def chance(flips, file, kind, epoch_of_row):
    """Minima and chance from `flips` (steps, tensors, 4): by step, by epoch, and by epoch and tensor."""
    step = file.step(kind)
    rows = [epoch_of_row == epoch for epoch in range(epoch_of_row.max(initial=-1) + 1)]
    by_epoch = [compared(flips[row].sum(1), step[row], file.decay) for row in rows]
    of_tensors = [compared(flips[row], step[row], file.decay) for row in rows]
    return shares(flips.sum(1)), stacked(by_epoch), stacked(of_tensors)


def stacked(parts):
    """One dict of arrays from a list of dicts of arrays with the same keys, along a new first axis; of none, none."""
    return {name: np.stack([part[name] for part in parts]) for name in parts[0]} if parts else {}


def scalars_by_epoch(file):
    """The medians of the step scalars over the steps of each epoch, of the network and by tensor; NaN of none."""
    epochs, epoch_of_row = np.unique(file.epoch(), return_inverse=True)
    values = np.stack([found[()] for found in file.scalars.values()], -1)
    whole = over_network(values, file.step())
    rows = [epoch_of_row == epoch for epoch in range(len(epochs))]
    network, tensors = (
        np.array([medians(found[row]) for row in rows]).reshape(len(rows), *found.shape[1:])
        for found in (whole, values)
    )
    return {
        "epoch": epochs.tolist(),
        "network": lists(dict(zip(SCALARS, network.T, strict=True))),
        "tensor": by_tensor(dict(zip(SCALARS, np.moveaxis(tensors, -1, 0), strict=True)), file.tensors),
    }


def medians(values):
    """The medians over the first axis of what is not NaN, NaN of none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a slice that is all NaN
        return np.nanmedian(values, 0)


def join(parts):
    """One dict of arrays from a list of dicts of arrays with the same keys."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def lists(arrays):
    """A dict of arrays as one of lists."""
    return {name: array.tolist() for name, array in arrays.items()}


def by_tensor(arrays, tensors):
    """A dict of arrays (epochs, tensors) as a dict of tensors, each a dict of lists (epochs)."""
    return {tensor: lists({name: array[:, i] for name, array in arrays.items()}) for i, tensor in enumerate(tensors)}
