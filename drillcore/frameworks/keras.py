"""Keras models on TensorFlow: their layers, and what those return."""

import math
import os
import re
import sys
from contextlib import ExitStack, contextmanager
from functools import partial

import numpy as np

from drillcore.base.errors import InputError
from drillcore.extraction.inputs import count, cycled, each
from drillcore.extraction.units import check_rows, pooled_blocks
from drillcore.extras import require
from drillcore.frameworks import GRAPH_BYTES, LossOfModel, NotTwiceDifferentiable, parts_of
from drillcore.frameworks.layers import UNCALLED, described, observed, said_of, tensor_at


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


def observe(model, inputs):
    """Return the `Observed` layers of `model`, in the model's order: what they do in evaluation mode.

    Called are 2 and 3 of the samples of `inputs`, of any number. With weights a layer is "both", else a "module".
    """
    found = layers_of(model)
    fewer, more = (shapes_of(model, found, inputs, number) for number in (2, 3))
    sizes = {name: layer.count_params() if layer.built else 0 for name, layer in found.items()}
    return observed(sizes, fewer, more, partial(kinds_of, found))


def layers_of(model, path=""):
    """Every layer of `model` by name; after a model's name and a slash, as in the paths of weights, those in it.

    The layers of a subclassed model are its attributes, and those in lists of its.
    """
    if isinstance(model, keras.Sequential) and not functional(model):
        raise InputError(
            f"Keras does not know how the layers of {model.name} follow each other: call it on images first."
        )
    found = {}
    for layer in model.layers:
        if not isinstance(layer, layers.InputLayer):
            name = f"{path}{layer.name}"
            if name in found:
                raise InputError(
                    f"{model.name} has more than one layer {name}: give each of its layers a name of its own."
                )
            found |= {name: layer, **(layers_of(layer, f"{name}/") if isinstance(layer, keras.Model) else {})}
    return found


def kinds_of(found, shapes):
    """What each of the layers `found` is, given what is true of each: one that is never called is nothing, nor is a model
    within the model where layers in it are called."""
    called = {name for name, shape in shapes.items() if shape != UNCALLED}
    holding = {name.rpartition("/")[0] for name in called} | {name for name, layer in found.items() if nested(layer)}
    return {
        name: "" if name in holding or name not in called else "both" if layer.weights else "module"
        for name, layer in found.items()
    }


def nested(layer):
    """Whether a layer is a functional model, whose layers stand for it."""
    return isinstance(layer, keras.Model) and functional(layer) is not None


def as_input(inputs, model):
    """`inputs` as `model` takes them: in the types that a functional model says, else floats in Keras' precision."""
    if known := functional(model):
        types = {tensor.name: tensor.dtype for tensor in known.inputs}
        if isinstance(inputs, dict):
            return {name: keras.ops.convert_to_tensor(array, types[name]) for name, array in inputs.items()}
        taken = iter(types.values())
        return each(inputs, lambda array: keras.ops.convert_to_tensor(array, next(taken)))
    return each(inputs, in_precision)


def in_precision(array):
    """An array as a tensor: floats in Keras' precision, other numbers as they are."""
    tensor = keras.ops.convert_to_tensor(array)
    floats = keras.backend.is_float_dtype(keras.backend.standardize_dtype(tensor.dtype))
    return keras.ops.cast(tensor, keras.config.floatx()) if floats else tensor


def shapes_of(model, found, inputs, number):
    """What `said_of` says of the output of each of the layers `found` in `model` for a `number` of samples, in a dict."""
    rows = cycled(inputs, number)
    with capturing(found) as outputs:
        call(model, as_input(each(inputs, lambda array: keras.ops.take(array, rows, axis=0)), model))
    return {name: said_of(output, keras.ops.is_tensor, partial(describe, number)) for name, output in outputs.items()}


def call(model, tensors):
    """What `model` makes of `tensors` in evaluation mode; Keras takes several inputs as one dict or list."""
    return model(list(tensors) if isinstance(tensors, tuple) else tensors, training=False)


def describe(number, tensor):
    """What is to be said of one tensor that a layer returns for a `number` of samples."""
    if "complex" in str(tensor.dtype):
        return "returns complex numbers, not real ones"
    return described(tensor.shape, number)


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


def stream(model, batches, sources, units):
    """Yield for each batch a dict of what `units` keep of the layers that have `sources`, float32, copied, in evaluation
    mode.

    Compiled as one graph, whose intermediate results are let go of as soon as nothing needs them.
    """
    extract = None
    for inputs in batches:
        tensors = as_input(inputs, model)
        extract = extract or compiled(model, sources, units, tensors)
        outputs, totals = extract(tensors)
        outputs = check_rows({name: np.array(outputs[name], np.float32) for name in sources}, count(inputs), units)
        units.add_totals({name: (np.asarray(sums), int(zeros)) for name, (sums, zeros) in totals.items()}, outputs)
        yield outputs


