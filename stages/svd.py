"""python -m stages.svd NETWORK : activations.h5, weights.h5, replicates.h5 -> svd.h5

Of every stored epoch, the features of the probe set, centred, the weights, and the product of each squeeze-expand pair; of
further seeds the features at the last epoch.
"""

from functools import partial
from operator import call
from pathlib import Path

from drillcore.artifacts.activations import Activations
from drillcore.artifacts.network import read_network
from drillcore.artifacts.replicates import Replicates
from drillcore.artifacts.svd import Spectra, product_of, write_spectra
from drillcore.artifacts.weights import Weights
from drillcore.heavy_tails import tail
from drillcore.spectra import feature_singular_values, product_singular_values, ranks, weight_singular_values
from drillcore.threads import side_by_side
from stages.rig.base.command import command, progress
from stages.rig.sections import section


def main(network):
    """Take the singular values of the network's features and weights."""
    folder, fraction = Path("artifacts", network), section("svd").explained_variance
    squeezes = [squeeze for squeeze in read_network(folder / "network.yaml").squeezes if squeeze.linear]
    with (
        Activations(folder / Activations.FILE) as activations,
        Weights(folder / Weights.FILE) as weights,
        Replicates(folder / Replicates.FILE) as others,
        write_spectra(folder / Spectra.FILE, activations.layers, weights.tensors, fraction) as writer,
        side_by_side() as each,
    ):

        def of_features(epoch, layer):
            features = activations.of_all_units(layer, epoch)
            return writer.store_features, epoch, layer, feature_singular_values(features), features.shape

        def of_seed(seed, layer):
            features = others.of_all_units(layer, seed)
            return writer.store_of_seed, seed, layer, feature_singular_values(features), features.shape

        def of_weight(epoch, tensor):
            weight = weights.at(tensor, epoch)
            values = weight_singular_values(weight[:])
            return partial(writer.store_weight, tail=tail(values, weight.shape)), epoch, tensor, values, weight.shape

        def of_product(epoch, squeeze):
            factors = [weights.at(tensor, epoch)[:] for tensor in squeeze.weights()]
            shape, values = (len(factors[0]), factors[1].shape[1]), product_singular_values(*factors)
            return partial(writer.store_weight, tail=tail(values)), epoch, product_of(squeeze.expand), values, shape

        matrices = [
            partial(of, epoch, name)
            for epoch in activations.epochs
            for of, names in ((of_features, activations.layers), (of_weight, weights.tensors), (of_product, squeezes))
            for name in names
        ]
        matrices += [partial(of_seed, seed, layer) for seed in others.seeds for layer in activations.layers]
        for store, epoch, name, values, shape in progress(each(call, matrices), "matrices", len(matrices)):
            store(epoch, name, values, ranks(values, shape, fraction))


if __name__ == "__main__":
    command(main)
