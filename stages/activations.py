"""python -m stages.activations NETWORK : checkpoints, data -> activations.h5, train_activations.h5, predictions.h5, ...

At every stored epoch outputs of layers and network, and weights; at the last those of further seeds and augmented images.
"""

from pathlib import Path

from drillcore import frameworks
from drillcore.artifacts.activations import Activations, TrainActivations, write_activations
from drillcore.artifacts.augmentations import AugmentedImage, augmentations_path
from drillcore.artifacts.augmented import Augmented, write_augmented
from drillcore.artifacts.layers import store_outputs
from drillcore.artifacts.replicates import Replicates, folder_of, seeds_of, write_replicates
from drillcore.artifacts.weights import Weights, write_weights
from drillcore.extraction.activity import Activity
from drillcore.extraction.all_units import AllUnits
from drillcore.extraction.outputs import stream_outputs
from drillcore.extraction.units import Units
from stages.rig.base.command import command, progress
from stages.rig.card import read_card, select_layers
from stages.rig.checkpoints import checkpoints_in, checkpoints_of
from stages.rig.frameworks import module
from stages.rig.images import outputs_of
from stages.rig.predictions import batches, predictions
from stages.rig.probe import probe_of
from stages.rig.sections import section

BATCH = 250


def main(network):
    """Extract the network's activations and weights."""
    folder = Path("artifacts", network)
    card, settings = read_card(folder / "network.yaml"), section("activations")
    networks, framework = module(card.framework, "network"), frameworks.framework(card.framework)
    test, train = probe_of(card, "test", settings.samples), probe_of(card, "train", settings.train_samples)
    checkpoints = checkpoints_of(folder)
    layers, of_tokens = select_layers(card, settings.layers), test.position is not None
    units = Units("tokens" if of_tokens else card.units, settings.max_units, card.seed)
    gathered = AllUnits(units, len(test.sample), folder, settings.all_units)

    def streamed(model, probe, kept=units):
        found = probe.stream(lambda inputs: outputs(model, networks.to_input, inputs, card, layers, kept))
        return found, len(probe.sample), units

    with (
        write_activations(folder / Activations.FILE, *test) as activations,
        write_activations(folder / TrainActivations.FILE, *train._replace(images=None, inputs=None)) as of_training,
        write_weights(folder / Weights.FILE) as weights,
        predictions(folder, card, framework.predict, networks.to_input) as predicted,
    ):
        for epoch, checkpoint in progress(checkpoints.items(), "checkpoints", len(checkpoints)):
            model = networks.load(card, outputs_of(card, test), checkpoint)
            outputs_of_test, *about = streamed(model, test, gathered.streamed)
            activations.store(epoch, gathered.kept(outputs_of_test), *about, gathered.bases())
            units.activity = Activity()
            of_training.store(epoch, *streamed(model, train))
            of_training.store_activity(epoch, units.activity)
            units.activity = None
            weights.store(epoch, framework.weight_matrices(model))
            predicted(epoch, model)
    with AugmentedImage(augmentations_path("data", card.dataset)) as file:
        inputs, *about = file.inputs[:], file.sample, file.label, file.original
    kept = Units("pool", settings.max_units, card.seed) if of_tokens else units  # no token of these is a sample
    shown = outputs(model, networks.to_input, inputs, card, layers, kept), len(inputs), kept
    write_augmented(folder / Augmented.FILE, inputs, *about, lambda group: store_outputs(group, *shown))
    with write_replicates(folder / Replicates.FILE) as replicates:
        for seed in seeds_of(folder):
            (checkpoint,) = checkpoints_in(folder_of(folder, seed)).values()
            model = networks.load(card, outputs_of(card, test), checkpoint)
            gathered = AllUnits(units, len(test.sample), folder, settings.all_units)
            outputs_of_test, *about = streamed(model, test, gathered.streamed)
            replicates.store(seed, gathered.kept(outputs_of_test), *about, gathered.bases())
            units.activity = Activity()
            replicates.store_training(seed, *streamed(model, train), units.activity)
            replicates.store_weights(seed, framework.weight_matrices(model), outputs_of(card, test))
            units.activity = None


def outputs(model, to_input, inputs, card, layers, units):
    """Stream what `units` keep of the outputs of `layers` for stored `inputs`, prepared as the `card` says, in batches."""
    return stream_outputs(model, batches(inputs, card, to_input, BATCH), layers, units)


if __name__ == "__main__":
    command(main)
