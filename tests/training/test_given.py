"""Networks that come trained: whatever the file, its weights and nothing else."""

import json
import os
import pickle
import re
import shutil
from argparse import Namespace
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file, save_model
from torch import nn
from torch.optim.swa_utils import AveragedModel

from drillcore.base.errors import InputError
from drillcore.base.store import read
from stages.rig.images import Split
from stages.rig.inspection import see
from stages.rig.pretrained import shards
from stages.rig.torch import pretrained
from stages.rig.torch.network import build
from stages.rig.torch.network import load as load_stored
from stages.rig.torch.weights import load_weights, take_weights
from stages.rig.training.pretrained import store_pretrained
from tests.conftest import MODELS, own


@pytest.fixture
def weights(models):
    """A trained network's weights: of the same network, drawn from another seed."""
    return build(own(seed=7), 3).state_dict()


def below(prefix, weights):
    """The state_dict `weights` of a module that is the attribute `prefix` of another."""
    return {f"{prefix}.{name}": tensor for name, tensor in weights.items()}


class Settings:
    """Of a training script: code of its own, which no reader of weights may run."""

    def __reduce__(self):
        return alarm, ()


def alarm():
    pytest.exit("code in a checkpoint was run")


BESIDE = {
    "epoch": 3,
    "best": np.float32(0.9),
    "losses": np.arange(3.0),
    "args": Namespace(lr=np.float64(0.1), betas=(0.9, 0.99), root=Path("data")),
    "settings": Settings(),
    "types": {int, Settings},
}
"""What training scripts keep beside the weights."""


def averaged(weights):
    model = AveragedModel(build(own(), 3))
    model.module.load_state_dict(weights)
    return model.state_dict()


FORMATS = {
    "plain.pth": lambda weights: weights,
    "parallel.pt": lambda weights: below("module", weights),
    "compiled.pth": lambda weights: below("_orig_mod", weights),
    "both.pth": lambda weights: below("_orig_mod.module", weights),
    "compiled_block.pth": lambda weights: {name.replace("0.0", "0._orig_mod.0"): weights[name] for name in weights},
    "script.pth": lambda weights: {"epoch": 3, "state_dict": below("module", weights)},
    "loop.pth": lambda weights: {"model_state_dict": weights, "loss": 0.3},
    "ema.pth": lambda weights: {"ema": weights},
    "weights.pth": lambda weights: {"weights": weights},
    "nested.pth": lambda weights: {"state": {"net": weights}},
    "net.pth": lambda weights: below("net", weights),
    "backbone.pth": lambda weights: below("backbone", weights),
    "lightning.ckpt": lambda weights: {
        "state_dict": {**below("model", weights), "loss.weight": torch.ones(3)},
        **BESIDE,
    },
    "beside.pth": lambda weights: {"model": weights, **BESIDE},
    "averaged.pth": averaged,
    "optimizer.pth": lambda weights: {"optimizer": {"state": {0: {"exp_avg": weights["3.bias"]}}}, "net": weights},
}


def assert_loaded(path, weights, card=None):
    loaded = pretrained.load(card or own(checkpoint=path.name, device="cpu"), 3, path).state_dict()
    assert all(torch.equal(loaded[key], weights[key]) for key in weights)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("zipped", [True, False])  # as PyTorch saves since 1.6, and as before
def test_every_format_gives_the_weights(name, zipped, weights, models):
    torch.save(FORMATS[name](weights), models / name, _use_new_zipfile_serialization=zipped)
    assert_loaded(models / name, weights)


def test_safetensors_give_the_weights(weights, models):
    save_file(below("model", weights), models / "tensors.safetensors")
    assert_loaded(models / "tensors.safetensors", weights)


@pytest.fixture
def index(weights, models):
    """The index of the `weights` in two shards, as save_pretrained writes them."""
    (models / "run").mkdir()
    places = {name: f"model-{number % 2 + 1:05d}-of-00002.safetensors" for number, name in enumerate(weights)}
    for shard in {*places.values()}:
        save_file({name: weights[name] for name in places if places[name] == shard}, models / "run" / shard)
    path = models / "run/model.safetensors.index.json"
    path.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": places}))
    return path


def test_shards_give_the_weights_and_a_change_to_any_is_seen(index, weights):
    card = own(checkpoint="run", device="cpu")
    assert_loaded(index, weights, card)
    assert {*see(card, 3, "blocks").files} >= {f"run/{file.name}" for file in index.parent.iterdir()}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[]", "is no index of shards"),
        ('{"weight_map": {"3.bias": 3}}', "is no index of shards"),
        ('{"weight_map": {"3.bias": "model-3.safetensors"}}', "names model-3.safetensors, but there is no such file"),
        ('{"weight_map": {"3.bias": "../mine.py"}}', "names ../mine.py, but there is no such file beside it"),
    ],
)
def test_an_index_that_names_no_shards_beside_it_is_refused(index, content, said):
    index.write_text(content)
    with pytest.raises(InputError, match=re.escape(said)):
        shards(index)


