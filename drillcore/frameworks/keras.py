"""Keras models on TensorFlow: their layers, and what those return."""

import math
import os
import re
import sys
from contextlib import ExitStack, contextmanager

import numpy as np

from drillcore.base.errors import InputError
from drillcore.extraction.units import check_rows, pooled_blocks
from drillcore.extras import require
from drillcore.frameworks import NotTwiceDifferentiable
from drillcore.frameworks.layers import Layer, agreed, described


@contextmanager
def silenced():
    """Send what compiled code writes to standard error nowhere: TensorFlow greets, whatever its settings, with pages
    about the machine's processor. What goes wrong still raises."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


# Read while they are loaded, so other modules import `keras` and `tf` from here. Training is written for TensorFlow alone,
# whatever the shell sets for other projects.
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

require("keras", "What reads Keras models")
loaded = "keras" in sys.modules
with silenced():
    import keras
    import tensorflow as tf
    from keras import layers

if not loaded:  # the machine's ~/.keras/keras.json is no part of a recipe, what a notebook has set before is its own
    keras.config.set_floatx("float32")
    keras.config.set_image_data_format("channels_last")

ZERO = tf.UnconnectedGradients.ZERO


def owns(model):
    """Whether `model` is a Keras model."""
    return isinstance(model, keras.Model)


def functional(model):
    """The functional model that `model` is or, if sequential, holds; None of a subclass, or of one that was never built."""
    model = model._functional if isinstance(model, keras.Sequential) else model
    return model if hasattr(model, "inputs") else None


def check_names(weights, model):
    """Return the names of `weights`, which are of `model`; an `InputError` names one that two of them have."""
    names = [weight.path.replace("/", ".") for weight in weights]
    for name in names:
        if names.count(name) > 1:
            raise InputError(
                f"{model.name} has more than one weight {name}: give each of its layers a name of its own."
            )
    return names


def observe(model, images):
    """Return the layers of `model` as a list of `Layer`, in the model's order: what they do in evaluation mode.

    Called are 2 and 3 of `images`, an array or a tensor of any number. With weights a layer is "both", else a "module".
    """
    found = layers_of(model)
    fewer, more = (shapes_of(model, found, images, count) for count in (2, 3))
    return [
        Layer(name, kind_of(layer), agreed(fewer.get(name), more.get(name)), layer.count_params() if layer.built else 0)
        for name, layer in found.items()
    ]


def layers_of(model, path=""):
    """Every layer of `model` by name; after a model's name and a slash, as in the paths of weights, those in it."""
    if not functional(model):
        remedy = (
            "call it on images first" if isinstance(model, keras.Sequential) else "make it functional or sequential"
        )
        raise InputError(f"Keras does not know how the layers of {model.name} follow each other: {remedy}.")
    found = {}
    for layer in model.layers:
        if not isinstance(layer, layers.InputLayer):
            name = f"{path}{layer.name}"
            found |= {name: layer, **(layers_of(layer, f"{name}/") if nested(layer) else {})}
    return found


def nested(layer):
    """Whether a layer is a model whose own layers are known."""
    return isinstance(layer, keras.Model) and functional(layer) is not None


def kind_of(layer):
    """What a layer is; a nested model is neither, for its layers are."""
    return "" if nested(layer) else "both" if layer.weights else "module"


def shapes_of(model, found, images, count):
    """What `described` says of the output of each of the layers `found` in `model` for `count` of `images`, in a dict."""
    rows = keras.ops.take(images, [number % len(images) for number in range(count)], axis=0)
    with capturing(found) as outputs:
        model(keras.ops.cast(rows, model.inputs[0].dtype), training=False)
    return {name: described_output(output, count) for name, output in outputs.items()}


def described_output(output, count):
    """What `described` says of a layer's output, which may be no tensor."""
    if isinstance(output, list | tuple | dict):
        return f"returns {len(output)} tensors, not one"
    if "complex" in str(output.dtype):
        return "returns complex numbers, not real ones"
    return described(output.shape, count)


@contextmanager
def capturing(found):
    """Yield a dict that holds, after a call of a model in the block, the last output of each of its layers `found`."""
    outputs = {}

    def keeping(name, call):
        def keep(*arguments, **settings):
            outputs[name] = call(*arguments, **settings)
            return outputs[name]

        return keep

    with ExitStack() as stack:
        for name, layer in found.items():
            stack.enter_context(replaced(layer, "call", keeping(name, layer.call)))
        yield outputs


@contextmanager
def replaced(owner, name, function):
    """Give `owner` alone, not its class, another method while the block runs."""
    before = vars(owner).get(name)
    setattr(owner, name, function)
    try:
        yield
    finally:
        setattr(owner, name, before) if before else delattr(owner, name)


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
    owners = {id(weight): layer for layer in model._flatten_layers() for weight in direct_weights(layer)}
    for weight in model.weights:
        layer = owners[id(weight)]
        if is_kernel(weight, layer):
            array, axes = np.array(weight.value, np.float32), output_axes(weight, layer)
            outputs = math.prod(array.shape[axis] for axis in axes)
            matrices[weight.path.replace("/", ".")] = np.moveaxis(array, axes, range(len(axes))).reshape(outputs, -1)
    return matrices


