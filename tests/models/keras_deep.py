import keras
from keras import layers


def make(depth=2, width=4):
    images = features = keras.Input((8, 8, 1))
    for _ in range(depth):
        features = layers.BatchNormalization()(layers.Conv2D(width, 3, padding="same")(features))
    features = layers.Dropout(0.5)(layers.RandomFlip()(layers.GlobalAveragePooling2D()(features)[:, None, None]))
    return keras.Model(images, layers.Dense(3)(layers.Flatten()(features)))