def predict(model, batches):
    """Yield for each batch what `model` returns, float32, in evaluation mode: compiled, which saves a quarter of the time."""
    answer = None
    for inputs in batches:
        tensors = as_input(inputs, model)
        answer = answer or concrete(lambda inputs: call(model, inputs), tensors)
        yield np.array(answer(tensors), np.float32)


def compiled(model, sources, units, first):
    """What `units` keep of the layers that have `sources` in `model`, and their totals where those are asked for, as a graph
    for batches of at most as many samples as `first`."""
    every, most = layers_of(model), count(first)
    found = {source.module: every[source.module] for source in sources.values()}

    def extract(inputs):
        with capturing(found) as outputs:
            call(model, inputs)
        tensors = {
            name: arranged(tensor_at(outputs[source.module], keras.ops.is_tensor, source.place), name, units, most)
            for name, source in sources.items()
        }
        totals = {name: totals_of(tensor) for name, tensor in tensors.items()} if units.activity else {}
        return {name: kept(tensor, name, units) for name, tensor in tensors.items()}, totals

    return concrete(extract, first)


def concrete(function, first):
    """`function` of a batch of any number of samples like the `first`, as a graph."""
    any_number = each(first, lambda tensor: tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype))
    return tf.function(function, autograph=False).get_concrete_function(any_number)


def arranged(output, layer, units, most):
    """The `output` of `layer` as `units` are taken of it, (samples, ...); a batch has at most `most` samples.

    Pooled are (batch, height, width, channels), or any other number of axes before the channels, as of tokens.
    """
    if units.how == "tokens":
        units.check_tokens(output.shape, layer)
        return tf.reshape(output, (-1, output.shape[2]))
    if units.how == "token" and output.ndim == 3:
        return units.at_token(output, layer)
    if units.how != "pool" or output.ndim <= 2:
        return output
    axes = tuple(range(1, output.ndim - 1))
    blocks = [tf.cast(output[rows], tf.float64) for rows in pooled_blocks(most, math.prod(output.shape[1:]))]
    return tf.concat([tf.reduce_mean(block, axes) for block in blocks], 0)


def totals_of(output):
    """Of an `output` (batch, ...) the sum of the absolute values of each unit over the batch, and how many values are zero.

    Without cancellation the sums of a batch lose nothing that matters in float32.
    """
    sums = tf.reshape(tf.reduce_sum(tf.abs(tf.cast(output, tf.float32)), 0), [-1])
    return sums, tf.size(output, tf.int64) - tf.math.count_nonzero(output)


def kept(output, layer, units):
    """What `units` keep of the `output` of `layer`: (batch, units), or the whole where they say nothing."""
    if units.how is None:
        return output
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


def state_of(model, layer):
    """Copies of the weights and running statistics of `layer`, a list of arrays; empty where it has none."""
    found = layers_of(model).get(layer)
    return [] if found is None else found.get_weights()


def restore_state(model, layer, state):
    """Give `layer` what `state_of` returned for it."""
    layers_of(model)[layer].set_weights(state)