def direct_weights(layer):
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


class Surface:
    """The loss of a Keras model as a function of its trainable weights: see the protocol of that name.

    `loss` maps targets and outputs to the mean loss, or to each sample's, as `keras.losses` do.
    """

    def __init__(self, model, loss):
        self.model, self.loss = model, loss
        names = check_names(model.trainable_variables, model)
        self.weights = [weight.value for weight in model.trainable_variables]
        self.shapes = {name: tuple(weight.shape) for name, weight in zip(names, self.weights, strict=True)}
        self.gradient_graph, self.product_graph = graph(self.derivatives), graph(self.product)
        self.squared_norm_graph = graph(self.squared_norm)

    def derivatives(self, inputs, targets):
        """The mean loss and its gradient by every weight, as tensors."""
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(self.loss(targets, self.model(inputs, training=False)))
        gradients = tape.gradient(loss, self.weights, unconnected_gradients=ZERO)
        return loss, [tf.convert_to_tensor(gradient) for gradient in gradients]

    def position(self):
        """The weights (parameters), copied."""
        return flat(self.weights)

    def gradient(self, inputs, targets):
        """The mean loss, and its gradient (parameters)."""
        loss, gradients = self.gradient_graph(*map(tf.convert_to_tensor, (inputs, targets)))
        return float(loss), flat(gradients)

    def squared_norms(self, inputs, targets):
        """The squared norm of the gradient of each sample's loss, float64 (samples)."""
        inputs, targets = map(tf.convert_to_tensor, (inputs, targets))
        samples = range(len(inputs))
        return np.array([float(self.squared_norm_graph(inputs[i : i + 1], targets[i : i + 1])) for i in samples])

    def squared_norm(self, inputs, targets):
        """That of the mean gradient of some samples, a tensor."""
        gradients = self.derivatives(inputs, targets)[1]
        return tf.add_n([tf.reduce_sum(tf.square(tf.cast(gradient, tf.float64))) for gradient in gradients])

    def product(self, inputs, targets, along):
        """The Hessian times a vector in parts `along`, one for each weight."""
        with tf.GradientTape() as tape:
            gradients = self.derivatives(inputs, targets)[1]
        return tape.gradient(gradients, self.weights, along, unconnected_gradients=ZERO)

    def hessian(self, inputs, targets):
        """The `Hessian` of the mean loss."""
        return Hessian(self, *map(tf.convert_to_tensor, (inputs, targets)))

    def move(self, step):
        """Add a vector (parameters) to the weights."""
        for weight, change in zip(self.weights, split(step, self.weights), strict=True):
            weight.assign_add(change)


surface = Surface


class Hessian:
    """Second derivatives by reverse mode, twice."""

    def __init__(self, surface, inputs, targets):
        self.surface, self.samples, self.tape = surface, (inputs, targets), None

    def product(self, vector):
        """The Hessian times a vector (parameters), in a graph: TensorFlow makes convolutions faster there."""
        with twice_differentiable():
            return flat(self.surface.product_graph(*self.samples, split(vector, self.surface.weights)))

    def diagonal(self, tensor, entries):
        """The second derivatives by single weights of the tensor of that number, float64 (entries).

        From a tape, which goes back only as far as the tensor needs, as a graph for every tensor would.
        """
        weight = self.surface.weights[tensor]
        with twice_differentiable():
            if self.tape is None:
                with tf.GradientTape(persistent=True) as self.tape:
                    self.gradients = self.surface.derivatives(*self.samples)[1]
            return np.array([self.entry(weight, self.gradients[tensor], entry) for entry in entries])

    def entry(self, weight, gradient, entry):
        single = tf.reshape(tf.one_hot(entry, math.prod(weight.shape), dtype=weight.dtype), weight.shape)
        row = self.tape.gradient(gradient, weight, single, unconnected_gradients=ZERO)
        return float(tf.reshape(row, [-1])[entry])


def graph(function):
    """`function` of tensors as a graph of TensorFlow's."""
    return tf.function(function, autograph=False, reduce_retracing=True)


@contextmanager
def twice_differentiable():
    """Say in one sentence what TensorFlow says of a layer that has no second derivative."""
    try:
        yield
    except (LookupError, NotImplementedError, tf.errors.OpError) as error:
        raise NotTwiceDifferentiable(error) from None


def flat(tensors):
    """Tensors one after the other as an array (parameters), float32 or float64."""
    joined = np.concatenate([np.asarray(tf.convert_to_tensor(tensor)).ravel() for tensor in tensors])
    return joined if joined.dtype == np.float64 else joined.astype(np.float32, copy=False)


def split(vector, weights):
    """The parts of a vector (parameters) as tensors like the `weights`."""
    parts = tf.split(tf.convert_to_tensor(vector), [math.prod(weight.shape) for weight in weights])
    return [tf.cast(tf.reshape(part, weight.shape), weight.dtype) for part, weight in zip(parts, weights, strict=True)]
