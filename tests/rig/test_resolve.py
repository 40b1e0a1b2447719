import subprocess
import sys
from pathlib import Path

import pytest

from drillcore.base.errors import InputError
from stages.rig.base.parameters import dump
from stages.rig.card import read_card, select_layers, write_card
from stages.rig.resolve import resolve
from tests.conftest import SHAPES

ROOT = Path(__file__).resolve().parents[2]


def changed(parameters, path, value):
    """`parameters` with the value at the dotted `path` replaced (or added)."""
    *parents, last = path.split(".")
    mapping = parameters
    for key in parents:
        mapping = mapping[key]
    mapping[last] = value
    return parameters


def test_every_network_of_the_project_resolves_and_reads_back(parameters, tmp_path):
    for name in parameters["networks"]:
        card = resolve(parameters, name, SHAPES.get)
        write_card(tmp_path / "network.yaml", card)
        assert read_card(tmp_path / "network.yaml") == card.model_copy(update={"title": None})
        assert card.name == name


def test_the_bottleneck_changes_one_card_alone(parameters):
    before = {name: resolve(parameters, name, SHAPES.get) for name in parameters["networks"]}
    parameters["bottleneck"] = 2
    after = {name: resolve(parameters, name, SHAPES.get) for name in parameters["networks"]}
    assert [name for name in before if before[name] != after[name]] == ["squeeze"]
    assert after["squeeze"].layers == [1024, [2, 512], [2, 256]]


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("bottleneck", 0, "bottleneck is 0"),
        ("bottleneck", "wide", "bottleneck is 'wide'"),
        ("seed", -1, "seed is -1"),
        ("threads", 0, "threads is 0"),
        ("gpu", -1, "gpu is -1"),
        ("botleneck", 3, "botleneck is not a parameter"),
        ("data", 7, "data is 7"),
        ("networks", [], "networks is []"),
        ("networks.squeeze", None, "networks.squeeze is None"),
        ("networks.squeeze.framework", "jax", "networks.squeeze.framework is 'jax'"),
        ("similarity.measures", ["cka"], "similarity.measures has 'cka', but should be all, or a list of linear_cka"),
        ("networks.squeeze.dataset", "imagenet", "networks.squeeze.dataset is 'imagenet'"),
        ("networks.squeeze.dataset", ["mnist"], "networks.squeeze.dataset is ['mnist']"),
        ("networks.squeeze.layers", [1024, -8], "networks.squeeze.layers.1 is -8"),
        ("networks.squeeze.layers", [1024, [8, "wide"]], "networks.squeeze.layers.1.1 is 'wide'"),
        ("networks.squeeze.layers", [], "networks.squeeze.layers is []"),
        ("networks.squeeze.layers", [True], "networks.squeeze.layers.0 is True"),
        ("networks.squeeze.input", [20, 20, 1], "networks.squeeze.input is [20, 20, 1]"),
        ("networks.squeeze.input", [32, 32, 2], "networks.squeeze.input is [32, 32, 2]"),
        ("networks.squeeze.normalize", {"mean": [0, 0], "std": [1]}, "networks.squeeze.normalize.mean has 2 numbers"),
        ("networks.squeeze.normalize", {"mean": [0], "std": [0]}, "networks.squeeze.normalize.std.0 is 0"),
        (
            "replays",
            {"squeeze": {"network": "squeeze", "steps": [2, 5], "instruments": ["noise"]}},
            "replays has 'squeeze', which is a network: give it",
        ),
        (
            "replays",
            {"spike": {"network": "gone", "steps": [2, 5], "instruments": ["noise"]}},
            "replays.spike.network is 'gone', which is no",
        ),
        (
            "replays",
            {"spike": {"network": "squeeze", "steps": [2], "instruments": ["noise"]}},
            "replays.spike.steps is [2]",
        ),
        (
            "replays",
            {"spike": {"network": "squeeze", "steps": [2, 5], "instruments": []}},
            "replays.spike.instruments is []",
        ),
        ("networks.squeeze.training.epochs", "ten", "networks.squeeze.training.epochs is 'ten'"),
        (
            "networks.squeeze.training.keep_states",
            "all",
            "keep_states is 'all', but should be every, or a list of epochs",
        ),
        ("networks.squeeze.training.keep_states", [-1], "networks.squeeze.training.keep_states.0 is -1"),
        (
            "networks.squeeze.training.keep_states",
            [9],
            "keep_states has 9, but epochs is 4: name epochs from 0 to there",
        ),
        ("networks.squeeze.training.learning_rate", float("inf"), "networks.squeeze.training.learning_rate is inf"),
        ("networks.squeeze.training.momentum", 0.9, "networks.squeeze.training.momentum is not a parameter"),
        ("networks.squeeze.training.optimizer", "lion", "networks.squeeze.training.optimizer is 'lion'"),
        (
            "networks.squeeze",
            {
                "framework": "torch",
                "dataset": "mnist",
                "layers": [4],
                "batch_norm": True,
                "training": {"batch_size": 1},
            },
            "networks.squeeze.training.batch_size is 1, but batch_norm",
        ),
        ("networks.cifar10-cnn.convolutions", [4] * 6, "networks.cifar10-cnn.convolutions has 6 layers"),
        ("networks.squeeze.recorder", {"edges": [1e-3, 1e-5]}, "the edges must ascend"),
        ("networks.squeeze.recorder", {"watch": [3e-6]}, "networks.squeeze.recorder.watch has 3e-06"),
        ("gradients.thresholds", [3e-7], "the nearest are 1e-07 and 1e-06"),
        ("activations.layers", ["conv9"], "activations.layers has 'conv9'"),
        ("activations.layers", ["conv1"], "picks no layer of"),
        ("similarity.pairs", [["squeeze", "squeze"]], "similarity.pairs has 'squeze', which is no network"),
        ("similarity.pairs", [["squeeze", "ablation-9"]], ": name others, or set similarity.pairs to []."),
        ("similarity.pairs", [["squeeze", "cifar10-cnn"]], "squeeze sees mnist and cifar10-cnn cifar10"),
        (
            "networks.squeeze",
            {"build": "my.py:make", "dataset": "mnist", "untrained": 0},
            "networks.squeeze has untrained: 0, an epoch of checkpoints, but has no checkpoints",
        ),
        ("plots.widths", {"a": ["squeeze"]}, "plots.widths.a is ['squeeze'"),
        ("plots.widths", {"a": ["squeeze", "squeeze"]}, "plots.widths.a has 'squeeze' twice"),
        ("plots.widths", {"a": ["mnist-mlp", "squeeze"]}, "plots.widths.a has 'mnist-mlp', which squeezes nowhere"),
        ("plots.widths", {"a": ["cifar10-cnn", "squeeze"]}, "plots.widths.a has 'cifar10-cnn', which squeezes nowhere"),
        ("plots.widths", {"../a": ["squeeze"] * 5}, "plots.widths.../a is '../a'"),
        ("plots.widths", {"squeeze": ["squeeze"] * 5}, "plots.widths has 'squeeze', which is a network"),
        ("plots.widths", {"a": ["squeeze", "squeze"]}, "plots.widths.a has 'squeze', which is no network"),
        ("similarity.pairs", [["squeeze"]], "similarity.pairs.0 is ['squeeze']"),
        ("tsne.perplexity", -3.0, "tsne.perplexity is -3.0"),
        ("tsnee", {"perplexity": 3.0}, "tsnee is not a parameter; allowed here: activations, augment, bottleneck, "),
        ("tsne.perplexty", 3.0, "tsne.perplexty is not a parameter"),
        ("plots", "nice", "plots is 'nice'"),
        ("networks.squeeze.training.schedule", "warm", "networks.squeeze.training.schedule is 'warm'"),
        ("networks.squeeze.training.noise", 0, "networks.squeeze.training.noise is 0"),
        ("networks.squeeze.training.mask", "[MASK]", "mask stands for tokens that are replaced; add replaced"),
        ("networks.squeeze.training.augmentation", ["turn"], "networks.squeeze.training.augmentation.0 is 'turn'"),
        ("networks.squeeze.title", 8, "networks.squeeze.title is 8, but should be a valid string"),
        ("networks.squeeze.title", "", "networks.squeeze.title is '', but should be one line of 1 to 40 characters"),
        ("networks.squeeze.title", "two\nlines", "networks.squeeze.title is 'two\\nlines', but should be one line"),
        ("networks.squeeze.title", " width", "networks.squeeze.title is ' width', but should be one line"),
        ("networks.squeeze.title", "w" * 41, "but should be one line of 1 to 40 characters that print"),
        ("networks.squeeze.title", "width 1", "title is 'width 1', which networks.ablation-3.title is called too"),
        ("networks.squeeze.title", "ablation-3", "title is 'ablation-3', which networks.ablation-3 is called too"),
        ("networks.squeeze.units", "mean", "units is 'mean', but should be flatten, pool, or {token: k} with k first,"),
        (
            "networks.squeeze.units",
            {"token": "third"},
            "units is {'token': 'third'}, but should be flatten, pool, or {token",
        ),
        ("networks.squeeze.units", {"token": 1, "of": 2}, "units is {'token': 1, 'of': 2}, but should be flatten"),
        ("networks.squeeze.device", "tpu", "networks.squeeze.device is 'tpu'"),
        ("networks.own", {"dataset": "mnist", "build": "make"}, "networks.own.build is 'make'"),
        (
            "networks.own",
            {"dataset": "mnist", "build": "a.py:make", "width": 3},
            "networks.own.width is not a parameter",
        ),
        (
            "networks.own",
            {"dataset": "mnist", "build": "a.py:make", "training": {"epoch": 3}},
            "networks.own.training.epoch is not a parameter; allowed here: accumulate, augmentation,",
        ),
        (
            "networks.own",
            {"dataset": "mnist", "build": "a.py:make", "normalize": {"mean": [0.5], "sd": [0.5]}},
            "networks.own.normalize.sd is not a parameter; allowed here: mean, std",
        ),
        (
            "networks.own",
            {"dataset": "mnist", "build": "a.py:make", "layers": "head"},
            "networks.own.layers is 'head', but should be blocks, all, or a list of names and patterns",
        ),
        ("networks.own", {"dataset": "mnist", "checkpoint": "a.pth"}, "networks.own has no build"),
        (
            "networks.own",
            {"dataset": "mnist", "build": "a.py:b", "checkpoints": "run/a.pth"},
            "checkpoints is 'run/a.pth'",
        ),
        (
            "networks.own",
            {"dataset": "mnist", "build": "a.py:b", "checkpoint": "a.pth", "checkpoints": "*.pth"},
            "networks.own has both checkpoint and checkpoints",
        ),
        (
            "networks.own",
            {"dataset": "mnist", "build": "a.py:b", "checkpoint": "a.pth", "training": {"epochs": 3}},
            "networks.own has training, but is pretrained in a.pth",
        ),
    ],
)
def test_a_mistake_is_one_sentence_that_names_it(parameters, path, value, named):
    with pytest.raises(InputError) as failure:
        resolve(changed(parameters, path, value), "cifar10-cnn" if "cnn" in path else "squeeze", SHAPES.get)
    message = str(failure.value)
    assert named in message
    assert "\n" not in message
    assert message.endswith(".")


