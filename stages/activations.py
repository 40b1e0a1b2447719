"""python -m stages.activations NETWORK : checkpoints, data -> activations.h5, augmented.h5, weights.h5

In artifacts/NETWORK: the outputs of every layer for the probe set at every stored epoch, those for the augmented
images at the last epoch, and the weight matrices (outputs, inputs) at every stored epoch.
"""

from pathlib import Path

from drillcore import frameworks
from drillcore.base.errors import InputError
from drillcore.base.names import escaped
from drillcore.base.store import create, new_group, read, write
from drillcore.extraction.outputs import stream_outputs
from drillcore.extraction.stored import choose_probe, store_outputs
from drillcore.extraction.units import Units
from stages.rig.base.command import command, progress
from stages.rig.card import read_card, select_layers
from stages.rig.frameworks import module
from stages.rig.images import batch_of, load_split, prepare, standardise
from stages.rig.sections import section

BATCH = 250


def main(network):
    """Extract the network's activations and weights."""
    folder = Path("artifacts", network)
    card, settings = read_card(folder / "network.yaml"), section("activations")
    networks, framework = module(card.framework, "network"), frameworks.framework(card.framework)
    test = load_split(card, "test")
    probe = choose_probe(len(test.labels), settings.samples, card.seed)
    images = test.images[probe]
    checkpoints = sorted(
        (folder / "checkpoints").glob("epoch_*"), key=lambda path: int(path.stem.removeprefix("epoch_"))
    )
    if not checkpoints:
        raise InputError(f"{folder / 'checkpoints'} holds no checkpoint: run `dvc repro train@{network}`.")

    layers, units = select_layers(card, settings.layers), Units(card.units, settings.max_units, card.seed)

    def store(group, model, images):
        return store_outputs(group, outputs(model, networks.to_input, images, card, layers, units), len(images), units)

    with create(folder / "activations.h5") as activations, create(folder / "weights.h5") as weights:
        write(activations, "sample", probe)
        write(activations, "labels", test.labels[probe])
        write(activations, "images", images)
        activations.attrs.update(classes=test.classes, source=test.source)
        for checkpoint in progress(checkpoints, "checkpoints"):
            epoch = checkpoint.stem.removeprefix("epoch_")
            model = networks.load(card, len(test.classes), checkpoint)
            activations.attrs["layers"] = store(new_group(activations, f"epochs/{epoch}"), model, images)
            matrices = framework.weight_matrices(model)
            weights.attrs["tensors"] = [escaped(tensor) for tensor in matrices]
            for tensor, matrix in matrices.items():
                write(weights, f"epochs/{epoch}/{escaped(tensor)}", matrix)

    with create(folder / "augmented.h5") as file, read(Path("data", f"{card.dataset}_augmented.h5")) as augmented:
        write(file, "images", augmented["images"][:])
        file.attrs.update(augmented.attrs)
        file.attrs["layers"] = store(new_group(file, "layers"), model, augmented["images"][:])


def outputs(model, to_input, images, card, layers, units):
    """Stream the outputs of `layers` for uint8 `images` (n, h, w, c), prepared as the `card` says a batch at a time.

    `to_input` turns prepared images into what the model's framework takes; `units` are the `Units` to keep.
    """
    size = batch_of(BATCH, card.input)
    prepared = (prepare(images[begin : begin + size], card.input) for begin in range(0, len(images), size))
    batches = (to_input(standardise(batch, card.normalize)) for batch in prepared)
    return stream_outputs(model, batches, layers, units)


if __name__ == "__main__":
    command(main)
