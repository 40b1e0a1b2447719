"""Parameters, checkpoints and archives that someone else made: nothing in them is ever executed, or leaves its folder."""

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from drillcore.base.errors import InputError
from stages.rig.base.parameters import dump
from stages.rig.resolve import resolve
from stages.rig.sources.folder import load_folder
from stages.rig.torch.network import build, load
from tests.conftest import SHAPES
from tests.processes import run
from tests.small_project import Project

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
    with pytest.raises(AssertionError, match=r"params\.yaml: networks has .*, but a name is"):
        project.run("dvc", "repro", "--keep-going", "define")
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


@pytest.mark.slow
def test_a_keras_checkpoint_is_not_executed_and_its_flipped_bits_are_noticed(small_cnn, tmp_path):
    (tmp_path / "network.yaml").write_text(dump(small_cnn.model_dump()))
    result = run("tests.reliability.child_hostile_keras", tmp_path)
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
