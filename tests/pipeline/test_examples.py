"""Every example runs as its README says, on few samples and for one epoch."""

import shutil
from importlib import import_module
from pathlib import Path

import pytest

from drillcore.artifacts.history import History
from stages.rig.base.parameters import dump, load
from tests.small_project import ROOT, small

EXAMPLES = {"diabetes": [], "digits_transformer": [], "characters": [], "autoencoder": ["digits_transformer/digits.py"]}
STAGES = (
    "define",
    "train",
    "activations",
    "correlations",
    "similarity",
    "svd",
    "tsne",
    "geometry",
    "gradients",
    "curvature",
    "plots",
)
TASKS = {"diabetes": "regression", "characters": "next_token", "autoencoder": "reconstruction"}


@pytest.mark.soak
@pytest.mark.parametrize(("name", "others"), EXAMPLES.items())
def test_an_example_runs_from_its_data_to_its_figures(name, others, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("models").mkdir()
    for file in [*(ROOT / "examples" / name).glob("*.py"), *(ROOT / "examples" / other for other in others)]:
        shutil.copy(file, "models")
    parameters, example = small(load(ROOT / "params.yaml")), load(ROOT / f"examples/{name}/params.yaml")
    parameters["similarity"]["pairs"], parameters["plots"]["widths"] = [], {}
    parameters.pop("replays", None)
    parameters |= {"datasets": example["datasets"], "networks": example["networks"]}
    ((dataset, _),), ((network, settings),) = example["datasets"].items(), example["networks"].items()
    settings["training"] |= {"epochs": 1, "checkpoint_every": 1}
    Path("params.yaml").write_text(dump(parameters))
    for stage, subject in [("download", dataset), ("augment", dataset), *((stage, network) for stage in STAGES)]:
        import_module(f"stages.{stage}").main(subject)
    history = History(Path("artifacts", network, History.FILE))
    assert history.task is not None and len(history["val_loss"]) == 1
    assert load(Path("artifacts", network, "network.yaml")).get("task") == TASKS.get(name)
    assert {"training_curves.png", "model_tsne_layers.png"} <= {
        path.name for path in Path("reports", network).iterdir()
    }


def test_every_example_is_here():
    assert {path.parent.name for path in (ROOT / "examples").glob("*/README.md")} == set(EXAMPLES)
