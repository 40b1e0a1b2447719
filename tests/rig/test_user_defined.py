"""User-defined networks: what `define` sees of them, and the sentence for each that cannot be."""

import hashlib
import re
import shutil
import sys

import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from drillcore.artifacts.network import Network
from drillcore.base.errors import InputError
from stages.rig.base.parameters import dump
from stages.rig.base.process import Interrupted
from stages.rig.card import read_card, select_layers, write_card
from stages.rig.inspection import left_out, listing, see
from stages.rig.pretrained import axis_of, pretrained_files
from stages.rig.torch.network import build, device_of
from stages.rig.user_defined import as_script, oneline
from tests.conftest import MODELS, own
from tests.processes import run


def test_the_card_holds_what_was_seen(models, tmp_path):
    card = see(own(arguments={"width": 5}), 3, "blocks")
    here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    assert (card.framework, card.device, card.training.epochs) == ("torch", max(here, key=here.get), 10)
    assert [tuple(layer) for layer in card.modules] == [
        ("0", "block", [5, 6, 6], 50),
        ("0.0", "module", [5, 6, 6], 50),
        ("0.1", "module", [5, 6, 6], 0),
        ("1", "both", [5, 1, 1], 0),
        ("2", "both", [5], 0),
        ("3", "both", [3], 18),
    ]
    digests = {name: hashlib.sha256((models / name).read_bytes()).hexdigest() for name in ("blocks.py", "mine.py")}
    assert card.files == digests
    write_card(tmp_path / "network.yaml", card)
    assert read_card(tmp_path / "network.yaml") == card
    assert select_layers(card, "blocks") == ["0", "1", "2", "3"]
    assert select_layers(card.model_copy(update={"layers": ["0.*", "3"]}), "all") == ["0.0", "0.1", "3"]


def test_a_change_to_a_file_that_it_imports_changes_the_card(models):
    before = see(own(), 3, "blocks")
    (models / "blocks.py").write_text((MODELS / "blocks.py").read_text().replace("ReLU", "LeakyReLU"))
    after = see(own(), 3, "blocks")
    assert [name for name in before.files if before.files[name] != after.files[name]] == ["blocks.py"]
    assert isinstance(build(after, 3)[0][1], torch.nn.LeakyReLU)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_device_that_is_not_here_is_refused_where_it_is_needed(models):
    card = see(own(device="cuda"), 3, "blocks")
    assert card.device == "cuda"  # another machine may train it
    with pytest.raises(InputError, match=r"networks\.mine\.device is 'cuda', but PyTorch sees no such device"):
        device_of(card)


def test_a_link_is_as_good_as_the_file(models, tmp_path):
    (models / "mine.py").rename(tmp_path / "elsewhere.py")
    (models / "mine.py").symlink_to(tmp_path / "elsewhere.py")
    assert (
        see(own(), 3, "blocks").files["mine.py"] == hashlib.sha256((tmp_path / "elsewhere.py").read_bytes()).hexdigest()
    )


