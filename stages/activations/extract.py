"""From a model and images to the datasets of activations.h5."""

import numpy as np

from stages.activations.outputs import stream_outputs
from stages.shared.base.store import reserve
from stages.shared.images import prepare

BATCH = 250


def outputs(model, to_input, images, shape, layers):
    """Stream the outputs of `layers` for uint8 `images` (n, h, w, c), prepared to `shape` a batch at a time.

    `to_input` turns prepared images into what the model's framework takes.
    """
    batches = (to_input(prepare(images[begin : begin + BATCH], shape)) for begin in range(0, len(images), BATCH))
    return stream_outputs(model, batches, layers)


def choose_probe(count, samples, seed):
    """Indices (ascending) of a random sample of at most `samples` of `count` images, the same for the same seed."""
    return np.sort(np.random.default_rng(seed).choice(count, min(samples, count), replace=False))


def choose_units(layer, units, limit, seed):
    """Indices (ascending) of the at most `limit` of `units` units that are stored of `layer`, or None for all.

    They depend on the seed and the layer's name alone, so they are the same units at every epoch.
    """
    if units <= limit:
        return None
    generator = np.random.default_rng([seed, *layer.encode()])
    return np.sort(generator.choice(units, limit, replace=False)).astype(np.int32)


def store_outputs(group, outputs, count, limit, seed):
    """Write streamed `outputs` (dicts of layer to (batch, ...)) of `count` images to `group`/<layer>, a batch at a time.

    Outputs are flattened to (samples, units); where only a subset of the units is stored, the attribute `units` of
    the dataset names them. Returns the layers' names, in order.
    """
    begin = 0
    for batch in outputs:
        for layer, array in batch.items():
            flat = array.reshape(len(array), -1)
            if layer not in group:
                units = choose_units(layer, flat.shape[1], limit, seed)
                stored = flat.shape[1] if units is None else limit
                dataset = reserve(group, layer, (count, stored), np.float32)
                if units is not None:
                    dataset.attrs["units"] = units
            dataset = group[layer]
            units = dataset.attrs.get("units")
            dataset[begin : begin + len(flat)] = flat if units is None else flat[:, units]
        begin += len(array)
    return list(batch)
