"""A real training through Keras, against TensorFlow's own gradients and losses; its argument is a folder that has nothing but
models/mine.py."""

import os
import re
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from drillcore.artifacts.history import write_history
from drillcore.base.store import read
from drillcore.frameworks.keras import keras, tf
from stages.rig.base.parameters import load as load_parameters
from stages.rig.images import Facts, Split
from stages.rig.keras import pretrained
from stages.rig.keras.losses import cross_entropy
from stages.rig.keras.network import build, gives_logits, load
from stages.rig.keras.training import evaluate, replicate, train
from stages.rig.resolve import resolve
from stages.rig.training.batches import shuffled
from stages.rig.training.replicates import Rows
from stages.rig.training.resume import load as load_state
from stages.rig.training.scores import ClassScores
from tests.training import keras_tasks
from tests.training.cut_off import CutOff, cut_off_in

folder = Path(sys.argv[1])
training = {"batch_size": 16, "epochs": 3, "checkpoint_every": 2}
network = {"framework": "keras", "dataset": "cifar10", "convolutions": [4, 6], "dense": [8], "training": training}
parameters = {**load_parameters(Path("params.yaml")), "networks": {"small": network}, "similarity": {}, "plots": {}}
card = resolve(parameters, "small", lambda dataset: Facts((32, 32, 3)))

generator = np.random.default_rng(0)
images = generator.integers(0, 60, (80, 32, 32, 3), dtype=np.uint8)
labels = np.arange(80) % 2
images[labels == 0, :16] += 180
images[labels == 1, 16:] += 180
split = Split(images, labels.astype(np.int64), ["upper", "lower"], "a test")

twice = card.model_copy(update={"recorder": card.recorder.model_copy(update={"same_batch": 2})})
train(card, split, split, folder / "a")
train(twice, split, split, folder / "b")

with pytest.MonkeyPatch.context() as patch, pytest.raises(CutOff):
    cut_off_in(3, patch)
    train(twice, split, split, folder / "cut off")
train(twice, split, split, folder / "cut off", load_state(folder / "cut off"))

names = sorted(path.name for path in (folder / "a/checkpoints").iterdir())
assert names == ["epoch_000.keras", "epoch_002.keras", "epoch_003.keras"], names
rows = (folder / "a/history.csv").read_text().splitlines()
assert len(rows) == 4 and float(rows[-1].split(",")[4]) > 0.9, rows
for path in sorted((folder / "a").rglob("*")):
    if path.is_file() and path.parent.name != "tensorboard" and path.name != "resume.h5":
        one, other = (folder / name / path.relative_to(folder / "a") for name in ("b", "cut off"))
        assert one.read_bytes() == other.read_bytes(), path
        assert path.read_bytes() == one.read_bytes() or path.name == "gradients.h5", path
with read(folder / "a/gradients.h5") as plain, read(folder / "b/gradients.h5") as file:
    assert all((file["raw"][name][:] == plain["raw"][name][:]).all() for name in plain["raw"])
    assert file["same_batch/step"][:].tolist() == list(range(2, 16, 2))

rows = Rows("classification")
(folder / "again").mkdir()
replicate(card, split, split, folder / "again", rows)
assert (folder / "again/epoch_003.keras").read_bytes() == (folder / "a/checkpoints/epoch_003.keras").read_bytes()
write_history(folder / "again/history.csv", rows.rows)
assert (folder / "again/history.csv").read_bytes() == (folder / "a/history.csv").read_bytes()

with read(folder / "again/gradients.h5") as light, read(folder / "a/gradients.h5") as plain:
    assert sorted(light["raw"]) == ["counts", "epoch", "nonfinite", "step", "weight_change"] and "ema" not in light
    assert all(
        (light["raw"][name][:] == plain["raw"][name][:]).all() for name in ("counts", "epoch", "nonfinite", "step")
    )
    assert (light["loss"][:] == plain["loss"][:]).all()

fresh, first = build(card, 2), load(card, 2, folder / "a/checkpoints/epoch_000.keras")
for one, other in zip(fresh.get_weights(), first.get_weights(), strict=True):
    np.testing.assert_array_equal(one, other)
assert not first.compiled
config = zipfile.ZipFile(folder / "a/checkpoints/epoch_000.keras").read("config.json")
shared = {int(number) for number in re.findall(rb'"shared_object_id": (\d+)', config)}
assert shared == {1}, shared  # numbers, no addresses, which are others in every process