def test_weights_come_from_the_seed(models):
    first, same, other = (build(own(seed=seed), 3).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not torch.equal(first["3.weight"], other["3.weight"])


def test_the_listing_marks_what_is_picked(models):
    lines = listing(own(layers=["0.0"]), 3, "blocks").splitlines()
    assert [line.split() for line in lines[:3]] == [
        ["layer", "picked", "output", "shape", "parameters"],
        ["0", "4", "x", "6", "x", "6", "40"],
        ["0.0", "*", "4", "x", "6", "x", "6", "40"],
    ]
    assert len(lines) == 7


@pytest.mark.parametrize(
    ("values", "classes", "named"),
    [
        ({"build": "other.py:make"}, 3, "there is no file models/other.py"),
        ({"build": "mine.txt:make"}, 3, "there is no file models/mine.txt"),
        ({"build": "../mine.py:make"}, 3, "belong in models/"),
        ({"build": "/tmp/mine.py:make"}, 3, "belong in models/"),
        ({"build": "mine.py:build"}, 3, "models/mine.py has no function 'build'"),
        ({"build": "mine.py:fails"}, 3, "(models/mine.py, line 12): ZeroDivisionError: twice"),
        ({"build": "mine.py:nothing"}, 3, "which returns dict: return a torch.nn.Module or a keras.Model"),
        ({"arguments": {"depth": 3}}, 3, "fails with the arguments {'depth': 3}: TypeError"),
        ({}, 4, "to an output of shape [2, 3], but digits has 4 classes"),
        ({"input": [8, 8, 3]}, 3, "cannot take images of [8, 8, 3]"),
        (
            {"layers": ["0", "conv*"]},
            3,
            "networks.mine.layers has 'conv*', which matches no layer of mine; it has 0, 0.0, 0.1, 1",
        ),
        ({"input": [8, 8, 3]}, 3, "otherwise the network must take images of that shape"),
        (
            {"layers": ["0", "0.3"]},
            3,
            "has '0.3', which matches no layer of mine; it has 0, 0.0, 0.1, 1, 2, 3 (did you mean 0.1?).",
        ),
        ({"build": "torchvision:resnet19"}, 3, "torchvision.models has no resnet19"),
    ],
)
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_what_cannot_be_is_one_sentence(models, values, classes, named):
    with pytest.raises(InputError) as failure:
        see(own(**values), classes, "blocks")
    assert named in str(failure.value)
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize(
    ("name", "values", "named"),
    [
        ("typed", {"arguments": {"name": "float8_e4m3fn"}}, "has weights of torch.float8_e4m3fn, head.weight"),
        ("rotated", {}, "has weights of torch.complex64, turn"),
        ("rotated", {"checkpoint": "mine.py"}, "keep their real and imaginary parts"),
        ("keeping", {}, "keeps a dict as head._extra_state"),
        ("mute", {}, "returns dict, which holds no tensor"),
        ("probable", {"output": "mean"}, "output is 'mean', but the network returns one tensor: name one of them"),
        ("frozen", {}, "no parameter that requires a gradient"),
        ("probable", {}, "returns probabilities"),
        ("probable", {"checkpoint": "mine.py"}, "return the logits"),
        ("normed", {"training": {"batch_size": 1}}, "training.batch_size is 1, but"),
        ("bare", {}, "builds a model without layers"),
    ],
)
def test_what_could_not_be_trained_or_stored_is_one_sentence(models, name, values, named):
    shutil.copy(MODELS / "odd.py", models / "mine.py")
    with pytest.raises(InputError) as failure:
        see(own(build=f"mine.py:{name}", **values), 3, "blocks")
    assert named in str(failure.value)
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("typed", {"arguments": {"name": "float16"}}),
        ("typed", {"arguments": {"name": "bfloat16"}}),
        ("double", {}),
        ("frozen", {"checkpoint": "mine.py"}),
        ("probable", {"training": {"loss": "mse"}}),
        ("normed", {}),
        ("noisy", {"training": {"batch_size": 1}}),
        ("lazy", {}),
    ],
)
def test_what_can_be_trained_or_stored_is_taken(models, name, values):
    shutil.copy(MODELS / "odd.py", models / "mine.py")
    assert see(own(build=f"mine.py:{name}", **values), 3, "blocks").outline()


def test_layers_without_a_row_for_each_image_and_those_of_training_alone_say_so(models):
    shutil.copy(MODELS / "odd.py", models / "mine.py")
    card = see(own(build="mine.py:uneven"), 3, "all")
    shapes = {layer.name: layer.shape for layer in card.modules}
    assert shapes == {
        "head": [3],
        "mean": "returns an array () of 2 samples, not a row for each",
        "tokens": "returns an array (8, 16) of 2 samples, not a row for each",
        "extra": "is never called",
    }
    assert select_layers(card, "all") == ["head"]


