"""The Keras networks that a card can describe, on TensorFlow."""

import os
from contextlib import contextmanager

from stages.shared.card import loading


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


# Read while they are loaded, so other modules import `keras` and `tf` from here.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

with silenced():
    import keras
    import tensorflow as tf  # noqa: F401
    from keras import layers


def build(card, classes):
    """Return the network of `card` (a `stages.shared.card.Cnn`) with `classes` outputs, its weights drawn from its seed."""
    keras.utils.set_random_seed(card.seed)
    images = features = keras.Input(card.input, name="input")
    for number, filters in enumerate(card.convolutions, 1):
        features = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"conv{number}")(features)
        features = layers.MaxPooling2D(name=f"pool{number}")(features)
    features = layers.Flatten(name="flatten")(features)
    for number, width in enumerate(card.dense, 1):
        features = layers.Dense(width, activation="relu", name=f"dense{number}")(features)
    return keras.Model(images, layers.Dense(classes, name="output")(features), name=card.name.replace("-", "_"))


def load(card, classes, checkpoint):
    """Return the network of `card` with the weights of `checkpoint`, a .keras file; nothing else in it is ever read."""
    model = build(card, classes)
    with loading(checkpoint):
        model.load_weights(checkpoint)
    return model


def to_input(images):
    """Return float32 `images` (n, h, w, c): Keras takes them as they are."""
    return images
