"""The Keras networks that a card can describe, on TensorFlow."""

from contextlib import suppress

import numpy as np

from drillcore.base.errors import InputError
from drillcore.frameworks.keras import functional, keras, layers, tf
from drillcore.frameworks.layers import tensors_in
from drillcore.threads import omp_threads
from stages.rig.card import UserDefined, loading, no_device
from stages.rig.user_defined import construct


def build(card, classes):
    """Return the network of `card` (a `Cnn` or a `UserDefined`) for `classes` classes or, at another task, for as many
    numbers in a row of its outputs; its weights are drawn from its seed."""
    keras.backend.clear_session(free_memory=False)  # or layers without a name get others when it is built again
    keras.utils.set_random_seed(card.seed)
    return complete(construct(card, classes), card) if isinstance(card, UserDefined) else convolutional(card, classes)


def complete(model, card):
    """Return `model` as one of a single input, the card's, and a single output.

    A sequential one that does not say its input has the card's from now on. A subclassed model, and one of several inputs or
    outputs, becomes the only layer of a functional one, so that its own layers are called `<model>/<layer>`.
    """
    if isinstance(model, keras.Sequential):
        if not model.built:
            model.build((None, *card.input))
        return model
    known = functional(model)
    if known and len(model.inputs) == 1 and len(model.outputs) == 1:
        return model
    if card.loss and known and len(model.inputs) == 1:  # the user's loss wants all that it returns
        return model
    whole = keras.Input(card.input, dtype="int32" if card.kind == "tokens" else None, name="whole")
    outputs = model(inputs_of(model, whole, card) if known else whole)
    outputs = outputs if card.loss and card.output is None else answer(outputs, card)
    return keras.Model(whole, outputs, name=f"{model.name}_whole")


def inputs_of(model, whole, card):
    """The inputs of a functional `model` from the `whole` of a sample: each has all of it or, of features, its part of them,
    one after the other."""
    shapes = [list(one.shape[1:]) for one in model.inputs]
    if all(shape == card.input for shape in shapes):
        parts = [whole] * len(shapes)
    elif {len(shape) for shape in [card.input, *shapes]} == {1} and sum(map(sum, shapes)) == card.input[0]:
        ends = np.cumsum(shapes)
        parts = [whole[:, end - size : end] for end, (size,) in zip(ends, shapes, strict=True)]
    else:
        raise InputError(
            f"params.yaml: networks.{card.name} has inputs of {shapes}, but {card.dataset} has one of {card.input}: they "
            "should be that each, or parts of its features that make all of them together."
        )
    parts = [keras.ops.cast(part, one.dtype) for part, one in zip(parts, model.inputs, strict=True)]
    return keras.tree.pack_sequence_as(model._inputs_struct, parts)


def answer(outputs, card):
    """Of the `outputs` of a model the one that `output` of the card names, or else the first."""
    found = dict(tensors_in(outputs, lambda one: isinstance(one, keras.KerasTensor)))
    if card.output is None:
        return next(iter(found.values()), outputs)
    if (place := f"[{card.output}]") not in found:
        raise InputError(
            f"params.yaml: networks.{card.name}.output is {card.output!r}, but the network returns "
            f"{', '.join(place.strip('[]') or 'one array' for place in found) or 'no array'}: name one of them, or none."
        )
    return found[place]


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
    """Have TensorFlow compute with the threads of the shell, which its own pools do not read, and on the device of `card`;
    call before it computes anything."""
    with suppress(RuntimeError):  # a user's code has computed something as it was loaded, and its pools stay
        tf.config.threading.set_intra_op_parallelism_threads(omp_threads(default=0))  # 0 means every core
    seen = tf.config.list_physical_devices("GPU")
    if card.device != "cpu" and not seen:
        raise no_device(card, "TensorFlow")
    tf.config.set_visible_devices([] if card.device == "cpu" else seen[:1], "GPU")


def gives_logits(model, shape):
    """Whether the outputs of `model` for inputs of `shape` are logits, not probabilities.

    A softmax may stand in any layer, and be anyone's: random inputs tell, of tokens the first two.
    """
    inputs = np.random.default_rng(0).random((4, *shape), np.float32)
    if not keras.backend.is_float_dtype(keras.backend.standardize_dtype(model.inputs[0].dtype)):
        inputs = inputs.round()
    outputs = np.asarray(model(inputs, training=False))
    tolerance = 1e-4 if outputs.dtype == np.float32 else 1e-2  # 16 bits round every one of a row
    outputs = outputs.astype(np.float64)
    return not ((outputs >= 0).all() and np.allclose(outputs.sum(-1), 1, rtol=0, atol=tolerance))


def load(card, classes, checkpoint):
    """Return the network of `card` with the weights of `checkpoint`, a .keras file; nothing else in it is ever read."""
    use_device(card)
    model = build(card, classes)
    restore(model, checkpoint)
    return model


def restore(model, checkpoint):
    """Give `model` the weights of `checkpoint`, another of its own."""
    with loading(checkpoint):
        model.load_weights(checkpoint)


def make_reproducible():
    """Have the same numbers of threads give the same bytes."""
    tf.config.experimental.enable_op_determinism()


def to_input(inputs, kind="images"):
    """Return prepared `inputs`: Keras takes images (n, h, w, c) and all else as they are."""
    return inputs


def to_target(targets, card):
    """Return the `targets` of `card`, as they are."""
    return targets