@pytest.mark.parametrize("name", ["noisy", "lazy"])
def test_weights_of_every_kind_come_from_the_seed(models, name):
    shutil.copy(MODELS / "odd.py", models / "mine.py")
    first, same = (build(own(build=f"mine.py:{name}"), 3).state_dict() for _ in range(2))
    assert all(torch.equal(first[key], same[key]) for key in first)


def test_a_long_error_is_cut_between_words():
    line = oneline(ValueError("several words, " * 40))
    assert line.startswith("ValueError: several words, several")
    assert line.endswith(("several [...]", "words, [...]"))
    assert 280 < len(line) <= 300


def test_a_change_to_a_file_that_it_reads_changes_the_card(models):
    shutil.copy(MODELS / "reading.py", models / "mine.py")
    (models / "settings.json").write_text('{"dropout": 0.5}')
    torch.save({"1.weight": torch.ones(3, 64), "1.bias": torch.ones(3)}, models / "start.pth")
    before = see(own(), 3, "blocks")
    assert before.files.keys() == {"mine.py", "settings.json", "start.pth"}
    (models / "settings.json").write_text('{"dropout": 0.1}')
    after = see(own(), 3, "blocks")
    assert [name for name in before.files if before.files[name] != after.files[name]] == ["settings.json"]
    assert before.modules == after.modules  # which do not tell


def test_a_change_to_a_file_that_a_library_in_rust_reads_changes_the_card(models):
    shutil.copy(MODELS / "pretrained_start.py", models / "mine.py")
    with (models / "mine.py").open("a", encoding="utf-8") as file:
        file.write(f"\nNOTE = '{100 * '模'}'\n")  # too long for the name of a file
    (models / "start").mkdir()
    Tokenizer(WordLevel({"a": 0, "b": 1, "c": 2})).save(f"{models}/words.json")
    save_file({"1.weight": torch.ones(3, 64), "1.bias": torch.ones(3)}, models / "start/model.safetensors")
    (models / "other.safetensors").touch()
    network = own(arguments={"folder": "start"})
    before = see(network, 3, "blocks").files
    assert before.keys() == {"mine.py", "words.json", "start/model.safetensors"}
    save_file({"1.weight": torch.zeros(3, 64), "1.bias": torch.ones(3)}, models / "start/model.safetensors")
    after = see(network, 3, "blocks").files
    assert [name for name in before if before[name] != after[name]] == ["start/model.safetensors"]


@pytest.fixture
def package(models):
    """A package in models/, one folder of it without an __init__.py."""
    files = {
        "pkg/__init__.py": None,
        "pkg/net.v2.py": "pkg/net.v2.py",
        "pkg/blocks.py": "blocks.py",
        "pkg/sizes.py": "pkg/sizes.py",
        "pkg/deep/sizes.py": "pkg/deep/sizes.py",
    }
    for name, source in files.items():
        (models / name).parent.mkdir(exist_ok=True)
        shutil.copy(MODELS / source, models / name) if source else (models / name).touch()
    return files


def test_files_in_a_folder_may_import_each_other_by_relative_names(models, package):
    before = see(own(build="pkg/net.v2.py:make"), 3, "blocks")
    assert before.files.keys() == {*package, "blocks.py"}
    (models / "pkg/deep/sizes.py").write_text("CLASSES = 4")
    after = see(own(build="pkg/net.v2.py:make"), 4, "blocks")
    assert [name for name in before.files if before.files[name] != after.files[name]] == ["pkg/deep/sizes.py"]
    assert see(own(), 3, "blocks").files.keys() == {"blocks.py", "mine.py"}


@pytest.mark.usefixtures("package")
def test_an_error_names_the_file_in_its_folder(models):
    with pytest.raises(InputError, match=r"\(models/pkg/sizes.py, line 5\): ZeroDivisionError: twice"):
        see(own(build="pkg/net.v2.py:fails"), 3, "blocks")


