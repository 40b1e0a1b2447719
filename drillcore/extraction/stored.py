"""From streamed outputs of layers to the datasets of activations.h5."""

import numpy as np

from drillcore.base.names import escaped
from drillcore.base.store import fill, reserve


def choose_probe(count, samples, seed):
    """Indices of a random sample of at most `samples` of `count` images, the same for the same seed.

    In random order, so that the first of them are a random sample too: images often come sorted by class.
    """
    return np.random.default_rng(seed).choice(count, min(samples, count), replace=False)


def store_outputs(group, outputs, count, units):
    """Write streamed `outputs` (dicts of layer to (batch, units)) of `count` images to `group`/<layer>, a batch at a time.

    Where `units`, those that were kept, are a subset, the attribute `units` of the dataset names them. Returns the
    layers' names as they are stored, in order. Datasets stay open, for HDF5 writes out the chunk it is filling whenever
    one is closed.
    """
    datasets, begin = {}, 0
    for batch in outputs:
        for layer, array in batch.items():
            if layer not in datasets:
                datasets[layer] = reserve(group, escaped(layer), (count, array.shape[1]), np.float32)
                if units.chosen[layer] is not None:
                    datasets[layer].attrs["units"] = units.chosen[layer]
            fill(datasets[layer], begin, array)
        begin += len(array)
    return [escaped(layer) for layer in datasets]
