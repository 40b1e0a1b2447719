"""python -m stages.svd NETWORK : activations.h5, weights.h5 -> svd.h5

For every stored epoch the spectra of the centred features of the probe set, of the weights, and of the product of each
squeeze-expand pair, each with its ranks; see drillcore/artifacts/svd.py.
"""

from pathlib import Path

import numpy as np

from drillcore.artifacts.activations import Activations
from drillcore.artifacts.network import read_network
from drillcore.artifacts.svd import Spectra, product_of, write_spectra
from drillcore.artifacts.weights import Weights
from drillcore.spectra import (
    components_explaining,
    effective_rank,
    effective_rank_of_variances,
    feature_singular_values,
    numerical_rank,
    participation_ratio,
    product_singular_values,
    stable_rank,
    weight_singular_values,
)
from stages.rig.base.command import command, progress
from stages.rig.sections import section


def main(network):
    """Take the singular values of the network's features and weights."""
    folder, fraction = Path("artifacts", network), section("svd").explained_variance
    squeezes = [squeeze for squeeze in read_network(folder / "network.yaml").squeezes if squeeze.linear]
    with (
        Activations(folder / Activations.FILE) as activations,
        Weights(folder / Weights.FILE) as weights,
        write_spectra(folder / Spectra.FILE, activations.layers, weights.tensors, fraction) as writer,
    ):
        for epoch in progress(activations.epochs, "epochs"):
            for layer in activations.layers:
                features = activations.at(layer, epoch)
                values = feature_singular_values(features)
                writer.store_features(epoch, layer, values, ranks(values, features.shape, fraction))
            for tensor in weights.tensors:
                weight = weights.at(tensor, epoch)
                values = weight_singular_values(weight[:])
                writer.store_weight(epoch, tensor, values, ranks(values, weight.shape, fraction))
            for squeeze in squeezes:
                factors = [weights.at(tensor, epoch)[:] for tensor in squeeze.weights()]
                values, shape = product_singular_values(*factors), (len(factors[0]), factors[1].shape[1])
                writer.store_weight(epoch, product_of(squeeze.expand), values, ranks(values, shape, fraction))


def ranks(singular_values, shape, fraction):
    """The ranks of the matrix of `shape` with these singular values, by name."""
    tolerance = max(shape) * np.finfo(np.float32).eps * singular_values.max(initial=0.0)
    return {
        "participation_ratio": participation_ratio(singular_values),
        "effective_rank": effective_rank(singular_values),
        "effective_rank_of_variances": effective_rank_of_variances(singular_values),
        "stable_rank": stable_rank(singular_values),
        "numerical_rank": numerical_rank(singular_values, tolerance),
        "components": components_explaining(singular_values, fraction),
    }


if __name__ == "__main__":
    command(main)