@pytest.mark.parametrize(("untrained", "known"), [(None, None), (0, 0), (2, 2), (1, InputError)])
def test_the_epoch_before_training_is_one_of_the_checkpoints(models, untrained, known):
    for epoch in (0, 2):
        (models / f"{epoch}.pth").touch()
    network = own(checkpoints="*.pth", untrained=untrained)
    if known is InputError:
        with pytest.raises(InputError, match=r"mine\.untrained is 1, but \*\.pth has the epochs 0, 2: name the one"):
            see(network, 3, "blocks")
    else:
        assert Network(see(network, 3, "blocks").model_dump()).untrained_epoch == known
    assert Network({**own().model_dump(), "framework": "torch"}).untrained_epoch == 0


@pytest.mark.parametrize("linked", ["pkg", "pkg/deep", "run"])
@pytest.mark.usefixtures("package")
def test_a_folder_that_is_a_link_is_refused_for_dvc_does_not_look_into_it(models, tmp_path, linked):
    (models / "run").mkdir()
    (models / "run/1.pth").touch()
    (models / linked).rename(tmp_path / "elsewhere")
    (models / linked).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=rf"uses models/{linked}/.*, but models/{linked} is a link to a folder"):
        see(own(build="pkg/net.v2.py:make", checkpoints="run/*.pth"), 3, "blocks")


@pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning")
def test_layers_of_complex_numbers_and_torchscript_are_known_before_anything_is_trained(models):
    shutil.copy(MODELS / "unusual.py", models)
    card = see(own(build="unusual.py:complex"), 3, "all")
    assert [name for name, _ in card.outline()] == ["1", "2", "3"]
    with pytest.raises(InputError, match="The model is in TorchScript, which shows no layers' outputs"):
        see(own(build="unusual.py:traced"), 3, "all")


def test_a_file_that_cannot_be_imported_names_its_line(models):
    (models / "mine.py").write_text("import torch\nimport nowhere_at_all\n")
    with pytest.raises(InputError, match=r"\(models/mine.py, line 2\): ModuleNotFoundError"):
        see(own(), 3, "blocks")


@pytest.mark.parametrize(
    ("pattern", "names", "epochs"),
    [
        ("run/*.pth", ["epoch_001.pth", "epoch_010.pth", "epoch_002.pth"], [1, 2, 10]),
        ("run/net18_e*.pth", ["net18_e3.pth", "net18_e20.pth"], [3, 20]),
        ("run[1]/e?_*.pth", ["e?_3.pth", "ex_4.pth"], [3]),
        ("run/*.ckpt", ["epoch=0-val_loss=0.9.ckpt", "epoch=1-val_loss=0.8.ckpt"], [0, 1]),
        ("run/epoch=*.ckpt", ["epoch=0-step=100.ckpt", "epoch=12-val_loss=0.31.ckpt", "last.ckpt"], [0, 12]),
        ("run/step*.pth", ["step_size_0.1_epoch_3.pth", "step_size_0.1_epoch_4.pth"], [3, 4]),
        ("run/epoch_1*.pth", ["epoch_10.pth", "epoch_12.pth"], [10, 12]),
        ("epochs_20/net*.pth", ["net-3.pth", "net-4.pth"], [3, 4]),
        ("run/weights.*.keras", ["weights.05-0.31.keras", "weights.06-0.29.keras"], [5, 6]),
    ],
)
def test_epochs_are_read_from_the_files_names(models, pattern, names, epochs):
    folder = (models / pattern).parent
    folder.mkdir()
    for name in names:
        (folder / name).touch()
    assert list(pretrained_files(own(checkpoints=pattern))) == epochs