@pytest.mark.parametrize("name", ["../up", "a;b", "a b", "a\nb", "", "-a", "a/b", "$(id)"])
def test_a_network_name_that_could_leave_its_folder_is_refused(parameters, name):
    parameters["networks"][name] = parameters["networks"]["mnist-mlp"]
    with pytest.raises(InputError, match="name is"):
        resolve(parameters, name, SHAPES.get)


def test_the_stage_ends_with_one_line_and_writes_nothing(parameters, tmp_path):
    parameters["networks"]["mnist-mlp"]["training"]["epochs"] = "ten"
    (tmp_path / "params.yaml").write_text(dump(parameters))
    command = [sys.executable, "-m", "stages.define", "squeeze"]
    result = subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "networks.mnist-mlp.training.epochs is 'ten'" in result.stderr
    assert not (tmp_path / "artifacts").exists()


def test_layers_are_selected_in_the_network_s_order(small_mlp):
    blocks = ["layer1", "squeeze2", "layer2", "output"]
    assert select_layers(small_mlp, "blocks") == blocks
    assert select_layers(small_mlp, ["output", "squeeze*", "layer1"]) == [
        "layer1",
        "squeeze2",
        "squeeze2.linear",
        "output",
    ]
    assert "layer1.batch_norm" in select_layers(small_mlp, "all")
    assert "layer1" not in select_layers(small_mlp, "all")