class Surface:
    """The loss of a Keras model as a function of its trainable weights: see the protocol of that name.

    `loss` maps targets and outputs to the mean loss, or to each sample's, as `keras.losses` do, or is a `LossOfModel`.
    """

    def __init__(self, model, loss):
        self.model, self.loss = model, loss
        names = check_names(model.trainable_variables, model)
        self.weights = [weight.value for weight in model.trainable_variables]
        self.shapes = {name: tuple(weight.shape) for name, weight in zip(names, self.weights, strict=True)}
        self.graphs = {}

    def graph(self, function, samples, others=()):
        """`function`, of `samples`, tensors with one a row, and of others, as a graph for any number of samples.

        A loss that calls the model itself may ask how many there are, so that it has a graph for each number.
        """
        number = len(samples[0]) if isinstance(self.loss, LossOfModel) else None
        shapes = [(number, *tensor.shape[1:]) for tensor in samples]
        key = function.__name__, *shapes
        if key not in self.graphs:
            specs = [tf.TensorSpec(shape, tensor.dtype) for shape, tensor in zip(shapes, samples, strict=True)]
            specs += [tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in others]
            self.graphs[key] = tf.function(function, autograph=False).get_concrete_function(*specs)
        return self.graphs[key]

    def derivatives(self, inputs, targets):
        """The mean loss and its gradient by every weight, as tensors."""
        with tf.GradientTape() as tape:
            loss = self.mean_loss(inputs, targets)
        gradients = tape.gradient(loss, self.weights, unconnected_gradients=ZERO)
        return loss, [tf.convert_to_tensor(gradient) for gradient in gradients]

    def with_norm(self, inputs, targets):
        """The mean loss, its gradient, and the squared norm of that, as tensors."""
        loss, gradients = self.derivatives(inputs, targets)
        squares = [tf.reduce_sum(tf.square(tf.cast(gradient, tf.float64))) for gradient in gradients]
        return loss, gradients, tf.add_n(squares)

    def mean_loss(self, inputs, targets):
        """The mean loss, a tensor."""
        if isinstance(self.loss, LossOfModel):
            return self.loss(self.model, inputs, targets)
        return tf.reduce_mean(self.loss(targets, self.model(inputs, training=False)))

    def position(self):
        """The weights (parameters), copied."""
        return flat(self.weights)

    def gradient(self, inputs, targets):
        """The mean loss, and its gradient (parameters)."""
        samples = [*map(tf.convert_to_tensor, (inputs, targets))]
        loss, gradients, _ = self.graph(self.with_norm, samples)(*samples)
        return float(loss), flat(gradients)

    def evaluate(self, inputs, targets):
        """The mean loss, and the model's outputs as an array."""
        inputs, targets = map(tf.convert_to_tensor, (inputs, targets))
        if isinstance(self.loss, LossOfModel):
            loss = float(self.graph(self.mean_loss, [inputs, targets])(inputs, targets))
            return loss, self.answers(inputs) if self.loss.answers else np.empty(0, np.float32)
        outputs = self.answers(inputs)
        return float(tf.reduce_mean(self.loss(targets, outputs))), outputs

    def answers(self, inputs):
        """The model's outputs as an array."""
        return np.asarray(self.graph(self.outputs, [inputs])(inputs), np.float32)

    def outputs(self, inputs):
        """What the model returns."""
        return self.model(inputs, training=False)

    def squared_norms(self, inputs, targets):
        """The squared norm of the gradient of each sample's loss, float64 (samples)."""
        samples = [*map(tf.convert_to_tensor, (inputs, targets))]
        singles = ([tensor[i : i + 1] for tensor in samples] for i in range(len(inputs)))
        return np.array([float(self.graph(self.with_norm, single)(*single)[2]) for single in singles])

    def product(self, inputs, targets, *along):
        """The Hessian times a vector in parts `along`, one for each weight."""
        with tf.GradientTape() as tape:
            gradients = self.derivatives(inputs, targets)[1]
        return tape.gradient(gradients, self.weights, list(along), unconnected_gradients=ZERO)

    def hessian(self, inputs, targets):
        """The `Hessian` of the mean loss."""
        return Hessian(self, *map(tf.convert_to_tensor, (inputs, targets)))

    def move(self, step):
        """Add a vector (parameters) to the weights."""
        for weight, change in zip(self.weights, split(step, self.weights), strict=True):
            weight.assign_add(change)


surface = Surface


class Hessian:
    """Second derivatives by reverse mode, twice; products in a graph, where TensorFlow makes convolutions faster."""

    def __init__(self, surface, inputs, targets):
        self.surface = surface
        with twice_differentiable():
            self.graph = surface.graph(surface.product, [inputs, targets], surface.weights)
        self.parts = parts_of(inputs, targets, max(1, GRAPH_BYTES // max(1, sample_bytes(self.graph))))

    def product(self, vector):
        """The Hessian times a vector (parameters)."""
        along, found = split(vector, self.surface.weights), 0.0
        with twice_differentiable():
            for *samples, share in self.parts:
                found += share * flat(self.graph(*samples, *along))
        return found

    def diagonal(self, entries):
        """The second derivatives by single weights, float64 (entries) of each tensor; `entries` are positions in each."""
        with twice_differentiable():
            found = [[share * row for row in self.diagonal_of(samples, entries)] for *samples, share in self.parts]
        return [sum(parts) for parts in zip(*found, strict=True)]

    def diagonal_of(self, samples, entries):
        """That of a part of the samples.

        Each tensor has a tape that watches nothing else, which goes back only as far as the tensor needs, as a graph for
        every tensor would.
        """
        weights = self.surface.weights
        tapes = [tf.GradientTape(persistent=True, watch_accessed_variables=False) for _ in weights]
        with ExitStack() as stack:
            for tape, weight in zip(tapes, weights, strict=True):
                stack.enter_context(tape).watch(weight)
            gradients = self.surface.derivatives(*samples)[1]
        return [
            np.array([entry(*found, position) for position in positions])
            for *found, positions in zip(tapes, gradients, weights, entries, strict=True)
        ]


def sample_bytes(graph):
    """How many bytes a `graph` computes for one sample, of all that have a sample a row."""
    shapes = [(tensor.shape, tensor.dtype.size) for one in graph.graph.get_operations() for tensor in one.outputs]
    return sum(
        size * math.prod(shape[1:])
        for shape, size in shapes
        if shape.rank and shape[0] is None and None not in shape[1:]
    )


def entry(tape, gradient, weight, position):
    """The second derivative by the weight at a `position` of a tensor, from the `tape` of its `gradient`."""
    single = tf.reshape(tf.one_hot(position, math.prod(weight.shape), dtype=weight.dtype), weight.shape)
    row = tape.gradient(gradient, weight, single, unconnected_gradients=ZERO)
    return float(tf.reshape(row, [-1])[position])


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