@pytest.mark.parametrize(
    ("pattern", "values", "names", "steps"),
    [
        ("run/*.ckpt", {}, ["epoch=0-step=100.ckpt", "epoch=0-step=50.ckpt"], [50, 100]),
        ("run/*.ckpt", {}, ["epoch=0-step=100.ckpt", "epoch=1-step=200.ckpt"], [100, 200]),
        ("run/step_*.pth", {}, ["step_10.pth", "step_9.pth"], [9, 10]),
        ("run/checkpoint-*/model.safetensors", {}, ["checkpoint-500/model.safetensors"], [500]),
        (
            "run/checkpoint-*",
            {},
            ["checkpoint-1000/model.safetensors", "checkpoint-500/pytorch_model.bin.index.json"],
            [500, 1000],
        ),
        ("run/net-*.pth", {"axis": "step"}, ["net-3.pth", "net-20.pth"], [3, 20]),
    ],
)
def test_steps_are_read_from_the_files_names_if_all_have_them(models, pattern, values, names, steps):
    for name in names:
        (models / "run" / name).parent.mkdir(parents=True, exist_ok=True)
        (models / "run" / name).touch()
    network = own(checkpoints=pattern, **values)
    assert axis_of(network) == "step"
    assert {number: file.relative_to("run").as_posix() for number, file in pretrained_files(network).items()} == dict(
        zip(steps, sorted(names, key=lambda name: [*map(int, re.findall(r"\d+", name))][-1]), strict=True)
    )


def test_an_axis_that_is_named_goes_before_the_files_words(models):
    (models / "run").mkdir()
    for name in ("epoch=0-step=100.ckpt", "epoch=1-step=200.ckpt"):
        (models / "run" / name).touch()
    network = own(checkpoints="run/*.ckpt", axis="epoch")
    assert (axis_of(network), [*pretrained_files(network)]) == ("epoch", [0, 1])


def test_a_folder_without_weights_is_refused(models):
    (models / "run" / "checkpoint-5").mkdir(parents=True)
    with pytest.raises(
        InputError, match=r"the folder models/run/checkpoint-5 holds no model\.safetensors or model\.safe"
    ):
        pretrained_files(own(checkpoint="run/checkpoint-5"))


@pytest.mark.parametrize(
    ("names", "named"),
    [
        (["e1_acc93.pth"], "stands for 'e1_acc93'"),
        (["best.pth"], "stands for 'best'"),
        (["a1.pth", "b1.pth"], "is no epoch of its own"),
        (["epoch=1-step=9.pth", "epoch=1-step=9-v1.pth"], "is no epoch of its own"),
        (["loss_0.31.pth"], "one behind the word epoch or step, as in"),
        ([], "no file in models/ matches"),
    ],
)
def test_files_without_an_epoch_of_their_own_are_refused(models, names, named):
    (models / "run").mkdir()
    for name in names:
        (models / "run" / name).touch()
    with pytest.raises(InputError, match=named):
        pretrained_files(own(checkpoints="run/*.pth"))


def test_a_card_without_a_framework_loads_none(tmp_path):
    values = {"name": "a", "dataset": "digits", "input": [8, 8, 1], "seed": 0, "build": "mine.py:make"}
    built = {**values, "framework": "torch", "files": {}, "modules": [["fc", "both", [3], 12]]}
    (tmp_path / "network.yaml").write_text(dump(built))
    result = run("tests.rig.child_card", tmp_path / "network.yaml")
    assert result.stdout == "user-defined network\n", result.stderr


@pytest.fixture
def script(models):
    """Puts models/script.py and script_with_data.py there, which read their command line."""
    for name in ("mine_as_module.py", "script.py", "script_with_data.py"):
        shutil.copy(MODELS / name, models)


@pytest.mark.usefixtures("script")
def test_a_script_that_reads_its_command_line_is_imported_as_one_without_arguments(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["stages.define", "--", "mine"])
    assert see(own(build="script.py:make"), 3, "blocks").modules[1].shape == [5]
    assert sys.argv == ["stages.define", "--", "mine"]


