"""python -m stages.correlations NETWORK : activations.h5, augmented.h5 -> correlations.h5, corr_means.json"""

from pathlib import Path

import numpy as np
import scipy.cluster.hierarchy  # noqa: F401  the units are clustered by it, and what is loaded here is loaded once for all

from drillcore.artifacts.activations import Activations
from drillcore.artifacts.augmented import Augmented
from drillcore.artifacts.corr_means import CorrMeans, write_corr_means
from drillcore.artifacts.correlations import Correlations, write_correlations
from drillcore.correlation import cluster_units, compute_layerwise_cross_correlation, correlation_matrix, layer_means
from stages.rig.base.command import command, progress
from stages.rig.sections import section


def main(network):
    """Correlate the units of the network's layers at every stored epoch, and under augmentation."""
    folder, settings = Path("artifacts", network), section("correlations")
    with (
        Activations(folder / Activations.FILE) as activations,
        write_correlations(folder / Correlations.FILE, activations.layers) as writer,
    ):
        means = store_epochs(writer, activations, settings)
        write_corr_means(folder / CorrMeans.FILE, activations.layers, means)
        with Augmented(folder / Augmented.FILE) as augmented:
            store_augmented(writer, augmented)


def store_epochs(writer, activations, settings):
    """Store every epoch's correlations; returns the epochs' means (layers, layers) by number."""
    means, last = {}, activations.epochs[-1]
    for position, epoch in enumerate(progress(activations.epochs, "epochs")):
        outputs = {layer: activations.at(layer, epoch) for layer in activations.layers}
        correlation, layer_of_unit = compute_layerwise_cross_correlation(outputs)
        mean, mean_abs, dead = layer_means(correlation, layer_of_unit)
        keep = position % settings.keep_every == 0 or epoch == last
        writer.store(epoch, mean, mean_abs, dead, correlation if keep else None)
        means[epoch] = mean
    clustered = settings.order == "clusters"
    order = cluster_units(correlation, layer_of_unit) if clustered else np.arange(len(layer_of_unit))
    writer.store_units(layer_of_unit, order)
    return means


def store_augmented(writer, augmented):
    """Store each layer's feature-feature and sample-sample correlations over the augmentations of one image."""
    for layer in progress(augmented.layers, "augmented layers"):
        features = augmented[layer][:]
        writer.store_augmented(layer, correlation_matrix(features), correlation_matrix(features.T))


if __name__ == "__main__":
    command(main)
