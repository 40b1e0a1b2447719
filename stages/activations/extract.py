"""From a model and images to the datasets of activations.h5."""

import numpy as np

from stages.activations.outputs import stream_outputs
from stages.shared.base.names import escaped
from stages.shared.base.store import fill, reserve
from stages.shared.images import batch_of, prepare, standardise

BATCH = 250


def outputs(model, to_input, images, card, layers, units):
    """Stream the outputs of `layers` for uint8 `images` (n, h, w, c), prepared as the `card` says a batch at a time.

    `to_input` turns prepared images into what the model's framework takes; `units` are the `Units` to keep.
    """
    size = batch_of(BATCH, card.input)
    prepared = (prepare(images[begin : begin + size], card.input) for begin in range(0, len(images), size))
    batches = (to_input(standardise(batch, card.normalize)) for batch in prepared)
    return stream_outputs(model, batches, layers, units)


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