@pytest.mark.parametrize(
    ("build", "named"),
    [
        ("script_with_data.py:make", r"script_with_data.py, line 9\): RuntimeError: it calls sys.exit\(2"),
        (
            "script.py:leaving",
            r"script.py, line 18\): RuntimeError: it calls sys.exit\(3\), perhaps by argparse; put what runs",
        ),
    ],
)
@pytest.mark.usefixtures("script")
def test_user_defined_code_that_ends_the_process_is_one_sentence(build, named):
    with pytest.raises(InputError, match=named):
        see(own(build=build), 3, "blocks")


@pytest.mark.parametrize("ctrl_c", [KeyboardInterrupt, Interrupted])
def test_ctrl_c_within_user_defined_code_is_no_error_of_it(ctrl_c):
    with pytest.raises(ctrl_c), as_script():
        raise ctrl_c


@pytest.mark.parametrize("values", [{}, {"checkpoints": "run/*.pth"}])
def test_an_experiment_in_a_copy_says_what_git_has_to_track(tmp_path, monkeypatch, values):
    folder = tmp_path / ".dvc/tmp/exps/a1b2"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    with pytest.raises(
        InputError, match=r"models/.*: commit (it|them), for `dvc exp run --temp` and `--queue` see only what"
    ):
        pretrained_files(own(**values)) if values else see(own(), 3, "blocks")


@pytest.mark.parametrize("pattern", ["/absolute/run/epoch_*.pth", "../run/epoch_*.pth"])
def test_checkpoints_outside_of_models_are_refused_like_one(models, pattern):
    with pytest.raises(InputError, match=r"mine\.checkpoints is '.*', but a network's files belong in models/"):
        pretrained_files(own(checkpoints=pattern))


@pytest.fixture
def hard(models):
    """The card of a network of 2 classes without blocks at its top, with layers that return tuples and a weight norm."""
    shutil.copy(MODELS / "hard.py", models)
    return lambda **values: see(own(build="hard.py:Network", **values), 2, "all")


def test_weights_are_no_layers_though_there_are_as_many_rows_as_images(hard):
    blocks = [f"blocks.{number}.{name}" for number in (0, 1) for name in ("attn", "mlp")]
    assert select_layers(hard(), "all") == [*blocks, "head"]
    assert [layer.name for layer in hard().modules if "parametrizations" in layer.name] == []


def test_a_token_that_a_layer_does_not_have_is_known_before_anything_is_trained(models):
    shutil.copy(MODELS / "tokens.py", models)
    assert own(build="tokens.py:Rows", units={"token": "last"}).units == {"token": "last"}
    assert see(own(build="tokens.py:Rows", units={"token": 7}), 2, "all").units == {"token": 7}
    with pytest.raises(InputError) as failure:
        see(own(build="tokens.py:Rows", units={"token": 8}), 2, "all")
    assert str(failure.value) == (
        "params.yaml: networks.mine.units.token is 8, but the layer rows has 8 tokens, counted from 0: choose one of them, "
        "or other layers."
    )


def test_layers_that_a_word_means_but_cannot_pick_are_said(hard):
    assert left_out(hard(), "blocks") == (
        "mine: `layers: blocks` leaves out blocks.0.silent, which returns NoneType, which holds no "
        "tensor, blocks.1.silent, which returns NoneType, which holds no tensor"
    )
    assert left_out(hard(layers=["head"]), "blocks") == ""


def test_a_name_of_a_layer_without_a_tensor_is_told_why_it_cannot_be_picked(hard):
    with pytest.raises(InputError) as failure:
        hard(layers=["head", "blocks.*.silent"])
    assert str(failure.value) == (
        "params.yaml: networks.mine.layers has 'blocks.*.silent', which matches blocks.0.silent of mine, but that returns "
        "NoneType, which holds no tensor; it has blocks.0.attn, blocks.0.mlp, blocks.1.attn, blocks.1.mlp, head (did you "
        "mean blocks.1.mlp?)."
    )
