"""What a network returns for every image of its dataset, at one checkpoint after the other."""

from contextlib import contextmanager

from drillcore.artifacts.dataset import SPLITS
from drillcore.artifacts.predictions import Predictions, write_no_predictions, write_predictions
from drillcore.extraction.probe import choose_probe
from stages.rig.images import batch_of, load_split, prepare, standardise

BATCH = 1000
"""Of nothing but outputs, which are few, larger batches than those whose layers are kept: they take half the time."""

TOKENS = 8192
"""So many tokens are a batch at most: of each a language model returns a number for every word of its vocabulary."""


@contextmanager
def predictions(folder, card, predict, to_input):
    """Yield a function `store(epoch, model)` that fills predictions.h5 in `folder` with what a network of `card` returns.

    `predict` is that of its framework, and `to_input` turns prepared images into what the model takes.
    """
    if card.scored_as() != "classification":  # which alone has a label for each sample that could be wrong
        write_no_predictions(folder / Predictions.FILE, load_split(card, "test", 1).source)
        yield lambda epoch, model: None
        return
    splits = {name: load_split(card, name) for name in SPLITS}
    labels = {name: split.targets for name, split in splits.items()}
    test, untrained = splits["test"], getattr(card, "untrained", None) if card.pretrained() else 0
    estimates = not card.pretrained() and card.loss_name() == "mse"
    with write_predictions(folder / Predictions.FILE, labels, test.classes, test.source, estimates) as writer:

        def store(epoch, model):
            for name, split in splits.items():
                writer.store(epoch, name, predict(model, batches(split.inputs, card, to_input)))

        yield store
        images = {name: split.inputs for name, split in splits.items()}
        orders = {name: choose_probe(len(split), len(split), card.seed) for name, split in labels.items()}
        writer.finish(images, orders, untrained)


def batches(inputs, card, to_input, size=BATCH):
    """Iterate over stored `inputs`, prepared as the `card` says, in batches of `size`, fewer of large ones."""
    size = min(batch_of(size, card.input), max(1, TOKENS // card.input[0]) if card.kind == "tokens" else size)
    prepared = (prepare(inputs[begin : begin + size], card.input) for begin in range(0, len(inputs), size))
    return (to_input(standardise(batch, card.normalize), card.kind) for batch in prepared)