def test_an_averaged_model_takes_the_bare_model_s_weights(weights, models):
    torch.save(weights, models / "a.pth")
    model = AveragedModel(build(own(), 3))
    take_weights(model, own(), 3, models / "a.pth")
    assert all(torch.equal(tensor, weights[name]) for name, tensor in model.module.state_dict().items())


def zeros(weights):
    return {name: torch.zeros_like(tensor) for name, tensor in weights.items()}


@pytest.mark.parametrize(
    "content",
    [
        lambda weights: {"model_ema": zeros(weights), "model": weights},
        lambda weights: {"state_dict": {**below("net", weights), **below("swa_net", zeros(weights))}},
    ],
)
def test_trained_weights_go_before_averages_of_them_and_a_line_says_so(content, weights, models, capsys):
    torch.save(content(weights), models / "a.pth")
    assert_loaded(models / "a.pth", weights)
    assert "the latter is taken" in capsys.readouterr().err


def test_what_lies_beside_the_network_in_a_file_is_named(weights, models, capsys):
    torch.save({**below("net", weights), "normalize.mean": torch.ones(3)}, models / "a.pth")
    assert_loaded(models / "a.pth", weights)
    assert "the weights are those of net.*; normalize.mean beside them is left out" in capsys.readouterr().err


def test_weights_that_are_named_are_taken_and_others_refused(weights, models):
    torch.save({"model": zeros(weights), "ema_state_dict": below("module", weights)}, models / "a.pth")
    assert_loaded(models / "a.pth", weights, own(checkpoint="a.pth", weights="ema", device="cpu"))
    with pytest.raises(
        InputError, match=r"it holds weights in model/\*, ema_state_dict/module\.\*, of which none is 'swa'"
    ):
        assert_loaded(models / "a.pth", weights, own(checkpoint="a.pth", weights="swa", device="cpu"))


@pytest.mark.parametrize("prefix", [None, "net", "module.net", "module"])
def test_a_network_within_a_wrapper_takes_the_weights_of_either(prefix, weights, models):
    wrapped = nn.ModuleDict({"net": build(own(), 3)})
    torch.save({"state_dict": below(prefix, weights) if prefix else weights}, models / "a.pth")
    load_weights(wrapped, models / "a.pth")
    assert all(torch.equal(tensor, weights[name]) for name, tensor in wrapped["net"].state_dict().items())


def test_buffers_that_a_later_version_computes_are_left_out(tmp_path):
    class Masked(nn.Linear):
        def __init__(self):
            super().__init__(3, 3)
            self.register_buffer("mask", torch.zeros(3), persistent=False)
            self._keys_to_ignore_on_load_unexpected = ["attn.masked"]

    trained, model, path = Masked().state_dict(), Masked(), tmp_path / "a.pth"
    torch.save({**trained, "mask": torch.ones(3), "position_ids": torch.arange(3), "attn.masked": torch.ones(3)}, path)
    load_weights(model, path)
    assert torch.equal(model.weight, trained["weight"]) and not model.mask.any()
    torch.save({**trained, "other": torch.ones(3)}, path)
    with pytest.raises(RuntimeError, match="Unexpected"):
        load_weights(model, path)


def test_two_networks_of_one_file_are_refused_unless_they_are_the_same(weights, models):
    torch.save({"student": weights, "teacher": zeros(weights)}, models / "a.pth")
    with pytest.raises(InputError, match=r"fit in several places, student/\*, teacher/\*; leave one of them"):
        assert_loaded(models / "a.pth", weights)
    torch.save({"state_dict": {**below("model", weights), **below("net", weights)}}, models / "b.pth")
    assert_loaded(models / "b.pth", weights)


def test_weights_keep_the_versions_of_their_modules(models):
    """Before its version 2 a batch norm had no count of batches, which is then taken for 0."""
    model = nn.ModuleDict({"net": nn.BatchNorm1d(3)})
    state = model.state_dict()
    del state["net.num_batches_tracked"]
    torch.save({"state": state}, models / "a.pth")
    with pytest.raises(InputError, match=r"Missing key.*num_batches_tracked"):
        take_weights(nn.BatchNorm1d(3), own(), 3, models / "a.pth")
    state._metadata.clear()
    torch.save({"state": state}, models / "a.pth")
    take_weights(nn.BatchNorm1d(3), own(), 3, models / "a.pth")


def test_one_changed_bit_of_a_weight_is_noticed(weights, models):
    torch.save(weights, models / "a.pth")
    content = bytearray((models / "a.pth").read_bytes())
    content[content.index(weights["3.bias"].numpy().tobytes())] ^= 1
    (models / "a.pth").write_bytes(content)
    with pytest.raises(InputError, match="its checksums are wrong"):
        take_weights(build(own(), 3), own(), 3, models / "a.pth")


