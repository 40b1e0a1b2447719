"""python -m stages.tsne NETWORK : activations.h5 -> tsne.h5"""

from pathlib import Path

from drillcore.artifacts.activations import Activations
from drillcore.artifacts.tsne import Maps, write_maps
from drillcore.base.names import printable
from drillcore.embedding import embed, principal_components
from drillcore.threads import side_by_side
from stages.rig.base.command import command, progress, say
from stages.rig.sections import section


def main(network):
    """Map every layer of the network's last epoch to two dimensions."""
    folder, settings = Path("artifacts", network), section("tsne")
    rows = slice(settings.samples)  # the probe is a random sample in random order, so its first rows are one too
    with Activations(folder / Activations.FILE) as activations:
        epoch, labels, sample = activations.epochs[-1], activations.labels[rows], activations.sample[rows]
        of_samples = activations.layers, epoch, activations.classes, labels, sample

        def maps(layer):
            features = activations[layer][rows]
            embedding = embed(features, settings.perplexity, settings.iterations, settings.neighbors)
            return layer, embedding, principal_components(features)

        layers = activations.layers
        with write_maps(folder / Maps.FILE, *of_samples) as writer, side_by_side() as each:
            for layer, embedding, components in progress(each(maps, layers), "layers", len(layers)):
                if embedding.status != "t-SNE":
                    say(f"{printable(layer)}: {embedding.status}")
                writer.store(layer, embedding, components)


if __name__ == "__main__":
    command(main)
