"""Keras networks of every task."""

import keras
from keras import layers


def numbers(features=10, width=8):
    """A regression on the columns of a table."""
    row = keras.Input((features,))
    hidden = layers.Dense(width, activation="relu", name="hidden")(row)
    return keras.Model(row, layers.Dense(1, name="number")(hidden))


def characters(vocabulary=128, length=16, width=8):
    """A language model in which a token sees itself and the one before it."""
    tokens = keras.Input((length,), dtype="int32")
    states = layers.Embedding(vocabulary, width, name="embedded")(tokens)
    states = layers.Conv1D(width, 2, padding="causal", activation="relu", name="pairs")(states)
    return keras.Model(tokens, layers.Dense(vocabulary, name="head")(states))


def again(side=8, code=4):
    """An autoencoder of grey images."""
    image = keras.Input((side, side, 1))
    squeezed = layers.Dense(code, name="code")(layers.Flatten()(image))
    pixels = layers.Dense(side * side, activation="sigmoid", name="pixels")(squeezed)
    return keras.Model(image, layers.Reshape((side, side, 1), name="image")(pixels))
