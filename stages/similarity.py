"""python -m stages.similarity NETWORK : activations.h5 -> similarity.h5

How alike the layers are at every stored epoch and to themselves at others, and what chance alone would score; see
drillcore/artifacts/similarity.py.
"""

from pathlib import Path

from drillcore.artifacts.activations import Activations
from drillcore.artifacts.similarity import Similarity, write_similarity
from drillcore.similarity.comparison import store_controls, store_measures, store_outlier, store_sizes
from drillcore.similarity.measures import choose_measures
from drillcore.similarity.probe import Probe
from stages.rig.base.command import command, progress
from stages.rig.measures import similarity_settings


def main(network):
    """Compare the network's layers with each other and with themselves over the epochs."""
    folder, settings = Path("artifacts", network), similarity_settings()
    with Activations(folder / Activations.FILE) as activations:
        probe = Probe(activations, settings.samples, settings.seed)
        samples = len(probe.rows)
        measures = choose_measures(settings.measures, samples, settings.explained_variance, settings.bandwidth)
        with write_similarity(folder / Similarity.FILE, probe.layers, probe.epochs, samples) as writer:
            store_measures(writer, probe, measures, settings, progress)
            store_controls(writer, probe, settings)
            store_sizes(writer, probe, settings.seed)
            store_outlier(writer, probe, measures, settings.seed)


if __name__ == "__main__":
    command(main)