@pytest.mark.soak
def test_a_random_flip_or_cut_is_refused_or_without_effect(weights, models):
    random, path = np.random.default_rng(0), models / "a.pth"
    torch.save({"state_dict": below("model", weights), **BESIDE}, path)
    whole, untrained = path.read_bytes(), build(own(), 3)
    for _ in range(3000):
        content, place = bytearray(whole), random.integers(len(whole))
        content[place] ^= 1 << random.integers(8)
        path.write_bytes(content[: place if random.random() < 0.2 else len(whole)])
        model = deepcopy(untrained)
        try:
            take_weights(model, own(), 3, path)
        except InputError as failure:
            assert "\n" not in str(failure)
            continue
        assert all(torch.equal(tensor, weights[name]) for name, tensor in model.state_dict().items())


class Tied(nn.Module):
    """Its `decode` is its `encode`, one tensor with two names."""

    def __init__(self):
        super().__init__()
        self.encode, self.decode = nn.Linear(3, 3), nn.Linear(3, 3, bias=False)
        self.decode.weight = self.encode.weight


def test_tied_weights_may_be_stored_once_and_must_not_differ(models):
    trained, path = Tied(), models / "a.safetensors"
    save_model(trained, path)
    with safe_open(path, "pt") as file:
        assert len(file.keys()) == 2  # of three
    for names in (["encode.weight", "encode.bias"], ["decode.weight", "encode.bias"], list(trained.state_dict())):
        model, kept = Tied(), {name: trained.state_dict()[name].clone() for name in names}
        save_file(kept, models / "b.safetensors")
        for file in (path, models / "b.safetensors"):
            take_weights(model, own(), 3, file)
            assert model.encode.weight is model.decode.weight
            assert torch.equal(model.decode.weight, trained.decode.weight)
    save_file({**kept, "decode.weight": kept["decode.weight"] + 1}, path)
    with pytest.raises(InputError, match=r"other values for decode\.weight than for encode\.weight"):
        take_weights(Tied(), own(), 3, path)


@pytest.fixture
def more(weights, models):
    """Adds models/wrapped.py, which builds the network wrapped or frozen."""
    shutil.copy(MODELS / "wrapped.py", models)


@pytest.mark.usefixtures("more")
@pytest.mark.parametrize("function", ["parallel", "compiled"])
@pytest.mark.parametrize("wrapped", [True, False])
def test_a_model_that_is_itself_wrapped_takes_its_own_weights_and_the_bare_model_s(function, wrapped, weights, models):
    card = own(build=f"wrapped.py:{function}", checkpoint="a.pth", device="cpu")
    names = build(card, 3).state_dict() if wrapped else weights
    torch.save(dict(zip(names, weights.values(), strict=True)), models / "a.pth")
    loaded = pretrained.load(card, 3, models / "a.pth").state_dict()
    assert all(torch.equal(*pair) for pair in zip(loaded.values(), weights.values(), strict=True))
    assert loaded.keys() != weights.keys()


class Hostile:
    def __reduce__(self):
        return exec, ("open('harmed', 'w')",)


class System:
    def __reduce__(self):
        return os.system, ("touch harmed",)


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
            lambda weights, path: torch.save({**weights, "4.weight": torch.zeros(3, 9)}, path),
            'Unexpected key(s) in state_dict: "4.weight"',
        ),
        (
            lambda weights, path: torch.save({"model": Hostile()}, path),
            "it holds 'model', and no tensor by a name such",
        ),
        (
            lambda weights, path: torch.save({"model": System()}, path),
            "holds more than tensors, or is damaged. Save the",
        ),
        (
            lambda weights, path: torch.save(nn.Linear(3, 3), path),
            "it holds one Linear, and no tensor by a name such as",
        ),
        (lambda weights, path: torch.save([1, 2], path), "cannot take its weights"),
    ],
)
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_what_does_not_fit_is_one_sentence_and_nothing_is_run(write, named, weights, models):
    write(weights, models / "bad.pth")
    with pytest.raises(InputError) as failure:
        pretrained.load(own(checkpoint="bad.pth", device="cpu"), 3, models / "bad.pth")
    assert named in str(failure.value)
    assert "models/bad.pth" in str(failure.value)
    assert "\n" not in str(failure.value)
    assert not (models.parent / "harmed").exists()


@pytest.mark.usefixtures("more")
def test_what_is_stored_is_a_training_without_its_gradients(weights, models, tmp_path, capsys):
    (models / "run").mkdir()
    for epoch in (5, 10):
        torch.save({name: tensor * epoch for name, tensor in weights.items()}, models / f"run/net_{epoch}.pth")
    card = see(own(build="wrapped.py:frozen", checkpoints="run/net_*.pth"), 3, "blocks")
    images = np.random.default_rng(0).integers(0, 256, (30, 8, 8, 1), dtype=np.uint8)
    store_pretrained(pretrained, card, Split(images, np.arange(30) % 3, ["a", "b", "c"], "a test"), tmp_path / "out")

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
