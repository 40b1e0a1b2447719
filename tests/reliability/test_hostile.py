"""Parameters, checkpoints and archives that someone else made: nothing in them is ever executed, or leaves its folder."""

import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from stages.define.resolve import resolve
from stages.download.folder import load_folder
from stages.shared.base.command import InputError
from stages.shared.base.parameters import dump
from stages.shared.torch_network import build, load
from tests.conftest import SHAPES
from tests.small_project import ROOT, Project

NAMES = [
    *("a;touch pwned", "a b", "a\nb", "$(touch pwned)", "`touch pwned`", "a'b", 'a"b', "a'; touch pwned; '"),
    *('a"; touch pwned; "', "a&&touch pwned", "-x", "a|touch pwned", "a>pwned", "*", "ä", "{networks}", "a,b"),
]


class Touch:
    """Unpickled, it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.slow
def test_a_network_s_name_reaches_neither_the_shell_nor_a_path(tmp_path):
    project = Project(tmp_path)

    def edit(parameters):
        network = parameters["networks"]["squeeze"]
        parameters |= {"networks": dict.fromkeys(NAMES, network), "similarity": {"pairs": []}}
        parameters["plots"]["widths"] = {}

    project.change(edit)
    with pytest.raises(AssertionError) as failure:
        project.run("dvc", "repro", "--keep-going", "define")
    for name in NAMES:
        assert f"define@{name}" in str(failure.value), name
    assert not (tmp_path / "pwned").exists()
    assert not [path for path in tmp_path.glob("artifacts/**/*") if path.is_file()]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["../up", "../../up"])
def test_a_name_that_leaves_its_folder_makes_nothing_outside(name, tmp_path):
    (tmp_path / "inside").mkdir()
    project = Project(tmp_path / "inside")

    def edit(parameters):
        network = parameters["networks"]["squeeze"]
        parameters |= {"networks": {name: network}, "similarity": {"pairs": []}}
        parameters["plots"]["widths"] = {}

    project.change(edit)
    with pytest.raises(AssertionError):
        project.run("dvc", "repro", "--keep-going", "define")
    assert [path.name for path in tmp_path.iterdir()] == ["inside"]
    assert not (project.folder / "up").exists()


@pytest.mark.parametrize("dataset", ["../mnist", "mnist;touch pwned", "mnist cifar10", "mnist\n", "$(id)"])
def test_a_dataset_that_is_none_is_refused(parameters, dataset):
    parameters["networks"]["squeeze"]["dataset"] = dataset
    with pytest.raises(InputError, match=r"networks\.squeeze\.dataset is '.*', but should be mnist or cifar10"):
        resolve(parameters, "squeeze", SHAPES.get)


@pytest.mark.parametrize("pattern", ["../*", "layer1;touch pwned", "layer 1", "layer1\n", "$(id)"])
def test_a_pattern_that_picks_no_layer_is_refused(parameters, pattern):
    parameters["activations"]["layers"] = [pattern]
    with pytest.raises(InputError, match=r"activations\.layers has '.*', which no network has"):
        resolve(parameters, "squeeze", SHAPES.get)


@pytest.mark.parametrize("threads", ["2; touch pwned", "$(touch pwned)", -1, 2.5, None])
def test_threads_are_a_number(parameters, threads):
    parameters["threads"] = threads
    with pytest.raises(InputError, match="threads is"):
        resolve(parameters, "squeeze", SHAPES.get)


def test_a_pytorch_checkpoint_is_not_executed(small_mlp, tmp_path):
    checkpoint, proof = tmp_path / "epoch_001.pth", tmp_path / "pwned"
    torch.save({"layer1.linear.weight": Touch(proof)}, checkpoint)
    with pytest.raises(InputError, match=r"epoch_001\.pth is no whole checkpoint"):
        load(small_mlp, 10, checkpoint)
    checkpoint.write_bytes(pickle.dumps(Touch(proof)))
    with pytest.raises(InputError, match=r"epoch_001\.pth is no whole checkpoint"):
        load(small_mlp, 10, checkpoint)
    assert not proof.exists()
    torch.load(write_archive(tmp_path / "trusted.pth", Touch(proof)), weights_only=False)
    assert proof.exists()  # so the checkpoint does harm where it is trusted


def write_archive(path, content):
    torch.save(content, path)
    return path


@pytest.mark.parametrize("flips", range(40))
def test_a_flipped_bit_of_a_pytorch_checkpoint_is_noticed_or_changes_nothing(flips, small_mlp, tmp_path):
    checkpoint, generator = tmp_path / "epoch_001.pth", np.random.default_rng(flips)
    model = build(small_mlp, 10)
    torch.save(model.state_dict(), checkpoint)
    content = bytearray(checkpoint.read_bytes())
    content[generator.integers(len(content))] ^= 1 << generator.integers(8)
    checkpoint.write_bytes(content)
    try:
        loaded = load(small_mlp, 10, checkpoint).state_dict()
    except InputError as error:
        assert "is no whole checkpoint" in str(error)
    else:
        assert all(torch.equal(tensor, loaded[name]) for name, tensor in model.state_dict().items())


KERAS = """
import sys
from pathlib import Path