@pytest.mark.parametrize(
    "edit, said",
    [
        (
            lambda values: values["networks"].update(Squeeze=values["networks"]["squeeze"]),
            "networks.squeeze and networks.Squeeze would both be reports/Squeeze",
        ),
        (
            lambda values: values["networks"].update({"ablation-0--ablation-3": values["networks"]["squeeze"]}),
            "networks.ablation-0--ablation-3 and the pair .* would both be reports/ablation-0--ablation-3",
        ),
        (
            lambda values: values["similarity"].update(pairs=[["ablation-0", "ablation-3"]] * 2),
            "the pair .* and the pair .* would both be reports/ablation-0--ablation-3",
        ),
        (
            lambda values: values["datasets"].update(mnist_augmented="data"),
            "datasets.mnist_augmented and what is augmented of datasets.mnist would both be data/mnist_augmented",
        ),
        (
            lambda values: values["plots"]["widths"].update(Bottleneck=values["plots"]["widths"]["bottleneck"]),
            "plots.widths.bottleneck and plots.widths.Bottleneck would both be reports/Bottleneck",
        ),
    ],
)
def test_names_that_would_share_a_file_are_refused(parameters, edit, said):
    edit(parameters)
    with pytest.raises(InputError, match=f"^params.yaml: {said}"):
        resolve(parameters, "squeeze", SHAPES.get)


def test_a_section_for_anchors_is_nobody_s_parameter(parameters):
    card = resolve(parameters, "squeeze", SHAPES.get)
    assert resolve({**parameters, "x-trainings": {"short": {"epochs": 1}}}, "squeeze", SHAPES.get) == card
