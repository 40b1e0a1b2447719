"""What a network returns for every sample of its dataset, at one checkpoint after the other."""

from collections import Counter
from contextlib import contextmanager

import numpy as np

from drillcore.artifacts.dataset import IGNORED, SPLITS
from drillcore.artifacts.predictions import (
    CROSS_ENTROPY,
    SQUARED_ERROR,
    Predictions,
    write_losses,
    write_no_predictions,
    write_numbers,
    write_predictions,
)
from drillcore.base.arrays import row_blocks
from drillcore.extraction.probe import choose_probe
from drillcore.residuals import squared_errors, token_losses
from drillcore.samples import are_probabilities
from stages.rig.images import batch_of, load_split, prepare, standardise
from stages.rig.training.scores import NumberScores

BATCH = 1000
"""Of nothing but outputs, which are few, larger batches than those whose layers are kept: they take half the time."""

TOKENS = 8192
"""So many tokens are a batch at most: of each a language model returns a number for every word of its vocabulary."""


@contextmanager
def predictions(folder, card, predict, to_input):
    """Yield a function `store(epoch, model)` that fills predictions.h5 in `folder` with what a network of `card` returns.

    `predict` is that of its framework, and `to_input` turns prepared images into what the model takes.
    """
    if card.scored_as() == "loss":  # whose outputs are no answers
        write_no_predictions(folder / Predictions.FILE, load_split(card, "test", 1).source)
        yield lambda epoch, model: None
        return
    splits = {name: load_split(card, name) for name in SPLITS}
    untrained = getattr(card, "untrained", None) if card.pretrained() else 0
    with written(folder / Predictions.FILE, card, splits) as writer:

        def store(epoch, model):
            for name, split in splits.items():
                writer.store(epoch, name, answers(model, split, card, predict, to_input))

        yield store
        images = {name: split.inputs for name, split in splits.items()}
        orders = {
            name: choose_probe(len(split.targets), len(split.targets), card.seed) for name, split in splits.items()
        }
        writer.finish(images, orders, untrained)


def written(path, card, splits):
    """The writer of the file at `path`, with what `card` asks for of the samples of `splits`."""
    source = splits["test"].source
    targets = {name: split.targets for name, split in splits.items()}
    match card.scored_as():
        case "classification":
            estimates = not card.pretrained() and card.loss_name() == "mse"
            return write_predictions(path, targets, splits["test"].classes, source, estimates)
        case "regression":
            return write_numbers(
                path, {name: values[:].reshape(len(values), -1) for name, values in targets.items()}, source
            )
    counts = {name: len(values) for name, values in targets.items()}
    tokens = card.scored_as() == "next_token"
    constant = entropy_of(targets["train"]) if tokens else variance_of(splits["train"].inputs, card)
    return write_losses(path, counts, source, CROSS_ENTROPY if tokens else SQUARED_ERROR, constant)


def answers(model, split, card, predict, to_input):
    """Iterate over what a `model` of `card` returns for a `Split`, as predictions.h5 has it: outputs of classes, numbers in
    the units of the data, else the loss of each sample."""
    seen, begin = [], 0

    def noted():
        for batch in batches(split.inputs, card, to_input):
            seen.append(batch)
            yield batch

    for outputs in predict(model, noted()):
        inputs, targets = seen.pop(), split.targets[begin : begin + len(outputs)]
        begin += len(outputs)
        match card.scored_as():
            case "classification":
                yield outputs
            case "regression":
                yield in_units(outputs.reshape(targets.shape), card.normalize_targets).reshape(len(outputs), -1)
            case "next_token":
                logits = not are_probabilities(outputs[0])
                yield token_losses(outputs, targets, IGNORED, logits)[:, None]
            case "reconstruction":
                yield squared_errors(outputs, np.asarray(inputs))[:, None]


def in_units(values, normalize):
    """Standardised `values` (n, ..., numbers) in the units of the data, float32."""
    if normalize is None:
        return values
    return (values * np.array(normalize.std) + np.array(normalize.mean)).astype(np.float32)


def entropy_of(targets):
    """The cross-entropy in nats of the tokens in `targets` by how often each of them comes."""
    counts = Counter()
    for rows in row_blocks(len(targets), 8 * targets.shape[1]):
        tokens, times = np.unique(targets[rows], return_counts=True)
        counts.update(dict(zip(tokens.tolist(), times.tolist(), strict=True)))
    del counts[IGNORED]
    shares = np.array(list(counts.values())) / counts.total()
    return float(-(shares * np.log(shares)).sum())


def variance_of(inputs, card):
    """The mean variance of the numbers of `inputs`, as the network of `card` sees them."""
    scores = NumberScores(errors=False)
    for batch in batches(inputs, card, lambda batch, kind: batch):
        rows = batch.reshape(len(batch), -1)
        scores.add(rows, rows)
    return float(np.mean(scores.variation) / scores.count)


def batches(inputs, card, to_input, size=BATCH):
    """Iterate over stored `inputs`, prepared as the `card` says, in batches of `size`, fewer of large ones."""
    size = min(batch_of(size, card.input), max(1, TOKENS // card.input[0]) if card.kind == "tokens" else size)
    prepared = (prepare(inputs[begin : begin + size], card.input) for begin in range(0, len(inputs), size))
    return (to_input(standardise(batch, card.normalize), card.kind) for batch in prepared)
