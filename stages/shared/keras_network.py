"""The Keras networks that a card can describe, on TensorFlow."""

import os
import sys
from contextlib import ExitStack, contextmanager

import numpy as np

from stages.shared.base.command import InputError
from stages.shared.card import Layer, Own, loading, no_device
from stages.shared.layers import agreed, described
from stages.shared.own import construct


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

loaded = "keras" in sys.modules
with silenced():
    import keras
    import tensorflow as tf
    from keras import layers

if not loaded:  # the machine's ~/.keras/keras.json is no part of a recipe, what a notebook has set before is its own
    keras.config.set_floatx("float32")
    keras.config.set_image_data_format("channels_last")


def build(card, classes):
    """Return the network of `card` (a `Cnn` or an `Own`) for `classes` classes, its weights drawn from its seed."""
    keras.backend.clear_session(free_memory=False)  # or layers without a name get others when it is built again
    keras.utils.set_random_seed(card.seed)
    return complete(construct(card, classes), card) if isinstance(card, Own) else convolutional(card, classes)


def complete(model, card):
    """Return `model`; a sequential one that does not say its input has the card's from now on."""
    if isinstance(model, keras.Sequential) and not model.built:
        model.build((None, *card.input))
    return model


def functional(model):
    """The functional model that `model` is or, if sequential, holds; None of a subclass, or of one that was never built."""
    model = model._functional if isinstance(model, keras.Sequential) else model
    return model if hasattr(model, "inputs") else None


def convolutional(card, classes):
    """Return the network of a `Cnn`."""
    images = features = keras.Input(card.input, name="input")
    for number, filters in enumerate(card.convolutions, 1):
        features = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"conv{number}")(features)
        features = layers.MaxPooling2D(name=f"pool{number}")(features)
    features = layers.Flatten(name="flatten")(features)
    for number, width in enumerate(card.dense, 1):
        features = layers.Dense(width, activation="relu", name=f"dense{number}")(features)
    return keras.Model(images, layers.Dense(classes, name="output")(features), name=card.name.replace("-", "_"))


def use_device(card):
    """Have TensorFlow compute on the device of `card`; call before it computes anything."""
    seen = tf.config.list_physical_devices("GPU")
    if card.device != "cpu" and not seen:
        raise no_device(card, "TensorFlow")
    tf.config.set_visible_devices([] if card.device == "cpu" else seen[:1], "GPU")


def gives_logits(model, shape):
    """Whether the outputs of `model` for images of `shape` (h, w, c) are logits, not probabilities.

    A softmax may stand in any layer, and be anyone's: random images tell.
    """
    images = np.random.default_rng(0).random((4, *shape), np.float32)
    outputs = np.asarray(model(images, training=False))
    tolerance = 1e-4 if outputs.dtype == np.float32 else 1e-2  # 16 bits round every one of a row
    outputs = outputs.astype(np.float64)
    return not ((outputs >= 0).all() and np.allclose(outputs.sum(1), 1, rtol=0, atol=tolerance))


def check_names(weights, model):
    """Return the names of `weights`, which are of `model`; an `InputError` names one that two of them have."""
    names = [weight.path.replace("/", ".") for weight in weights]
    for name in names:
        if names.count(name) > 1:
            raise InputError(
                f"{model.name} has more than one weight {name}: give each of its layers a name of its own."
            )
    return names


def load(card, classes, checkpoint):
    """Return the network of `card` with the weights of `checkpoint`, a .keras file; nothing else in it is ever read."""
    use_device(card)
    model = build(card, classes)
    with loading(checkpoint):
        model.load_weights(checkpoint)
    return model


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


def to_input(images):
    """Return float32 `images` (n, h, w, c): Keras takes them as they are."""
    return images
