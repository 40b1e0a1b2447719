import keras
from keras import layers
from parts.augmentation import augmentation

SIZE = (8, 8, 3)


def ending(*more):
    return keras.Sequential([keras.Input(SIZE), *more, layers.Flatten(), layers.Dense(3)])


def lazy():
    return keras.Sequential([layers.Flatten(), layers.Dense(5), layers.Dense(3)])


def lazy_of_vectors():
    return keras.Sequential([layers.LSTM(5), layers.Dense(3)])


base = keras.Sequential([layers.Dense(4)])
unused = layers.Dense(4)


def made_outside():
    return ending(augmentation, layers.Dense(2), base)


def of_bytes():
    return keras.Sequential(
        [keras.Input(SIZE, dtype="uint8"), layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(3)]
    )


class Silent(layers.Layer):
    def __init__(self, function):
        super().__init__(name="silent")
        self.function = function

    def call(self, images):
        return self.function(images)


def unsaved():
    return ending(Silent(lambda images: images * 2))


def twice(trainable=True):
    inputs = [keras.Input(SIZE) for _ in range(2)]
    blocks = [keras.Model(images, layers.Dense(3, name="fc")(images)) for images in inputs]
    whole = ending(*blocks)
    for block in blocks:
        block.trainable = trainable
    return whole


def of_type(dtype):
    return ending(layers.Dense(4, name="deep", dtype=dtype))


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.flatten, self.head = layers.Flatten(), layers.Dense(3)

    def call(self, images):
        return self.head(self.flatten(images))


def two_inputs(parts=2):
    """Takes the features of a sample in parts, and returns two arrays."""
    inputs = [keras.Input((3 + part,), name=f"input{part}") for part in range(parts)]
    both = layers.Concatenate(name="both")(
        [layers.Dense(4, name=f"part{number}")(one) for number, one in enumerate(inputs)]
    )
    return keras.Model(inputs, [layers.Dense(3, name="head")(both), both], name="two")