import numpy as np

from stages.shared.base.command import InputError
from stages.shared.card import read_card
from stages.shared.keras_network import build, keras, load
from stages.train.keras_training import save_without_times

folder, card = Path(sys.argv[1]), read_card(Path(sys.argv[1], "network.yaml"))
checkpoint, proof = folder / "epoch_001.keras", folder / "pwned"

touch = eval(f"lambda x: (open({str(proof)!r}, 'w').close(), x)[1]")
code = keras.Sequential([keras.Input((3,)), keras.layers.Lambda(touch, output_shape=(3,))])
proof.unlink(missing_ok=True)
code.save(checkpoint)
proof.unlink(missing_ok=True)
try:
    load(card, 10, checkpoint)
    raise AssertionError("it was loaded")
except InputError as error:
    assert "epoch_001.keras is no whole checkpoint" in str(error), error
assert not proof.exists()
keras.saving.load_model(checkpoint, safe_mode=False)(np.zeros((1, 3)))
assert proof.exists()  # so the checkpoint does harm where it is trusted

model = build(card, 10)
save_without_times(model, checkpoint)
whole, generator, refused = checkpoint.read_bytes(), np.random.default_rng(0), 0
for _ in range(40):
    content = bytearray(whole)
    content[generator.integers(len(content))] ^= 1 << generator.integers(8)
    checkpoint.write_bytes(content)
    try:
        weights = load(card, 10, checkpoint).get_weights()
    except InputError as error:
        refused += 1
    else:
        for loaded, saved in zip(weights, model.get_weights(), strict=True):
            np.testing.assert_array_equal(loaded, saved)
assert refused > 20, refused
checkpoint.write_bytes(whole[: len(whole) // 2])
try:
    load(card, 10, checkpoint)
    raise AssertionError("it was loaded")
except InputError:
    pass
"""


@pytest.mark.slow
def test_a_keras_checkpoint_is_not_executed_and_its_flipped_bits_are_noticed(small_cnn, tmp_path):
    (tmp_path / "network.yaml").write_text(dump(small_cnn.model_dump()))
    command = [sys.executable, "-c", KERAS, tmp_path]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("member", "link"),
    [
        ("train/0/../../../../evil.png", False),
        ("/train/0/a.png", False),
        ("train\\..\\..\\a.png", False),
        ("train/0/a.png", True),
    ],
)
def test_a_zip_with_a_member_that_leaves_it_or_a_link_is_refused(member, link, tmp_path):
    with zipfile.ZipFile(tmp_path / "mnist.zip", "w") as file:
        info = zipfile.ZipInfo(member)
        info.external_attr = (0o120777 if link else 0o100644) << 16
        file.writestr(info, "/etc/passwd")
    with pytest.raises(InputError, match=r"mnist\.zip has '.*', (a link|outside of it)"):
        load_folder("mnist", tmp_path)
