"""One layer after the other put back to an earlier epoch, on a probe of the test samples."""

from drillcore.base.arrays import evenly
from drillcore.extraction.probe import choose_probe
from drillcore.landscape.rewinding import most_frequent, rewind, scorer
from stages.rig.card import select_layers
from stages.rig.images import batch_of, load_split
from stages.rig.sections import section

BATCH = 250


def rewind_layers(card, model, surface, checkpoints, restore, samples):
    """What `write_rewinding` takes: the `Rewound` layers of the network of `card`, the probe, and what chance scores.

    `restore(model, checkpoint)` gives the model earlier weights, `samples(split, rows)` returns inputs and targets as
    `surface`, that of its loss, takes them.
    """
    settings, test = section("rewind"), load_split(card, "test")
    probe = choose_probe(len(test.targets), settings.samples, card.seed)
    size = batch_of(BATCH, card.input)
    batches = [samples(test, probe[begin : begin + size]) for begin in range(0, len(probe), size)]
    layers, epochs = select_layers(card, section("activations").layers), evenly(list(checkpoints), settings.epochs)
    rewound = rewind(model, layers, epochs, lambda epoch: restore(model, checkpoints[epoch]), scorer(surface, batches))
    return rewound, probe, most_frequent(test.targets[probe])
