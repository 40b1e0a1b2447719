"""python -m stages.correlations NETWORK : activations.h5, augmented.h5 -> correlations.h5, corr_means.json"""

from pathlib import Path

import numpy as np

from drillcore.base.arrays import row_blocks
from drillcore.base.names import unescaped
from drillcore.base.store import create, epochs, new_group, read, reserve, write, write_json
from drillcore.correlation import compute_layerwise_cross_correlation, correlation_matrix, layer_means
from stages.rig.base.command import command, progress
from stages.rig.sections import section


def main(network):
    """Correlate the units of the network's layers at every stored epoch, and under augmentation."""
    folder, settings = Path("artifacts", network), section("correlations")
    with read(folder / "activations.h5") as activations, create(folder / "correlations.h5") as file:
        means = store_epochs(file, activations, settings.keep_every)
        layers = [unescaped(layer) for layer in activations.attrs["layers"]]
        store_corr_means(folder / "corr_means.json", layers, means)
        with read(folder / "augmented.h5") as augmented:
            store_augmented(file, augmented)


def store_epochs(file, activations, keep_every):
    """Write every epoch's correlations to `file`; returns the epochs' means (L, L) by number."""
    layers, stored, means = list(activations.attrs["layers"]), epochs(activations), {}
    file.attrs["layers"] = layers
    for position, epoch in enumerate(progress(stored, "epochs")):
        outputs = {layer: activations[f"epochs/{epoch}/{layer}"] for layer in layers}
        group, keep = new_group(file, f"epochs/{epoch}"), position % keep_every == 0 or epoch == stored[-1]
        means[int(epoch)] = store_epoch(group, outputs, keep)
    write(file, "layer_of_unit", np.repeat(np.arange(len(layers)), [output.shape[1] for output in outputs.values()]))
    return means


def store_epoch(group, outputs, keep):
    """Write one epoch's correlations to `group`, the whole matrix of them if it is to `keep`; returns the mean (L, L)."""
    correlation, layer_of_unit = compute_layerwise_cross_correlation(outputs)
    mean, mean_abs, dead = layer_means(correlation, layer_of_unit)
    for name, values in (("mean", mean), ("mean_abs", mean_abs), ("dead", dead)):
        write(group, name, values)
    if keep:
        matrix = reserve(group, "matrix", correlation.shape, np.float32)
        for rows in row_blocks(len(correlation), correlation[0].nbytes):
            matrix[rows] = correlation[rows]
    return mean


def store_augmented(file, augmented):
    """Write each layer's feature-feature and sample-sample correlations over the augmentations of one image."""
    for layer in progress(augmented.attrs["layers"], "augmented layers"):
        features = augmented[f"layers/{layer}"][:]
        write(file, f"augmented/{layer}/features", correlation_matrix(features).astype(np.float32))
        write(file, f"augmented/{layer}/samples", correlation_matrix(features.T).astype(np.float32))


def store_corr_means(path, layers, means):
    """Write {"layers": [...], "epochs": {"0": [[...]], ...}} to `path`; NaN becomes null.

    `means` maps each epoch's number to the mean of r (L, L) between every two of `layers`.
    """
    epochs = {str(epoch): mean.tolist() for epoch, mean in means.items()}
    write_json(path, {"layers": list(layers), "epochs": epochs})


if __name__ == "__main__":
    command(main)
