"""python -m stages.activations NETWORK : checkpoints, data -> activations.h5, augmented.h5, weights.h5

In artifacts/NETWORK: the outputs of every layer for the probe set at every stored epoch, those for the augmented
images at the last epoch, and the weight matrices (outputs, inputs) at every stored epoch.
"""

from pathlib import Path

from stages.activations.extract import choose_probe, outputs, store_outputs
from stages.activations.units import Units
from stages.shared.analyses import section
from stages.shared.base.command import InputError, command, progress
from stages.shared.base.names import escaped
from stages.shared.base.store import create, new_group, read, write
from stages.shared.card import read_card, select_layers
from stages.shared.images import load_split


def main(network):
    """Extract the network's activations and weights."""
    folder = Path("artifacts", network)
    card, settings = read_card(folder / "network.yaml"), section("activations")
    if card.framework == "keras":
        from stages.activations.keras_outputs import weight_matrices
        from stages.shared.keras_network import load, to_input
    else:
        from stages.activations.torch_outputs import weight_matrices
        from stages.shared.torch_network import load, to_input

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
        return store_outputs(group, outputs(model, to_input, images, card, layers, units), len(images), units)

    with create(folder / "activations.h5") as activations, create(folder / "weights.h5") as weights:
        write(activations, "sample", probe)
        write(activations, "labels", test.labels[probe])
        write(activations, "images", images)
        activations.attrs.update(classes=test.classes, source=test.source)
        for checkpoint in progress(checkpoints, "checkpoints"):
            epoch = checkpoint.stem.removeprefix("epoch_")
            model = load(card, len(test.classes), checkpoint)
            activations.attrs["layers"] = store(new_group(activations, f"epochs/{epoch}"), model, images)
            matrices = weight_matrices(model)
            weights.attrs["tensors"] = [escaped(tensor) for tensor in matrices]
            for tensor, matrix in matrices.items():
                write(weights, f"epochs/{epoch}/{escaped(tensor)}", matrix)

    with create(folder / "augmented.h5") as file, read(Path("data", f"{card.dataset}_augmented.h5")) as augmented:
        write(file, "images", augmented["images"][:])
        file.attrs.update(augmented.attrs)
        file.attrs["layers"] = store(new_group(file, "layers"), model, augmented["images"][:])


if __name__ == "__main__":
    command(main)
