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

from tests.small_project import MADE, ran

STAGES = {
    "download": ["mnist"],
    "augment": ["mnist"],
    "define": ["squeeze"],
    "train": ["squeeze"],
    "activations": ["squeeze"],
    "correlations": ["squeeze"],
    "similarity": ["squeeze"],
    "gradients": ["squeeze"],
    "curvature": ["squeeze"],
    "svd": ["squeeze"],
    "tsne": ["squeeze"],
    "plots": ["squeeze"],
    "pairs": ["squeeze", "ablation-0"],
    "plots_of_pairs": ["squeeze", "ablation-0"],
    "widths": ["bottleneck"],
    "report": [],
}
KERAS = {"train": ["cifar10-cnn"], "activations": ["cifar10-cnn"]}
ALL = [(stage, arguments) for stages in (STAGES, KERAS) for stage, arguments in stages.items()]

pytestmark = pytest.mark.slow


@pytest.fixture
def project(made, tmp_path):
    """A copy of the project for a test to harm, its cache included."""
    return made.copy(tmp_path / "copy")


@pytest.fixture
def whole(compared, tmp_path):
    """The same, with the outputs of every stage."""
    return compared.copy(tmp_path / "copy")


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


@pytest.mark.soak
@pytest.mark.parametrize(
    ("stage", "arguments"), ALL, ids=lambda value: value if isinstance(value, str) else "-".join(value)
)
def test_ctrl_c_ends_a_stage_with_one_line(stage, arguments, whole):
    generator = random.Random(f"{stage} {arguments}")
    with python(whole, stage, arguments) as process:
        time.sleep(generator.uniform(0.15, 4))
        os.killpg(process.pid, signal.SIGINT)
        said = process.communicate(timeout=300)[0]
    assert "Traceback" not in said
    if process.returncode:
        assert process.returncode in (130, -signal.SIGINT), said
        if process.returncode == 130:
            assert said.endswith(
                f"{' '.join([f'stages.{stage}', *arguments])}: interrupted; run the same command again to go on\n"
            )
    assert not half_files(whole.folder)


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
        while not (project.folder / "artifacts/squeeze/training/resume.h5").exists() and process.poll() is None:
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)
        said = process.communicate(timeout=300)[0]
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
    "define": ["artifacts/{}/network.yaml", "artifacts/{}/about.json"],
    "train": [
        f"artifacts/{{}}/{name}"
        for name in ("checkpoints", "states", "tensorboard", "gradients.h5", "metrics.json", "history.csv")
    ],
    "activations": [f"artifacts/{{}}/{name}.h5" for name in ("activations", "augmented", "weights")],
    "correlations": ["artifacts/{}/correlations.h5", "artifacts/{}/corr_means.json"],
    "similarity": ["artifacts/{}/similarity.h5"],
    "gradients": ["artifacts/{}/gradient_stats.json"],
    "curvature": ["artifacts/{}/curvature.h5"],
    "svd": ["artifacts/{}/svd.h5"],
    "tsne": ["artifacts/{}/tsne.h5"],
    "plots": ["reports/{}"],
    "pairs": ["artifacts/similarity/{}--{}.h5"],
    "plots_of_pairs": ["reports/{}--{}"],
    "widths": ["reports/bottleneck"],
    "report": ["reports/index.html"],
}


@pytest.mark.soak
@pytest.mark.parametrize(
    ("stage", "arguments"), ALL, ids=lambda value: value if isinstance(value, str) else "-".join(value)
)
def test_a_full_disk_of_every_stage(stage, arguments, whole, small_disk):
    fill_the_disk(stage, arguments, whole, small_disk)


def test_a_full_disk_is_one_sentence_and_the_rerun_works(project, small_disk):
    fill_the_disk("svd", ["squeeze"], project, small_disk)


def fill_the_disk(stage, arguments, project, small_disk):
    """Run a stage where there is room for half of its outputs, and again where there is room for all."""
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


HARMS = ["cut", "flipped", "flipped in the cache too"]
DAMAGED = [
    ("artifacts/squeeze/activations.h5", "epochs/001/layer1", "svd"),
    ("data/mnist.h5", "test/inputs", "activations"),
    ("artifacts/squeeze/gradients.h5", "raw/counts", "gradients"),
    ("artifacts/squeeze/checkpoints/epoch_001.pth", None, "activations"),
    ("artifacts/squeeze/network.yaml", None, "svd"),
]
"""A file, the dataset in it that is harmed, and a stage that reads it."""


@pytest.mark.parametrize("harm", HARMS)
def test_a_damaged_file_is_named_and_comes_back_from_the_cache(harm, project):
    damage(project, harm, *DAMAGED[0])


@pytest.mark.soak
@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize(("output", "read", "reader"), DAMAGED[1:])
def test_damage_of_every_kind_of_file(output, read, reader, harm, project):
    damage(project, harm, output, read, reader)


def damage(project, harm, output, read, reader):
    """Harm an output, and do what the stage that reads it says."""
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
    said = [process.communicate(timeout=300)[0] for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], said
    assert not half_files(project.folder)
    assert project.run("dvc", "status", "svd@squeeze").strip().endswith("up to date.")


SPECTRA = {
    "dvc": ["dvc", "repro", "svd@squeeze"],
    "snakemake": ["snakemake", "--cores", "1", "artifacts/squeeze/svd.h5"],
}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("dvc", "snakemake"),
        pytest.param("dvc", "dvc", marks=pytest.mark.soak),
        pytest.param("snakemake", "snakemake", marks=pytest.mark.soak),
    ],
)
def test_two_engines_at_once_harm_nothing(one, other, made, project):
    project.change(lambda parameters: parameters["svd"].update(explained_variance=0.9))
    running = [project.start(*SPECTRA[engine]) for engine in (one, other)]
    said = [process.communicate(timeout=300)[0] for process in running]
    for process, words in zip(running, said, strict=True):
        assert "Traceback" not in words
        if process.returncode:
            assert "lock" in words.lower(), words
    assert 0 in [process.returncode for process in running], said
    assert ran(project.run("dvc", "repro", "svd@squeeze")) == set()
    project.run(*SPECTRA["snakemake"])
    changed = {path for path, md5 in project.outputs().items() if made.outputs()[path] != md5}
    assert changed == {"artifacts/squeeze/svd.h5"}
