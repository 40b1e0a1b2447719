"""A network with a layer that fails in training alone."""

import keras
from keras import layers


@keras.saving.register_keras_serializable()
class Untrainable(layers.Layer):
    def call(self, images, training=False):
        if training:
            raise NotImplementedError("not in training")
        return images


def make(width=5, *, trainable=True):
    more = [] if trainable else [Untrainable(name="untrainable")]
    return keras.Sequential([keras.Input((8, 8, 1)), *more, layers.Flatten(), layers.Dense(width), layers.Dense(3)])
