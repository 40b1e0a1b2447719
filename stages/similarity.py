"""python -m stages.similarity NETWORK : activations.h5 -> similarity.h5

In artifacts/NETWORK/similarity.h5: `between_layers/<measure>` (epochs, layers, layers), `across_epochs/<measure>`
(layers, epochs, epochs), `null/debiased_cka/p_value` and `q_value`, `floor/linear_cka`, `floor/permuted_linear_cka`,
`by_samples/<measure>` (sizes, layers, layers) and `outlier/<measure>` (shifts). What is NaN says why in the attribute
`status`.
"""

from pathlib import Path

from drillcore.base.store import create, read
from drillcore.similarity.comparison import store_controls, store_measures, store_outlier, store_sizes
from drillcore.similarity.measures import choose_measures
from drillcore.similarity.probe import Probe
from stages.rig.base.command import command, progress
from stages.rig.measures import similarity_settings


def main(network):
    """Compare the network's layers with each other and with themselves over the epochs."""
    folder, settings = Path("artifacts", network), similarity_settings()
    with read(folder / "activations.h5") as activations, create(folder / "similarity.h5") as file:
        probe = Probe(activations, settings.samples, settings.seed)
        file.attrs.update(layers=probe.layers, epochs=probe.epochs, samples=len(probe.rows))
        measures = choose_measures(settings.measures, len(probe.rows), settings.explained_variance, settings.bandwidth)
        store_measures(file, probe, measures, settings.epochs, progress)
        store_controls(file, probe, settings)
        store_sizes(file, probe, settings.seed)
        store_outlier(file, probe, measures, settings.seed)


if __name__ == "__main__":
    command(main)
