"""Networks that come trained: whatever the file, its weights and nothing else."""

import pickle
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from stages.define.own import see
from stages.shared.base.command import InputError
from stages.shared.base.store import read
from stages.shared.images import Split
from stages.shared.torch_network import build
from stages.shared.torch_network import load as load_stored
from stages.train import torch_given
from stages.train.given import store_given
from tests.conftest import MINE, own


@pytest.fixture
def weights(models):
    """A trained network's weights: of the same network, drawn from another seed."""
    return build(own(seed=7), 3).state_dict()


def as_parallel(weights):
    return {f"module.{name}": tensor for name, tensor in weights.items()}


FORMATS = {
    "plain.pth": torch.save,
    "parallel.pt": lambda weights, path: torch.save(as_parallel(weights), path),
    "compiled.pth": lambda weights, path: torch.save({f"_orig_mod.{k}": v for k, v in weights.items()}, path),
    "both.pth": lambda weights, path: torch.save({f"_orig_mod.module.{k}": v for k, v in weights.items()}, path),
    "script.pth": lambda weights, path: torch.save({"epoch": 3, "state_dict": as_parallel(weights)}, path),
    "loop.pth": lambda weights, path: torch.save({"model_state_dict": weights, "loss": 0.3}, path),
    "tensors.safetensors": lambda weights, path: save_file(weights, path),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_weights(name, weights, models):
    FORMATS[name](weights, models / name)
    loaded = torch_given.load(own(checkpoint=name, device="cpu"), 3, models / name).state_dict()
    assert all(torch.equal(loaded[key], weights[key]) for key in weights)


MORE = """
import torch

def parallel():
    return nn.DataParallel(make())

def compiled():
    return torch.compile(make(), backend="eager")

def frozen():
    return make().requires_grad_(False)
"""


@pytest.fixture
def more(weights, models):
    """What else models/mine.py may build of the network."""
    sys.modules.pop("models/mine.py")
    (models / "mine.py").write_text(MINE + MORE)


@pytest.mark.usefixtures("more")
@pytest.mark.parametrize("function", ["parallel", "compiled"])
@pytest.mark.parametrize("wrapped", [True, False])
def test_a_model_that_is_itself_wrapped_takes_its_own_weights_and_the_bare_model_s(function, wrapped, weights, models):
    card = own(build=f"mine.py:{function}", checkpoint="a.pth", device="cpu")
    names = build(card, 3).state_dict() if wrapped else weights
    torch.save(dict(zip(names, weights.values(), strict=True)), models / "a.pth")
    loaded = torch_given.load(card, 3, models / "a.pth").state_dict()
    assert all(torch.equal(*pair) for pair in zip(loaded.values(), weights.values(), strict=True))
    assert loaded.keys() != weights.keys()


class Hostile:
    def __reduce__(self):
        return exec, ("open('harmed', 'w')",)


@pytest.mark.parametrize(
    ("write", "named"),
    [
        (lambda weights, path: torch.save({k: v for k, v in weights.items() if k != "3.bias"}, path), "3.bias"),
        (
            lambda weights, path: torch.save({**weights, "3.weight": torch.zeros(3, 9)}, path),
            "size mismatch for 3.weight",
        ),
        (lambda weights, path: path.write_bytes(b"no checkpoint at all"), "cannot take its weights"),
        (lambda weights, path: path.write_bytes(pickle.dumps(Hostile())), "cannot take its weights"),
        (
            lambda weights, path: torch.save({"model": Hostile()}, path),
            "holds more than tensors, or is damaged. Save the",
        ),
        (lambda weights, path: torch.save([1, 2], path), "cannot take its weights"),
    ],
)
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_what_does_not_fit_is_one_sentence_and_nothing_is_run(write, named, weights, models):
    write(weights, models / "bad.pth")
    with pytest.raises(InputError) as failure:
        torch_given.load(own(checkpoint="bad.pth", device="cpu"), 3, models / "bad.pth")
    assert named in str(failure.value)
    assert "models/bad.pth" in str(failure.value)
    assert "\n" not in str(failure.value)
    assert not (models.parent / "harmed").exists()


@pytest.mark.usefixtures("more")
def test_what_is_stored_is_a_training_without_its_gradients(weights, models, tmp_path, capsys):
    (models / "run").mkdir()
    for epoch in (5, 10):
        torch.save({name: tensor * epoch for name, tensor in weights.items()}, models / f"run/net_{epoch}.pth")
    card = see(own(build="mine.py:frozen", checkpoints="run/net_*.pth"), 3, "blocks")
    images = np.random.default_rng(0).integers(0, 256, (30, 8, 8, 1), dtype=np.uint8)
    store_given(torch_given, card, Split(images, np.arange(30) % 3, ["a", "b", "c"], "a test"), tmp_path / "out")

    assert sorted(path.name for path in (tmp_path / "out/checkpoints").iterdir()) == ["epoch_005.pth", "epoch_010.pth"]
    stored = load_stored(card, 3, tmp_path / "out/checkpoints/epoch_010.pth").state_dict()
    assert all(torch.equal(stored[name], weights[name] * 10) for name in weights)

    heading, *rows = (tmp_path / "out/history.csv").read_text().splitlines()
    assert [row.split(",")[:3] for row in rows] == [["5", "", ""], ["10", "", ""]]
    with torch.no_grad():
        logits = build(card, 3).eval()
        logits.load_state_dict(stored)
        answers = logits(torch.from_numpy(images / np.float32(255)).permute(0, 3, 1, 2)).argmax(1).numpy()
    accuracy = float(rows[1].split(",")[heading.split(",").index("val_accuracy")])
    assert accuracy == np.mean(answers == np.arange(30) % 3)

    with read(tmp_path / "out/gradients.h5") as file:
        assert list(file.attrs["tensors"]) == ["0.0.weight", "0.0.bias", "3.weight", "3.bias"]
        assert (len(file["loss"]), len(file["raw/counts"]), "snapshots" in file) == (0, 0, False)
    assert "epoch 5/10: validation loss" in capsys.readouterr().err
