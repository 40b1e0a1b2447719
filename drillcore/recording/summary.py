"""The statistics of recorded gradients by step, by epoch, and by epoch of each tensor."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from drillcore.artifacts.gradients import KINDS, Gradients
from drillcore.base.arrays import row_blocks
from drillcore.progress import Progress, silent
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
        `tensors` and their `sizes`; `thresholds`: by threshold ("1e-07") and by `raw` and `ema` a dict of
        `step`: lists with an entry a recorded step, over all tensors, beside `step` and `epoch`;
        `epoch`: lists with an entry an epoch, over all tensors, beside `epoch`;
        `tensor`: for each tensor, lists with an entry an epoch.
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
    by_kind = {kind: summarise_kind(file, kind, thresholds, progress) for kind in KINDS}
    return {
        "tensors": file.tensors,
        "sizes": file.sizes.tolist(),
        "thresholds": {
            f"{threshold:g}": {kind: by_kind[kind][index] for kind in by_kind}
            for index, threshold in enumerate(thresholds)
        },
    }


def summarise_kind(file, kind, thresholds, progress):
    """For each of `thresholds`, the statistics of a kind by step, epoch and tensor; memory grows with epochs alone."""
    edges, counts, weight_change = file.edges, file.counts(kind), file.weight_change(kind)
    epochs, epoch_of_row = np.unique(file.epoch(kind), return_inverse=True)
    epoch_counts = np.zeros((len(epochs), *counts.shape[1:]), np.int64)
    epoch_change = np.zeros((len(epochs), *weight_change.shape[1:]))
    steps = [[] for _ in thresholds]
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
    return [
        {
            "step": {"step": file.step(kind).tolist(), "epoch": file.epoch(kind).tolist(), **lists(join(found))},
            "epoch": {
                "epoch": epochs.tolist(),
                **lists(statistics(epoch_counts.sum(1), epoch_change.sum(1), edges, threshold)),
            },
            "tensor": by_tensor(statistics(epoch_counts, epoch_change, edges, threshold), file.tensors),
        }
        for found, threshold in zip(steps, thresholds, strict=True)
    ]


def join(parts):
    """One dict of arrays from a list of dicts of arrays with the same keys."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def lists(arrays):
    """A dict of arrays as one of lists."""
    return {name: array.tolist() for name, array in arrays.items()}


def by_tensor(arrays, tensors):
    """A dict of arrays (epochs, tensors) as a dict of tensors, each a dict of lists (epochs)."""
    return {tensor: lists({name: array[:, i] for name, array in arrays.items()}) for i, tensor in enumerate(tensors)}
