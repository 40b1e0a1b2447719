"""Keras trains for numbers, next tokens and inputs, and scores them as NumPy does."""

import numpy as np
from scipy.special import log_softmax

from drillcore.artifacts.history import History
from stages.rig.base.parameters import load as load_parameters
from stages.rig.images import Facts, Split, seen
from stages.rig.inspection import see
from stages.rig.keras.network import load
from stages.rig.keras.training import train
from stages.rig.resolve import resolve
from tests.processes import ROOT

random = np.random.default_rng(0)
training = {"batch_size": 16, "epochs": 1, "optimizer": "sgd"}
table, images = random.normal(size=(40, 10)).astype(np.float32), random.integers(0, 256, (40, 8, 8, 1), np.uint8)
text = random.integers(0, 128, (40, 17)).astype(np.int32)
scale = {"mean": [50.0], "std": [20.0]}
tasks = {
    "numbers": (Facts((10,), "features", "regression"), table, 50 + 20 * table[:, :1], 1, {"normalize_targets": scale}),
    "characters": (Facts((16,), "tokens", "next_token", 128), text[:, :-1], text[:, 1:], 128, {}),
    "again": (Facts((8, 8, 1), "images", "reconstruction"), images, np.zeros(40, np.int64), 64, {}),
}


def r2(outputs, targets):
    """The share of the targets' variance that the outputs explain."""
    outputs, targets = outputs.reshape(40, -1).astype(float), targets.reshape(40, -1).astype(float)
    return 1 - ((outputs - targets) ** 2).sum() / ((targets - targets.mean(0)) ** 2).sum()


def check(folder):
    """Train the networks of models/mine.py in the empty `folder`."""
    for name, (facts, inputs, targets, outputs, more) in tasks.items():
        network = {"build": f"mine.py:{name}", "dataset": "mnist", "training": training, **more}
        parameters = {
            **load_parameters(ROOT / "params.yaml"),
            "networks": {name: network},
            "similarity": {},
            "plots": {},
        }
        card = see(resolve(parameters, name, lambda dataset, facts=facts: facts), outputs, "all")
        split = Split(inputs, targets, [], "a test")
        train(card, split, split, folder / name)
        model = load(card, outputs, folder / name / "checkpoints/epoch_001.keras")
        shown, wanted = seen(card, inputs, targets)
        found, history = np.asarray(model(shown, training=False)), History(folder / name / History.FILE)
        match name:
            case "characters":
                right = np.take_along_axis(log_softmax(found.astype(float), -1), wanted[..., None], -1)
                expected = {
                    "val_perplexity": np.exp(-right.mean()),
                    "val_accuracy": (found.argmax(-1) == wanted).mean(),
                }
            case "numbers":
                expected = {"val_r2": r2(found, wanted), "val_mae": 20 * np.abs(found - wanted).mean()}
            case "again":
                expected = {"val_r2": r2(found, wanted), "val_loss": np.square(found - wanted).mean()}
        for score, value in expected.items():
            np.testing.assert_allclose(history[score][-1], value, rtol=1e-5, err_msg=f"{name} {score}")
        assert np.isfinite(history[f"train_{history.task.score}"]).all(), name
