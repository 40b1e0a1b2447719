"""Layer outputs and weights of Keras models."""

import math
import re

import numpy as np

from stages.activations.units import check_rows, pooled_blocks
from stages.shared.keras_network import capturing, keras, layers, layers_of, tf


def stream(model, batches, names, units):
    """Yield for each batch a dict of what `units` keep of the outputs of the layers `names`, float32, copied, in evaluation
    mode.

    Compiled as one graph, whose intermediate results are let go of as soon as nothing needs them.
    """
    found, extract = layers_of(model), None
    for images in batches:
        images = keras.ops.convert_to_tensor(images, model.inputs[0].dtype)
        extract = extract or compiled(model, {name: found[name] for name in names}, units, images)
        outputs = extract(images)
        yield check_rows({name: np.array(outputs[name], np.float32) for name in names}, len(images))


def compiled(model, found, units, first):
    """What `units` keep of the outputs of the layers `found` in `model`, as a graph for batches of at most as many images as
    `first`."""

    def extract(images):
        with capturing(found) as outputs:
            model(images, training=False)
        return {name: kept(outputs[name], name, units, len(first)) for name in found}

    any_number = tf.TensorSpec((None, *first.shape[1:]), first.dtype)
    return tf.function(extract, autograph=False).get_concrete_function(any_number)


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
    """The kernels and embeddings of `model`, frozen ones too, as float32 (outputs, inputs): Keras keeps them transposed."""
    matrices = {}
    owners = {id(weight): layer for layer in model._flatten_layers() for weight in own_weights(layer)}
    for weight in model.weights:
        layer = owners[id(weight)]
        if is_kernel(weight, layer):
            array, axes = np.array(weight.value, np.float32), output_axes(weight, layer)
            outputs = math.prod(array.shape[axis] for axis in axes)
            matrices[weight.path.replace("/", ".")] = np.moveaxis(array, axes, range(len(axes))).reshape(outputs, -1)
    return matrices


def own_weights(layer):
    """The weights of a layer that are not those of a layer in it."""
    return layer._trainable_variables + layer._non_trainable_variables


def is_kernel(weight, layer):
    """Whether a weight of a layer maps inputs to outputs: in Keras' own layers its name tells.

    In others a single row or column does not count: it is added or multiplied, as a class token and a scale are.
    """
    if type(layer).__module__.startswith("keras."):
        return len(weight.shape) > 1 and weight.name.endswith(("kernel", "embeddings"))
    return len(weight.shape) > 1 and 1 not in (weight.shape[-1], math.prod(weight.shape[:-1]))


def output_axes(weight, layer):
    """Which axes of a kernel of a layer are its outputs, in their order; the last, as a rule.

    A depthwise kernel (..., channels, multiplier) has an output for each channel and multiplier, a transposed convolution's
    is (..., outputs, inputs), and an equation, as in attention, says it.
    """
    if isinstance(layer, layers.EinsumDense):
        _, kernel, output = re.split(",|->", layer.equation)
        return [axis for axis, letter in enumerate(kernel) if letter in output]
    if isinstance(layer, layers.Conv1DTranspose | layers.Conv2DTranspose | layers.Conv3DTranspose):
        return [-2]
    if isinstance(layer, layers.DepthwiseConv1D | layers.DepthwiseConv2D) or weight.name == "depthwise_kernel":
        return [-2, -1]
    return [-1]
