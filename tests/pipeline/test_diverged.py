"""A training that diverges goes through every stage to its figures and the page."""

from importlib import import_module
from pathlib import Path

import h5py
import numpy as np
import pytest

from drillcore.artifacts.curvature import CurvatureFile
from drillcore.base.store import create, write
from stages.rig.base.parameters import dump
from stages.rig.page import make_page

NETWORK = {
    "framework": "torch",
    "dataset": "mnist",
    "layers": [8, [3, 6]],
    "training": {"optimizer": "sgd", "learning_rate": 1.0e30, "epochs": 2, "batch_size": 20},
}
PARAMS = {
    **{"data": "sample", "bottleneck": 8, "seed": 0, "threads": 1, "gpu": 0, "datasets": {"mnist": "data"}},
    "networks": {"diverged": NETWORK},
    "augment": {"count": 4},
    "similarity": {"permutations": 9},
    "tsne": {"samples": 40, "perplexity": 5.0, "iterations": 10, "neighbors": 5},
    "plots": {"dpi": 50},
}
STAGES = ["augment:mnist", *(f"{stage}:diverged" for stage in ("define", "train", "activations", "correlations"))]
STAGES += [
    f"{stage}:diverged" for stage in ("similarity", "gradients", "curvature", "geometry", "svd", "tsne", "plots")
]


@pytest.mark.slow
def test_a_diverged_training_has_figures_and_says_why_it_has_no_coordinates(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    Path("params.yaml").write_text(dump(PARAMS))
    random = np.random.default_rng(0)
    with create("data/mnist.h5") as file:
        for split in ("train", "test"):
            write(file, f"{split}/inputs", random.integers(0, 256, (40, 28, 28, 1), np.uint8))
            write(file, f"{split}/targets", np.arange(40) % 10)
        file.attrs.update(kind="images", task="classification", classes=list("0123456789"), source="sample: noise")
    for stage, name in (both.split(":") for both in STAGES):
        import_module(f"stages.{stage}").main(name)
    assert make_page()
    assert Path("reports/diverged/model_tsne_layers.png").exists()
    with h5py.File("artifacts/diverged/tsne.h5") as file:
        output = file["output"]
        assert np.isnan(output["embedding"]).all()
        assert np.isnan(output["pca"]).all()
        assert output.attrs["status"] == "none: the layer's outputs are not finite"
    with CurvatureFile("artifacts/diverged/curvature.h5") as file:
        assert file.statuses[1:] == ["the loss or its gradient is not finite"] * 2
        assert np.isnan(file.array("largest")[1:]).all()
