"""python -m stages.tsne NETWORK : activations.h5 -> tsne.h5"""

from pathlib import Path

from drillcore.artifacts.activations import Activations
from drillcore.artifacts.tsne import Maps, write_maps
from drillcore.base.names import printable
from drillcore.embedding import embed, principal_components
from drillcore.threads import side_by_side
from stages.rig.absent import absent
from stages.rig.base.command import command, progress, say
from stages.rig.sections import section

# Here, so that a template loads it once for all networks; without pandas, a quarter of scikit-learn's start.
with absent("pandas"):
    import openTSNE  # noqa: F401


def main(network):
    """Map every layer of the network's last epoch to two dimensions."""
    folder, settings = Path("artifacts", network), section("tsne")
    rows = slice(settings.samples)  # the probe is a random sample in random order, so its first rows are one too
    with Activations(folder / Activations.FILE) as activations:
        labels, targets = (
            None if values is None else values[rows] for values in (activations.labels, numbers(activations))
        )
        about = activations.layers, activations.epochs[-1], activations.classes

        def maps(layer):
            features = activations.of_all_units(layer)[rows]
            embedding = embed(features, settings.perplexity, settings.iterations, settings.neighbors)
            return layer, embedding, principal_components(features)

        layers = activations.layers
        with (
            write_maps(folder / Maps.FILE, *about, labels, activations.sample[rows], targets) as writer,
            side_by_side() as each,
        ):
            for layer, embedding, components in progress(each(maps, layers), "layers", len(layers)):
                if embedding.status != "t-SNE":
                    say(f"{printable(layer)}: {embedding.status}")
                writer.store(layer, embedding, components)


def numbers(activations):
    """The targets (samples, numbers) of a regression; None of any other task."""
    targets = activations.targets
    return targets if targets is not None and targets.dtype.kind == "f" and targets.ndim == 2 else None


if __name__ == "__main__":
    command(main)
