"""python -m stages.curvature NETWORK : checkpoints, states, gradients.h5, data -> curvature.h5, rewind.h5

What the loss is like around the weights of stored epochs, and with single layers put back to earlier ones: see
drillcore/artifacts/curvature.py and rewinding.py.
"""

import math
from pathlib import Path

import numpy as np

from drillcore import frameworks
from drillcore.artifacts.curvature import CurvatureFile, Row, write_curvature
from drillcore.artifacts.gradients import Gradients
from drillcore.artifacts.rewinding import Rewinding, write_rewinding
from drillcore.base.arrays import evenly
from drillcore.extraction.probe import choose_probe
from drillcore.landscape.edge import edge_of_stability
from drillcore.landscape.measurement import choose_entries, measure
from drillcore.landscape.steps import recorded_lengths, step_crossings
from stages.rig.base.command import command, progress
from stages.rig.card import read_card
from stages.rig.checkpoints import checkpoints_of
from stages.rig.frameworks import module
from stages.rig.images import load_split, outputs_of, seen
from stages.rig.rewinding import rewind_layers
from stages.rig.sections import section
from stages.rig.sharpness import preconditioned_sharpness
from stages.rig.training.batches import shuffled
from stages.rig.training.schedule import rate_after


def main(network):
    """Measure the curvature of the network's loss at stored epochs, and the loss with single layers put back."""
    folder = Path("artifacts", network)
    card, settings, checkpoints = read_card(folder / "network.yaml"), section("curvature"), checkpoints_of(folder)
    epochs = evenly(list(checkpoints), settings.epochs)
    training, networks = load_split(card, "train"), module(card.framework, "network")
    networks.make_reproducible()
    model = networks.load(card, outputs_of(card, training), checkpoints[epochs[0]])
    loss = module(card.framework, "losses").loss_of(card, model)
    surface = frameworks.framework(card.framework).surface(model, loss)
    entries = choose_entries(surface, settings.entries, card.seed)

    def samples(split, rows):
        inputs, targets = seen(card, split.inputs[rows], split.targets[rows])
        return networks.to_input(inputs, card.kind), networks.to_target(targets, card)

    probe = choose_probe(len(training.targets), settings.samples, card.seed)
    measured_on = samples(training, probe)
    optimizer = "" if card.pretrained() else card.training.optimizer
    batches = [samples(training, batch) for batch in two_batches(card, len(training.targets))] if optimizer else []
    with Gradients(folder / Gradients.FILE) as file:
        lengths = dict(zip(epochs, recorded_lengths(file, epochs), strict=True))
    found, steps = [], len(shuffled(card, training)) if optimizer else 0
    numbers = settings.eigenvalues, settings.iterations, settings.probes, card.seed
    for epoch in progress(epochs, "epochs"):
        networks.restore(model, checkpoints[epoch])
        rate = rate_after(card.training, epoch, steps) if optimizer else np.nan
        measured = measure(surface, *measured_on, entries, *numbers)
        divided = preconditioned_sharpness(card, folder, epoch, model, surface, measured_on, settings.iterations)
        crossed = step_crossings(surface, *batches, optimizer, lengths[epoch]) if optimizer else None
        edge, edge_of = edge_of_stability(optimizer, rate)
        found.append(Row(epoch, measured, rate, edge, lengths[epoch], crossed, divided))
    sizes = {name: math.prod(shape) for name, shape in surface.shapes.items()}
    write_curvature(folder / CurvatureFile.FILE, probe, sizes, found, optimizer, edge_of)
    rewound = rewind_layers(card, model, surface, checkpoints, networks.restore, samples)
    write_rewinding(folder / Rewinding.FILE, *rewound)


def two_batches(card, count):
    """The positions of two batches of different training images, of `count`: as the training's, or half of them all."""
    size = min(card.training.step_size(), count // 2)
    order = np.random.default_rng([card.seed, 1]).permutation(count)
    return order[:size], order[size : 2 * size]


if __name__ == "__main__":
    command(main)
