"""The stage as a person runs it: params.yaml in, data/<dataset>.h5 out, or one sentence."""

import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from drillcore.base.errors import InputError
from stages.download import load_data, main
from stages.rig.base.parameters import load
from stages.rig.sources.sample import load_sample
from tests.processes import run as run_module

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("name", "shape"), [("mnist", (28, 28, 1)), ("cifar10", (32, 32, 3))])
def test_the_file_holds_what_the_contract_says(tmp_path, monkeypatch, name, shape):
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(f"{{data: sample, datasets: {{{name}: data}}}}")
    main(name)
    expected = load_sample(name)
    with h5py.File(f"data/{name}.h5") as file:
        for split in ("train", "test"):
            images, labels = file[f"{split}/inputs"], file[f"{split}/targets"]
            assert images.dtype == np.uint8
            assert labels.dtype == np.int64
            assert images.shape == (len(labels), *shape)
            np.testing.assert_array_equal(images, getattr(expected, f"{split}_inputs"))
            np.testing.assert_array_equal(labels, getattr(expected, f"{split}_targets"))
        assert dict(file.attrs).keys() == {"name", "source", "kind", "task", "classes"}
        assert file.attrs["name"] == name
        assert file.attrs["source"] == expected.source
        assert (file.attrs["kind"], file.attrs["task"]) == ("images", "classification")
        assert list(file.attrs["classes"]) == expected.classes
    assert [path.name for path in Path("data").iterdir()] == [f"{name}.h5"]


@pytest.mark.parametrize("data", [None, "", " ", 3, ["sample"], True])
def test_a_source_that_is_no_text_is_refused(data):
    with pytest.raises(
        InputError, match=r"params\.yaml: data is .*, but should be sample, full or the path of a folder"
    ):
        load_data("mnist", data)


def run(folder, *arguments, seed="0", **environment):
    return subprocess.run(
        [sys.executable, "-m", "stages.download", *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed, "PATH": "", **environment},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("dataset", "params", "said"),
    [
        (
            "imagenet",
            "datasets: {mnist: data, a: b/c}",
            "params.yaml: datasets holds no 'imagenet'; it holds mnist, a.",
        ),
        ("mnist", "datasets: {mnist: data}", "params.yaml: data is None"),
        ("mnist", "{data: nowhere, datasets: {mnist: data}}", "params.yaml: data is 'nowhere', but there is neither"),
        (
            "a",
            "{data: full, datasets: {a: data}}",
            "params.yaml: datasets.a is data, but data is full, which has mnist",
        ),
        ("a", "datasets: {a: images/b}", "params.yaml: the source of datasets.a is 'images/b', but there is neither"),
        ("a", "datasets: {a: b.npz}", "params.yaml: the source of datasets.a is 'b.npz', but there is no such file"),
        ("a", "datasets: {a: {source: ./b, arguments: {c: 1}}}", "params.yaml: datasets.a has arguments, but './b' is"),
        ("a", "datasets: {a: {source: b, sise: [1, 1]}}", "params.yaml: datasets.a.sise is not a parameter; allowed"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_no_file(tmp_path, dataset, params, said):
    (tmp_path / "params.yaml").write_text(params)
    result = run(tmp_path, dataset)
    assert result.returncode == 1
    assert result.stderr.startswith(f"stages.download: {said}")
    assert result.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]


@pytest.mark.parametrize("source", ["images", "./images.zip", "~/images.zip", "images.npz"])
def test_a_source_of_its_own_is_read_from_the_project_s_folder_or_home(tmp_path, source):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 6, 5, 3), dtype=np.uint8)
    for name, image in zip(
        ("train/a/1.png", "train/b/1.png", "test/a/1.png", "test/b/1.png"), pixels[[0, 1, 2, 0]], strict=True
    ):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True)
        Image.fromarray(image).save(path)
    home = tmp_path / "home" if source.startswith("~") else tmp_path
    shutil.make_archive(home / "images", "zip", tmp_path, "images")
    arrays = {
        "x_train": pixels[:2],
        "y_train": [0, 1],
        "x_test": pixels[[2, 0]],
        "y_test": [0, 1],
        "classes": ["a", "b"],
    }
    np.savez(tmp_path / "images.npz", **arrays)
    (tmp_path / "params.yaml").write_text(f"datasets: {{mine: {source}, other: nowhere}}")
    result = run(tmp_path, "mine", HOME=str(home))
    assert result.returncode == 0, result.stderr
    with h5py.File(tmp_path / "data/mine.h5") as file:
        np.testing.assert_array_equal(file["train/inputs"], pixels[:2])
        np.testing.assert_array_equal(file["test/inputs"], pixels[[2, 0]])
        for split in ("train", "test"):
            assert file[f"{split}/targets"].dtype == np.int64
            assert file[f"{split}/targets"][:].tolist() == [0, 1]
        assert file.attrs["name"] == "mine"
        assert list(file.attrs["classes"]) == ["a", "b"]
        assert Path(source).name in file.attrs["source"]


@pytest.mark.parametrize("source", ["mine", "mine.zip", "mine.npz", "{source: FakeData, arguments: {num_classes: 1}}"])
def test_images_of_a_single_class_are_refused(tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    pixels = np.zeros((2, 4, 4), np.uint8)
    for split in ("train", "test"):
        Path("mine", split, "0").mkdir(parents=True)
        Image.fromarray(pixels[0]).save(f"mine/{split}/0/1.png")
    shutil.make_archive("mine", "zip", "mine")
    np.savez("mine.npz", x_train=pixels, y_train=[0, 0], x_test=pixels, y_test=[0, 0], classes=["0", "1"])
    Path("params.yaml").write_text(f"datasets: {{mine: {source}}}")
    with pytest.raises(InputError, match=r"datasets\.mine \(.*\) has training images of the class '0' alone"):
        main("mine")
    assert not Path("data/mine.h5").exists()


@pytest.mark.parametrize("stage", ["download", "augment"])
def test_a_data_set_s_name_reaches_no_shell(stage):
    command = load(ROOT / "dvc.yaml")["stages"][stage]["do"]["cmd"]
    assert command.endswith(f'python -m stages.{stage} -- "\\${{DVC_STAGE#{stage}@}}"')


def test_every_process_writes_the_same_bytes_and_only_full_loads_torch(tmp_path):
    contents = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        folder.mkdir()
        (folder / "params.yaml").write_text("{data: sample, datasets: {mnist: data}}")
        assert run(folder, "mnist", seed=seed).returncode == 0
        contents.append((folder / "data/mnist.h5").read_bytes())
    assert contents[0] == contents[1]
    result = run_module("tests.sources.child_sample")
    assert result.returncode == 0, result.stderr
