"""python -m stages.tsne NETWORK : activations.h5 -> tsne.h5"""

from pathlib import Path

import numpy as np

from drillcore.base.names import readable
from drillcore.base.store import create, epochs, new_group, read, write
from drillcore.embedding import embed, principal_components
from stages.rig.base.command import command, progress, say
from stages.rig.sections import section


def main(network):
    """Map every layer of the network's last epoch to two dimensions."""
    folder, settings = Path("artifacts", network), section("tsne")
    with read(folder / "activations.h5") as activations, create(folder / "tsne.h5") as file:
        epoch, layers = epochs(activations)[-1], list(activations.attrs["layers"])
        rows = slice(settings.samples)  # the probe is a random sample in random order, so its first rows are one too
        file.attrs.update(layers=layers, epoch=epoch, classes=activations.attrs["classes"])
        write(file, "labels", activations["labels"][rows])
        write(file, "sample", activations["sample"][rows])
        for layer in progress(layers, "layers"):
            features = activations[f"epochs/{epoch}/{layer}"][rows]
            embedding = embed(features, settings.perplexity, settings.iterations, settings.neighbors)
            if embedding.status != "t-SNE":
                say(f"{readable(layer)}: {embedding.status}")
            group = new_group(file, layer)
            write(group, "embedding", embedding.points)
            write(group, "pca", principal_components(features))
            group.attrs.update(
                {name: value for name, value in embedding._asdict().items() if not isinstance(value, np.ndarray)}
            )


if __name__ == "__main__":
    command(main)
