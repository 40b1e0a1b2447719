"""python -m stages.svd NETWORK : activations.h5, weights.h5 -> svd.h5

In artifacts/NETWORK/svd.h5, for every stored epoch: `features/NNN/<layer>/singular_values` of the centred features of
the probe set, `weights/NNN/<tensor>/singular_values`, and those of the product of each squeeze-expand pair as
`weights/NNN/<layer>.product`. The ranks of each spectrum are attributes of its group.
"""

from pathlib import Path

import numpy as np

from drillcore.artifacts.network import read_network
from drillcore.base.store import create, epochs, new_group, read, write
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
        read(folder / "activations.h5") as activations,
        read(folder / "weights.h5") as weights,
        create(folder / "svd.h5") as file,
    ):
        file.attrs.update(layers=activations.attrs["layers"], tensors=weights.attrs["tensors"], fraction=fraction)
        for epoch in progress(epochs(activations), "epochs"):
            for layer in activations.attrs["layers"]:
                features = activations[f"epochs/{epoch}/{layer}"]
                values = feature_singular_values(features)
                store(file, f"features/{epoch}/{layer}", values, features.shape, fraction)
            for tensor in weights.attrs["tensors"]:
                weight = weights[f"epochs/{epoch}/{tensor}"]
                store(file, f"weights/{epoch}/{tensor}", weight_singular_values(weight[:]), weight.shape, fraction)
            for squeeze in squeezes:
                factors = [weights[f"epochs/{epoch}/{tensor}"][:] for tensor in squeeze.weights()]
                shape = len(factors[0]), factors[1].shape[1]
                name = f"weights/{epoch}/{squeeze.expand}.product"
                store(file, name, product_singular_values(*factors), shape, fraction)


def store(file, name, singular_values, shape, fraction):
    """Write one spectrum, and as attributes the ranks of the matrix of `shape` that it is of."""
    group = new_group(file, name)
    write(group, "singular_values", singular_values)
    tolerance = max(shape) * np.finfo(np.float32).eps * singular_values.max(initial=0.0)
    group.attrs.update(
        participation_ratio=participation_ratio(singular_values),
        effective_rank=effective_rank(singular_values),
        effective_rank_of_variances=effective_rank_of_variances(singular_values),
        stable_rank=stable_rank(singular_values),
        numerical_rank=numerical_rank(singular_values, tolerance),
        components=components_explaining(singular_values, fraction),
    )


if __name__ == "__main__":
    command(main)