with read(folder / "a/gradients.h5") as file:
    assert list(file.attrs["tensors"])[:2] == ["conv1.kernel", "conv1.bias"]
    assert file["raw/step"][:].tolist() == list(range(2, 16))
    assert len(file["loss"]) == 15
    counted = file["raw/counts"][:].sum((2, 3, 4))
    np.testing.assert_array_equal(counted, np.broadcast_to(file.attrs["sizes"], counted.shape))
    assert file["raw/weight_change"][:].sum() > 0

# The gradient of the first step, against TensorFlow's own on the first batch: its bins are the first row's `before`.
batch, wanted = next(iter(shuffled(card, split)))
with tf.GradientTape() as tape:
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(wanted, fresh(batch, training=True)))
gradients = tape.gradient(loss, fresh.trainable_weights)
with read(folder / "a/gradients.h5") as file:
    edges, before = file.attrs["bin_edges"], file["raw/counts"][0].sum((2, 3))
    np.testing.assert_allclose(file["loss"][0], float(loss), rtol=1e-5)
for counts, gradient in zip(before, gradients, strict=True):
    bins = np.searchsorted([0, *edges], np.abs(np.asarray(gradient, np.float64)).ravel())
    expected = np.bincount(bins, minlength=len(counts))
    assert np.abs(counts.astype(int) - expected).sum() <= 0.02 * expected.sum() + 2

# Where a softmax stands, and whose it is, makes no difference: the outputs are probabilities.
layers, size = keras.layers, [32, 32, 3]


def ending(last, policy="float32"):
    seen = keras.Input(size)
    return keras.Model(seen, last(layers.Dense(2, dtype=policy)(layers.Flatten()(seen))))


soft = ending(layers.Softmax())
nested = keras.Sequential([layers.Dense(4), layers.Dense(2, activation="softmax")])
two = [layers.Dense(2, activation="softmax") for _ in range(2)]
probabilities = {
    "layer": soft,
    "activation": ending(layers.Dense(2, activation="softmax")),
    "TensorFlow's": ending(layers.Dense(2, activation=tf.nn.softmax)),
    "operation": ending(keras.ops.softmax),
    "nested": ending(nested),
    "reshaped": ending(lambda logits: layers.Reshape((2,))(layers.Softmax()(logits))),
    "averaged": ending(lambda features: layers.Average()([head(features) for head in two])),
    "half": ending(layers.Dense(2, activation="softmax", dtype="mixed_float16")),
    "brain": ending(layers.Dense(2, activation="softmax", dtype="mixed_bfloat16")),
}
assert not [name for name, model in probabilities.items() if gives_logits(model, size)]
raw = fresh, ending(layers.Activation("linear")), ending(layers.Activation("sigmoid")), ending(layers.ReLU(), "float16")
assert all(gives_logits(model, size) for model in raw)
any_size = keras.Sequential([keras.Input((None, None, 3)), layers.GlobalAveragePooling2D(), layers.Softmax()])
assert not gives_logits(any_size, size)
metrics = evaluate(soft, [(batch, wanted)], cross_entropy(False), ClassScores())
likelihoods = np.take_along_axis(np.asarray(soft(batch), np.float64), wanted[:, None], 1)
np.testing.assert_allclose(metrics["val_loss"], -np.log(likelihoods).mean(), rtol=1e-6)

fresh.trainable = False
with read(folder / "a/gradients.h5") as file:
    trained = dict(zip(file.attrs["tensors"], file.attrs["sizes"], strict=True))
assert pretrained.tensors(fresh) == trained  # frozen weights are weights too

# Another loss and schedule: the first step's loss by hand, and the rates that TensorBoard shows.
changes = {"loss": "mse", "schedule": "step", "optimizer": "sgd", "augmentation": ["flip"], "epochs": 1}
card = card.model_copy(update={"training": card.training.model_copy(update=changes)})
batch, wanted = next(iter(shuffled(card, split)))
train(card, split, split, folder / "c")
with read(folder / "c/gradients.h5") as file:
    np.testing.assert_allclose(file["loss"][0], np.mean((fresh(batch) - np.eye(2)[wanted]) ** 2), rtol=1e-5)
shown = EventAccumulator(str(folder / "c/tensorboard")).Reload().Scalars("step/learning_rate")
np.testing.assert_allclose([event.value for event in shown], [1e-3, 1e-3, 1e-3, 1e-4, 1e-5], rtol=1e-6)
assert "torch" not in sys.modules

os.chdir(folder)  # where models/ is
keras_tasks.check(folder / "tasks")
