"""Ctrl-C, a full disk, damaged files, two engines at once: one sentence, no half file, and the rerun works."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import psutil
import pytest

from tests.small_project import MADE, Project, ran

STAGES = {
    "download": ["mnist"],
    "augment": ["mnist"],
    "define": ["squeeze"],
    "train": ["squeeze"],
    "activations": ["squeeze"],
    "correlations": ["squeeze"],
    "similarity": ["squeeze"],
    "gradients": ["squeeze"],
    "svd": ["squeeze"],
    "tsne": ["squeeze"],
    "plots": ["squeeze"],
    "similarity.pairs": ["squeeze", "ablation-0"],
    "plots.pairs": ["squeeze", "ablation-0"],
    "plots.widths": ["bottleneck"],
    "report": [],
}
KERAS = {"train": ["cifar10-cnn"], "activations": ["cifar10-cnn"]}
ALL = [(stage, arguments) for stages in (STAGES, KERAS) for stage, arguments in stages.items()]

pytestmark = pytest.mark.slow


@pytest.fixture
def project(made, tmp_path):
    """A copy of it for a test to harm, its cache included."""
    return copy(made, tmp_path / "copy")


def copy(project, folder):
    shutil.copytree(project.folder, folder, symlinks=True)
    other = object.__new__(Project)
    other.folder = folder
    return other


def python(project, stage, arguments):
    return project.start(sys.executable, "-m", f"stages.{stage}", *arguments)


def outcome(project, stage, arguments):
    """Run a stage: its status and what it said."""
    with python(project, stage, arguments) as process:
        said = process.communicate(timeout=300)[0]
    return process.returncode, said


def half_files(folder):
    return [path for path in folder.rglob(".*.part*") if ".dvc" not in path.parts]


# Ctrl-C


@pytest.mark.parametrize(
    ("stage", "arguments"), ALL, ids=lambda value: value if isinstance(value, str) else "-".join(value)
)
def test_ctrl_c_ends_a_stage_with_one_line(stage, arguments, project):
    generator = random.Random(f"{stage} {arguments}")
    with python(project, stage, arguments) as process:
        time.sleep(generator.uniform(0.15, 4))
        os.killpg(process.pid, signal.SIGINT)
        said = process.communicate(timeout=20)[0]
    assert "Traceback" not in said
    if process.returncode:
        assert process.returncode in (130, -signal.SIGINT), said
        if process.returncode == 130:
            assert said.endswith(
                f"{' '.join([f'stages.{stage}', *arguments])}: interrupted; run the same command again to go on\n"
            )
    assert not half_files(project.folder)


@pytest.mark.parametrize(
    "engine",
    [
        ["dvc", "repro", "-f", "-s", "train@squeeze"],
        ["snakemake", "-F", "--cores", "1", "artifacts/squeeze/history.csv"],
    ],
    ids=["dvc", "snakemake"],
)
def test_ctrl_c_ends_an_engine_and_what_it_runs(engine, project):
    project.change(lambda parameters: parameters["networks"]["squeeze"]["training"].update(epochs=500))
    if engine[0] == "dvc":
        project.run("dvc", "repro", "define@squeeze")
    with project.start(*engine) as process:
        deadline = time.monotonic() + 120
        while not (project.folder / "artifacts/squeeze/training/resume.h5").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)
        said = process.communicate(timeout=60)[0]
    said += "".join(log.read_text() for log in project.folder.glob("logs/train*.log"))
    assert process.returncode != 0
    assert "Traceback" not in said
    assert "stages.train squeeze: interrupted; run the same command again to go on" in said
    assert not [run for run in psutil.process_iter(["cwd"]) if run.info["cwd"] == str(project.folder)]
    assert (project.folder / "artifacts/squeeze/training/resume.h5").exists()


# A full disk


@pytest.fixture
def small_disk(tmp_path):
    """A function that puts a file system of some bytes at a folder, with what the folder held; another call grows it."""
    mounted = []

    def mount(folder, size):
        if folder in mounted:
            subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)
            return
        aside = shutil.move(folder, tmp_path / "aside")
        folder.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True, text=True
        )
        if done.returncode:
            pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
        mounted.append(folder)
        shutil.copytree(aside, folder, dirs_exist_ok=True, copy_function=shutil.copy2)
        shutil.rmtree(aside)

    yield mount
    for folder in mounted:
        subprocess.run(["umount", folder], check=True)


OUTPUTS = {
    "download": ["data/mnist.h5"],
    "augment": ["data/mnist_augmented.h5"],
    "define": ["artifacts/{}/network.yaml"],
    "train": [
        f"artifacts/{{}}/{name}"
        for name in ("checkpoints", "tensorboard", "gradients.h5", "metrics.json", "history.csv")
    ],
    "activations": [f"artifacts/{{}}/{name}.h5" for name in ("activations", "augmented", "weights")],
    "correlations": ["artifacts/{}/correlations.h5", "artifacts/{}/corr_means.json"],
    "similarity": ["artifacts/{}/similarity.h5"],
    "gradients": ["artifacts/{}/gradient_stats.json"],
    "svd": ["artifacts/{}/svd.h5"],
    "tsne": ["artifacts/{}/tsne.h5"],
    "plots": ["reports/{}"],
    "similarity.pairs": ["artifacts/similarity/{}--{}.h5"],
    "plots.pairs": ["reports/{}--{}"],
    "plots.widths": ["reports/bottleneck"],
    "report": ["reports/index.html"],
}


@pytest.mark.parametrize(
    ("stage", "arguments"), ALL, ids=lambda value: value if isinstance(value, str) else "-".join(value)
)
def test_a_full_disk_is_one_sentence_and_the_rerun_works(stage, arguments, project, small_disk):
    outputs = [project.folder / output.format(*arguments) for output in OUTPUTS[stage]]
    folder = project.folder / Path(OUTPUTS[stage][0]).parts[0]
    files = [path for output in outputs for path in (output.rglob("*") if output.is_dir() else [output])]
    half = sum(path.stat().st_size for path in files) // 2 // 4096 * 4096
    for output in outputs:
        shutil.rmtree(output) if output.is_dir() else output.unlink()
    used = sum(-(-path.stat().st_size // 4096) * 4096 for path in folder.rglob("*") if path.is_file())
    small_disk(folder, used + half)
    status, said = outcome(project, stage, arguments)
    assert status == 1, said
    assert "Traceback" not in said
    sentence = said.strip().splitlines()[-1]
    assert (
        sentence.startswith(f"stages.{stage}: ") and "make space there and run the same command again." in sentence
    ), said
    assert str(Path(OUTPUTS[stage][0]).parts[0]) in sentence
    assert not half_files(folder)
    assert not [output for output in outputs if output.exists()]
    small_disk(folder, 1 << 30)
    status, said = outcome(project, stage, arguments)
    assert status == 0, said
    assert all(output.exists() for output in outputs)


# Damaged files


@pytest.mark.parametrize("harm", ["cut", "flipped", "flipped in the cache too"])
@pytest.mark.parametrize(
    ("output", "read", "reader"),
    [
        ("data/mnist.h5", "test/images", "activations"),
        ("artifacts/squeeze/activations.h5", "epochs/001/layer1", "svd"),
        ("artifacts/squeeze/gradients.h5", "raw/counts", "gradients"),
        ("artifacts/squeeze/checkpoints/epoch_001.pth", None, "activations"),
        ("artifacts/squeeze/network.yaml", None, "svd"),
    ],
)
def test_a_damaged_file_is_named_and_comes_back_from_the_cache(output, read, reader, harm, project):
    path, before = project.folder / output, project.outputs()
    content, times = bytearray(path.read_bytes()), path.stat()
    if "flipped" in harm:
        content[position(path, read)] ^= 0xFF
    if "cache" in harm:  # as a disk does that forgets: one file with two names, and times as before
        path.chmod(0o644)
    else:
        path.unlink()
    path.write_bytes(content[: len(content) // 2] if harm == "cut" else content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    path.chmod(0o444)
    status, said = outcome(project, reader, ["squeeze"])
    assert status == 1, said
    assert "Traceback" not in said
    assert output in said
    remedy = re.search(r"run `(find .*)`, then `dvc repro`", said)
    project.run("sh", "-c", remedy[1] if remedy else f"rm {output}")
    assert "cache" not in harm or remedy
    repaired = ran(project.run("dvc", "repro", f"{reader}@squeeze"))
    assert "cache" in harm or "train@squeeze" not in repaired
    assert project.outputs() == before
    assert outcome(project, reader, ["squeeze"])[0] == 0


def position(path, read):
    """Where in the file a byte stands that the stage reads: in the middle, or in the dataset `read` of HDF5."""
    if not read:
        return path.stat().st_size // 2
    with h5py.File(path) as file:
        chunk = file[read].id.get_chunk_info(0)
    return chunk.byte_offset + chunk.size // 2


def test_a_lost_dvc_lock_costs_nothing(project):
    before = project.outputs()
    (project.folder / "dvc.lock").unlink()
    assert ran(project.run("dvc", "repro", *MADE)) == set()
    assert project.outputs() == before


# Two at once


def test_two_stages_at_the_same_work_take_turns(project):
    first = python(project, "svd", ["squeeze"])
    second = python(project, "svd", ["squeeze"])
    said = [process.communicate(timeout=120)[0] for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], said
    assert not half_files(project.folder)
    assert project.run("dvc", "status", "svd@squeeze").strip().endswith("up to date.")


@pytest.mark.parametrize(
    "commands",
    [
        [["dvc", "repro", "svd@squeeze"]] * 2,
        [["snakemake", "--cores", "1", "artifacts/squeeze/svd.h5"]] * 2,
        [["dvc", "repro", "svd@squeeze"], ["snakemake", "--cores", "1", "artifacts/squeeze/svd.h5"]],
    ],
    ids=["dvc", "snakemake", "both"],
)
def test_two_engines_at_once_harm_nothing(commands, made, project):
    project.change(lambda parameters: parameters["svd"].update(explained_variance=0.9))
    running = [project.start(*command) for command in commands]
    said = [process.communicate(timeout=300)[0] for process in running]
    for process, words in zip(running, said, strict=True):
        assert "Traceback" not in words
        if process.returncode:
            assert "lock" in words.lower(), words
    assert 0 in [process.returncode for process in running], said
    assert ran(project.run("dvc", "repro", "svd@squeeze")) == set()
    project.run("snakemake", "--cores", "1", "artifacts/squeeze/svd.h5")
    changed = {path for path, md5 in project.outputs().items() if made.outputs()[path] != md5}
    assert changed == {"artifacts/squeeze/svd.h5"}
