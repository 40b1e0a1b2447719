"""Layer outputs and weights of Keras models."""

import numpy as np

from stages.shared.base.command import InputError
from stages.shared.keras_network import keras


def stream(model, batches, layers):
    """Yield for each batch a dict of the outputs of `layers`, float32 (batch, ...), copied, in evaluation mode."""
    outputs = [model.get_layer(layer).output for layer in layers]
    for layer, output in zip(layers, outputs, strict=True):
        if isinstance(output, list | tuple | dict):
            raise InputError(f"The layer {layer!r} returns {type(output).__name__}, not a tensor: choose others.")
    extractor = keras.Model(model.input, outputs)
    for images in batches:
        arrays = extractor(images, training=False)
        yield {layer: np.array(array, np.float32) for layer, array in zip(layers, arrays, strict=True)}


def weight_matrices(model):
    """The weights of `model` that are matrices or kernels, as float32 (outputs, inputs): Keras keeps them transposed."""
    named = ((weight.path.replace("/", "."), np.array(weight.value, np.float32)) for weight in model.trainable_weights)
    return {name: weight.reshape(-1, weight.shape[-1]).T for name, weight in named if weight.ndim > 1}
