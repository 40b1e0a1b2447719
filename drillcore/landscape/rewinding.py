"""Which layers matter: what a network answers with one layer put back to an earlier epoch, the others as trained."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from drillcore.base.errors import InputError
from drillcore.frameworks import framework_of


class Rewound(NamedTuple):
    """What `rewind` returns.

    `layers` are those that have weights, `epochs` those that were looked at; `scores` has by name an array (layers, epochs)
    with the layer of the row put back to the epoch of the column, `whole` one (epochs) of the whole network as it was.
    """

    layers: list[str]
    epochs: list[int]
    scores: dict[str, NDArray[np.float64]]
    whole: dict[str, NDArray[np.float64]]


def rewind(
    model: Any,
    layers: Sequence[str],
    epochs: Sequence[int],
    restore: Callable[[int], None],
    score: Callable[[], Mapping[str, float]],
) -> Rewound:
    """Put one layer after the other back to earlier epochs, the rest as trained, and score the network each time.

    Nothing is trained: it takes about layers times epochs forward passes. With its weights go what a layer has counted,
    such as the running statistics of a batch norm. Weights in none of the `layers` stay as trained. The model ends as it is
    at the last epoch.

    Parameters
    ----------
    model : torch.nn.Module or keras.Model
        The network.
    layers : sequence of str
        Names of layers, as `get_intermediate_outputs` has them; those without weights are left out.
    epochs : sequence of int
        Ascending; the last is the trained network.
    restore : function of an epoch
        Gives the model the weights that it had then.
    score : function
        Returns by name what the model scores, such as {"accuracy": 0.9}.

    Returns
    -------
    Rewound

    Raises
    ------
    InputError
        If there is no epoch, the model is of no framework, or has no layer of such a name.

    References
    ----------
    C. Zhang, S. Bengio and Y. Singer 2019, arXiv 1902.01996.

    Examples
    --------
    >>> import torch
    >>> import drillcore
    >>> model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU(), torch.nn.Linear(2, 1))
    >>> def restore(epoch):
    ...     for weight in model.parameters():
    ...         torch.nn.init.constant_(weight, epoch)
    >>> score = lambda: {"output": model(torch.ones(1, 2)).item()}
    >>> drillcore.rewind(model, ["0", "2"], [1, 2], restore, score).scores["output"]
    array([[14., 26.],
           [13., 26.]])
    """
    if not len(epochs):
        raise InputError("epochs holds none: give at least that of the trained network.")
    framework, *earlier, last = framework_of(model), *epochs
    restore(last)
    trained = {layer: framework.state_of(model, layer) for layer in layers}
    trained = {layer: state for layer, state in trained.items() if len(state)}
    whole, found = {last: dict(score())}, {}
    for epoch in earlier:
        restore(epoch)
        whole[epoch] = dict(score())
        states = {layer: framework.state_of(model, layer) for layer in trained}
        restore(last)
        for layer, state in states.items():
            framework.restore_state(model, layer, state)
            found[layer, epoch] = dict(score())
            framework.restore_state(model, layer, trained[layer])
    found |= {(layer, last): whole[last] for layer in trained}

    def arrays(name):
        values = [[found[layer, epoch][name] for epoch in epochs] for layer in trained]
        return np.array(values, np.float64).reshape(len(trained), len(epochs))

    return Rewound(
        list(trained),
        list(epochs),
        {name: arrays(name) for name in whole[last]},
        {name: np.array([whole[epoch][name] for epoch in epochs], np.float64) for name in whole[last]},
    )


def scorer(surface, batches):
    """A function that returns the mean loss of `surface` over `batches`, pairs of inputs and targets, and of classes the
    accuracy, NaN where an output is not finite."""
    batches = [(inputs, targets, np.asarray(targets)) for inputs, targets in batches]
    count = sum(len(labels) for *_, labels in batches)

    def score():
        loss = correct = 0.0
        for inputs, targets, labels in batches:
            of_batch, outputs = surface.evaluate(inputs, targets)
            loss += of_batch * len(labels) / count
            if not np.issubdtype(labels.dtype, np.integer) or outputs.shape[:-1] != labels.shape:
                correct = None
            if correct is not None:
                right = np.where(np.isfinite(outputs).all(-1), outputs.argmax(-1) == labels, np.nan)
                correct += right.mean() * len(labels) / count
        return {"loss": loss} if correct is None else {"accuracy": correct, "loss": loss}

    return score


def most_frequent(targets):
    """The share of the most frequent class among `targets`; NaN where they are no classes."""
    if not np.issubdtype(targets.dtype, np.integer):
        return np.nan
    return float(np.unique(targets, return_counts=True)[1].max() / targets.size)
