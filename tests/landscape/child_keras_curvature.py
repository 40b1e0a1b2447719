"""python -m tests.landscape.child_keras_curvature FILE : the curvature of a Keras network and its weights, into FILE.npz.

Before that its layers are put back to other weights one by one.
"""

import sys

import numpy as np

import drillcore
from drillcore import frameworks
from drillcore.frameworks import framework_of
from drillcore.frameworks.keras import keras, layers, tf
from drillcore.landscape.rewinding import scorer

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
surface = framework_of(model).surface(model, loss)
trained = model.get_weights()
epochs = {0: [weight + 0.5 * random.random(weight.shape, np.float32) for weight in trained], 3: trained}
score = scorer(surface, [(images[:6], labels[:6]), (images[6:], labels[6:])])
named = ["conv", "norm", "max_pooling2d", "hidden", "output"]
rewound = drillcore.rewind(model, named, list(epochs), lambda epoch: model.set_weights(epochs[epoch]), score)
assert rewound.layers == ["conv", "norm", "hidden", "output"]
owners = [weight.path.split("/")[-2] for weight in model.weights]
for row, layer in enumerate(rewound.layers):
    mixed = [epochs[0 if owner == layer else 3][number] for number, owner in enumerate(owners)]
    model.set_weights(mixed)
    outputs = model(images, training=False)
    np.testing.assert_allclose(rewound.scores["loss"][row, 0], float(loss(labels, outputs)), rtol=1e-5)
    np.testing.assert_allclose(rewound.scores["accuracy"][row, 0], np.mean(np.argmax(outputs, 1) == labels))
model.set_weights(trained)
before = [weight.copy() for weight in model.get_weights()]
found = drillcore.curvature(model, loss, tf.constant(images), tf.constant(labels), 3, 100, entries=6)
for one, other in zip(before, model.get_weights(), strict=True):
    np.testing.assert_array_equal(one, other)
surface = framework_of(model).surface(model, loss)
whole = surface.hessian(images, labels)
vector, entries = random.standard_normal(len(surface.position())), [np.arange(2)] * len(surface.shapes)
frameworks.keras.GRAPH_BYTES = 4 * frameworks.keras.sample_bytes(whole.graph)
parts = surface.hessian(images, labels)
assert [len(whole.parts), len(parts.parts)] == [1, 3]
np.testing.assert_allclose(parts.product(vector), whole.product(vector), rtol=1e-4, atol=1e-5)
for one, other in zip(parts.diagonal(entries), whole.diagonal(entries), strict=True):
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
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
