"""A folder with a tiny data set, and networks of it that are trained there: what replays start from."""

import h5py
import numpy as np

from stages import train
from stages.rig.base.parameters import dump, load
from stages.rig.card import write_card
from stages.rig.resolve import resolve
from tests.conftest import SHAPES
from tests.processes import run
from tests.small_project import ROOT

SAMPLES, BATCH, EPOCHS = 84, 16, 3
STEPS = 6  # of an epoch: the last batch has four images
TRAINING = {
    "batch_size": BATCH,
    "epochs": EPOCHS,
    "keep_states": [0, 2],
    "schedule": "cosine",
    "augmentation": ["crop"],
}
NETWORKS = {
    "adam": {"framework": "torch", "layers": [12, [3, 8]], "batch_norm": True, "recorder": {"same_batch": 2}},
    "sgd": {"framework": "torch", "layers": [8], "training": {"optimizer": "sgd", "learning_rate": 0.05}},
    "dropping-torch": {"build": "dropping.py:torch_net", "recorder": {"same_batch": 2}},
    "dropping-keras": {"build": "dropping.py:keras_net", "recorder": {"same_batch": 2}},
    "resnet": {"build": "torchvision:resnet18", "input": [32, 32, 3]},
    "keras": {"framework": "keras", "convolutions": [4], "dense": [6], "recorder": {"same_batch": 2}},
}


def prepare(folder, networks):
    """Fill `folder`, the current one, with images of two classes, params.yaml, and the cards of those of NETWORKS."""
    parameters, generator = load(ROOT / "params.yaml"), np.random.default_rng(0)
    images = generator.integers(0, 60, (SAMPLES + 20, 28, 28, 1), dtype=np.uint8)
    labels = np.arange(len(images)) % 2
    images[labels == 0, :14] += 150
    (folder / "data").mkdir()
    with h5py.File(folder / "data/mnist.h5", "w") as file:
        for split, rows in (("train", slice(0, SAMPLES)), ("test", slice(SAMPLES, None))):
            file[f"{split}/inputs"], file[f"{split}/targets"] = images[rows], labels[rows]
        file.attrs.update(
            classes=["upper", "lower"], source="a test", name="mnist", kind="images", task="classification"
        )
    described = {
        name: {
            "device": "cpu",
            **NETWORKS[name],
            "dataset": "mnist",
            "training": {**TRAINING, **NETWORKS[name].get("training", {})},
        }
        for name in networks
    }
    parameters |= {"networks": described, "similarity": {}, "plots": {}, "threads": 1}
    (folder / "params.yaml").write_text(dump(parameters))
    for name in networks:
        if "build" in NETWORKS[name]:
            result = run("stages.define", name, folder=folder)  # elsewhere: TensorFlow takes its threads once
            assert result.returncode == 0, result.stderr
        else:
            write_card(folder / "artifacts" / name / "network.yaml", resolve(parameters, name, SHAPES.get))


def trained(networks):
    """Train `networks`, in the current folder."""
    for name in networks:
        train.main(name)
