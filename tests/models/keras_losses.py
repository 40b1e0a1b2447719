"""Losses of a Keras model and a batch, and the networks that they train."""

import keras


def encoder():
    """Two outputs, of which neither is an answer to a label."""
    inputs = keras.Input((8, 8, 3))
    hidden = keras.layers.Dense(4, name="hidden")(keras.layers.Flatten()(inputs))
    decoded = keras.layers.Dense(192, name="decoded")(keras.layers.Dropout(0.5)(hidden))
    return keras.Model(inputs, [decoded, hidden])


def error(model, batch):
    inputs, _ = batch
    decoded, hidden = model(inputs)
    flat = keras.ops.reshape(inputs, (-1, 192))
    return keras.ops.mean((decoded - flat) ** 2) + 0.01 * keras.ops.mean(hidden**2)


def classifier():
    return keras.Sequential([keras.layers.Flatten(), keras.layers.Dropout(0.5), keras.layers.Dense(3)])


def cross_entropy(model, batch):
    """What the pipeline's own is."""
    inputs, labels = batch
    found = keras.losses.sparse_categorical_crossentropy(labels, model(inputs), from_logits=True)
    return keras.ops.mean(found)
