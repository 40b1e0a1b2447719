"""Layer outputs and weights of Keras models."""

import math

import numpy as np

from stages.activations.units import check_rows, pooled_blocks
from stages.shared.base.command import InputError
from stages.shared.keras_network import functional, keras, tf


def stream(model, batches, layers, units):
    """Yield for each batch a dict of what `units` keep of the outputs of `layers`, float32, copied, in evaluation mode.

    Compiled as one graph, whose intermediate results are let go of as soon as nothing needs them.
    """
    if not functional(model):
        remedy = (
            "call it on images first" if isinstance(model, keras.Sequential) else "make it functional or sequential"
        )
        raise InputError(f"Keras does not know how the layers of {model.name} follow each other: {remedy}.")
    whole = keras.Model(model.inputs, {layer: last_output(model, layer) for layer in layers})
    extract = None
    for images in batches:
        images = keras.ops.convert_to_tensor(images, model.inputs[0].dtype)
        extract = extract or compiled(whole, layers, units, images)
        outputs = extract(images)
        yield check_rows({layer: np.array(outputs[layer], np.float32) for layer in layers}, len(images))


def compiled(whole, layers, units, first):
    """What `units` keep of the outputs of the model `whole`, as a graph for batches of at most as many images as `first`."""

    def extract(images):
        outputs = whole(images, training=False)
        return {layer: kept(outputs[layer], layer, units, len(first)) for layer in layers}

    any_number = tf.TensorSpec((None, *first.shape[1:]), first.dtype)
    return tf.function(extract, autograph=False).get_concrete_function(any_number)


def last_output(model, layer):
    """The symbolic output of the last call of `layer` in `model`; `Layer.output` is that of its first call anywhere."""
    in_model = [call for calls in functional(model)._nodes_by_depth.values() for call in calls]
    outputs = [call.outputs for call in model.get_layer(layer)._inbound_nodes if call in in_model][-1]
    if len(outputs) != 1:
        raise InputError(f"The layer {layer!r} returns {len(outputs)} tensors, not one: choose others.")
    return outputs[0]


def kept(output, layer, units, most):
    """What `units` keep of the `output` of `layer`: (batch, units), or the whole where they say nothing.

    A batch has at most `most` images. Pooled are (batch, height, width, channels), or any other number of axes before
    the channels, as of tokens.
    """
    if units.how is None:
        return output
    if units.how == "pool" and output.ndim > 2:
        axes = tuple(range(1, output.ndim - 1))
        blocks = [tf.cast(output[rows], tf.float64) for rows in pooled_blocks(most, math.prod(output.shape[1:]))]
        output = tf.concat([tf.reduce_mean(block, axes) for block in blocks], 0)
    flat = tf.reshape(output, (tf.shape(output)[0], math.prod(output.shape[1:])))
    chosen = units.choose(layer, flat.shape[1])
    return flat if chosen is None else tf.gather(flat, chosen, axis=1)


def weight_matrices(model):
    """The weights of `model` that are matrices or kernels, as float32 (outputs, inputs): Keras keeps them transposed.

    A depthwise kernel (height, width, channels, multiplier) has an output for each channel and multiplier.
    """
    depthwise = {id(layer.kernel) for layer in within(model) if isinstance(layer, keras.layers.DepthwiseConv2D)}
    matrices = {}
    for weight in model.trainable_weights:
        if len(weight.shape) > 1:
            outputs = 2 if id(weight) in depthwise else 1
            array = np.array(weight.value, np.float32)
            matrices[weight.path.replace("/", ".")] = array.reshape(-1, int(np.prod(array.shape[-outputs:]))).T
    return matrices


def within(model):
    """All layers of a model, those of the models in it included."""
    for layer in model.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from within(layer)
