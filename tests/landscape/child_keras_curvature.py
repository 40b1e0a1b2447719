"""python -m tests.landscape.child_keras_curvature FILE : the curvature of a Keras network and its weights, into FILE.npz."""

import sys

import numpy as np

import drillcore
from drillcore.frameworks.keras import keras, layers, tf

keras.utils.set_random_seed(0)
model = keras.Sequential(
    [
        keras.Input((6, 6, 1)),
        layers.Conv2D(3, 3, activation="relu", padding="same", name="conv"),
        layers.BatchNormalization(name="norm"),
        layers.MaxPooling2D(),
        layers.GlobalAveragePooling2D(),
        layers.Dropout(0.5),
        layers.Dense(4, activation="tanh", name="hidden"),
        layers.Dense(3, name="output"),
    ]
)
random = np.random.default_rng(0)
images, labels = random.random((10, 6, 6, 1), np.float32), np.arange(10) % 3
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
before = [weight.copy() for weight in model.get_weights()]
found = drillcore.curvature(model, loss, tf.constant(images), tf.constant(labels), 3, 100, entries=6)
for one, other in zip(before, model.get_weights(), strict=True):
    np.testing.assert_array_equal(one, other)
weights = {weight.path.replace("/", "."): np.asarray(weight) for weight in model.trainable_variables}
np.savez(
    sys.argv[1],
    images=images,
    labels=labels,
    eigenvalues=[*found.largest, found.smallest],
    scalars=[found.loss, found.gradient_norm, found.trace.value, found.noise.variance, found.noise.signal],
    **{f"weight {name}": value for name, value in weights.items()},
    **{f"diagonal {name}": value for name, value in found.diagonal.items()},
    **{f"entries {name}": value for name, value in found.entries.items()},
)
