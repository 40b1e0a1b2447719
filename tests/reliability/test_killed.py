"""Everything may be killed at any moment: the same command again finishes, with the files of a run that never was."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from dvc import rwlock
from dvc.config import Config
from dvc.fs import localfs
from dvc.utils.serialize import load_yaml, modify_yaml
from ruamel.yaml.representer import RepresenterError
from snakemake.persistence.file import FilePersistence

from stages.rig.graph import stamp
from tests.small_project import ROOT, Project, ran

COMMANDS = Path(sys.executable).parent


class Toy:
    """A project of trivial stages, whose commands run as from a shell in which .venv is not activated."""

    environment = {
        **{"PATH": os.defpath, "PYTHONPATH": str(ROOT), "HOME": "/nonexistent"},
        **{f"GIT_{who}_{what}": "a" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    }

    def __init__(self, folder):
        self.folder = folder
        shutil.copytree(Path(__file__).parent / "toy", folder, dirs_exist_ok=True)
        (folder / "stages.yaml").rename(folder / "dvc.yaml")  # whose name would make it a part of this project
        (folder / ".dvc").mkdir()
        (folder / ".dvc/config").write_text("[core]\n    analytics = false\n")
        (folder / ".gitignore").write_text("/out/\n/.dvc/tmp/\n/.dvc/cache/\n")
        for command in (["init", "-q"], ["add", "--all"], ["commit", "-qm", "a run"]):
            subprocess.run(["git", *command], cwd=folder, env=self.environment, check=True)

    def start(self, command, *arguments):
        """Start a command of the environment's in the project, by its path."""
        output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "start_new_session": True}
        return subprocess.Popen([COMMANDS / command, *arguments], cwd=self.folder, env=self.environment, **output)

    def run(self, command, *arguments):
        """Run a command of the environment's in the project: its status and what it said."""
        with self.start(command, *arguments) as process:
            said = process.communicate(timeout=300)[0]
        return process.returncode, said


@pytest.fixture
def toy(tmp_path):
    return Toy(tmp_path)


def killed(function, *arguments, after=None):
    """Kill a process in which a function runs, `after` seconds if it does not do so itself."""
    pid = os.fork()
    if not pid:
        try:
            function(*arguments)
        finally:
            os._exit(0)
    if after is not None:
        time.sleep(after)
        os.kill(pid, signal.SIGKILL)
    assert os.waitpid(pid, 0)[1] == signal.SIGKILL


# While DVC rewrites what it lives by


@pytest.mark.parametrize(
    ("key", "written", "command"),
    [
        ("schema", "dvc.lock", ["repro"]),
        ("write", ".dvc/tmp/rwlock", ["repro"]),
        ("width", "params.yaml", ["exp", "run", "-S", "width=3"]),
    ],
    ids=["dvc.lock", "rwlock", "params.yaml"],
)
def test_dvc_goes_on_after_a_kill_while_it_writes(key, written, command, toy):
    assert toy.run("dvc", "repro", "first")[0] == 0
    before = (toy.folder / written).read_bytes()
    status, said = toy.run("python", "-m", "tests.reliability.killed_while_writing", key, *command)
    assert status == -signal.SIGKILL, said
    assert (toy.folder / written).read_bytes() == before
    status, said = toy.run("dvc", *command)
    assert status == 0, said
    assert load_yaml(toy.folder / "dvc.lock")["stages"].keys() == {"first", "second"}
    assert (toy.folder / "out/second").read_text() == ("3\n" if written == "params.yaml" else "2\n")


def test_a_kill_while_dvc_writes_its_configuration_leaves_the_old_one(toy):
    path = toy.folder / ".dvc/config"
    before = path.read_text()
    killed(write_half, Config(toy.folder / ".dvc")._get_fs("repo"), path)
    assert path.read_text() == before


def write_half(fs, path):
    with fs.open(path, "wb") as file:
        file.write(b"[core]\n  an")
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_file_that_cannot_be_written_stays_as_it_was(tmp_path):
    path = tmp_path / "dvc.lock"
    path.write_text("schema: '2.0'\n")
    with pytest.raises(RepresenterError), modify_yaml(path) as data:
        data["stages"] = object()
    assert path.read_text() == "schema: '2.0'\n"
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_rewritten_keeps_its_mode_and_the_link_to_it(tmp_path):
    path, link = tmp_path / "elsewhere.yaml", tmp_path / "params.yaml"
    path.write_text("width: 1\n")
    path.chmod(0o640)
    link.symlink_to(path)
    with modify_yaml(link) as data:
        data["width"] = 2
    assert link.is_symlink()
    assert path.read_text() == "width: 2\n"
    assert path.stat().st_mode & 0o777 == 0o640


def test_what_kills_left_beside_a_file_is_removed_once_it_is_old(tmp_path):
    old, young = (tmp_path / f".dvc.lock.{name}.part" for name in ("old", "young"))
    old.touch()
    young.touch()
    os.utime(old, (0, 0))
    with modify_yaml(tmp_path / "dvc.lock") as data:
        data["schema"] = "2.0"
    assert {path.name for path in tmp_path.iterdir()} == {"dvc.lock", young.name}


def test_dvc_takes_a_process_for_dead_that_nobody_has_waited_for():
    pid = os.fork()
    if not pid:
        os._exit(0)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert rwlock.psutil.pid_exists(os.getpid())
    assert not rwlock.psutil.pid_exists(pid)
    os.waitpid(pid, 0)


def rewrite_lock(folder):
    for length in cycle(range(1, 40)):
        with modify_yaml(folder / "dvc.lock") as data:
            data |= {"schema": "2.0", "stages": {f"svd@{number}": {"cmd": f"of {length}"} for number in range(length)}}


def read_lock(folder):
    stages = load_yaml(folder / "dvc.lock")["stages"]
    return {stage["cmd"] for stage in stages.values()} == {f"of {len(stages)}"}


def rewrite_list(folder):
    for length in cycle(range(1, 40)):
        with rwlock._edit_rwlock(str(folder), localfs, False) as entries:
            entries["write"] = {str(number): {"pid": length, "cmd": "dvc repro"} for number in range(length)}


def read_list(folder):
    with rwlock._edit_rwlock(str(folder), localfs, False) as entries:
        return {entry["pid"] for entry in entries["write"].values()} == {len(entries["write"])}


@pytest.mark.soak
@pytest.mark.parametrize(
    ("rewrite", "read", "seconds"),
    [(rewrite_lock, read_lock, 0.2), (rewrite_list, read_list, 0.05)],
    ids=["lock", "list"],
)
def test_none_of_200_kills_of_one_who_rewrites_leaves_half_a_file(rewrite, read, seconds, tmp_path):
    generator, refused = random.Random(rewrite.__name__), []
    killed(rewrite, tmp_path, after=1)
    for _ in range(200):
        killed(rewrite, tmp_path, after=generator.uniform(0, seconds))
        try:
            assert read(tmp_path)
        except Exception as error:
            refused.append(error)
            for path in tmp_path.iterdir():
                path.unlink()
            killed(rewrite, tmp_path, after=1)
    assert refused == []


# While Snakemake holds its lock


def persistence(folder, local=True):
    """What Snakemake keeps of its state in a folder, for local jobs or a cluster's."""
    kept = FilePersistence(path=folder)
    kept.dag = SimpleNamespace(workflow=SimpleNamespace(local_exec=local))
    return kept


def take_and_die(folder, local=True):
    persistence(folder, local)._write_locks("output", ["a.h5"])
    os.kill(os.getpid(), signal.SIGKILL)


def locked(folder):
    return ("output", "a.h5") in persistence(folder)._read_locks()


def test_a_lock_of_snakemake_ends_with_its_process(tmp_path):
    killed(take_and_die, tmp_path)
    assert list(tmp_path.glob("locks/*"))
    assert not locked(tmp_path)
    assert not list(tmp_path.glob("locks/*"))


def test_a_lock_of_snakemake_holds_while_its_process_lives(tmp_path):
    owner = persistence(tmp_path)
    owner._write_locks("output", ["a.h5"])
    assert locked(tmp_path)
    owner._delete_locks()
    assert not locked(tmp_path)


def test_a_lock_of_snakemake_that_stands_for_jobs_elsewhere_stays(tmp_path):
    killed(take_and_die, tmp_path, False)
    assert locked(tmp_path)


def test_a_lock_of_snakemake_on_another_host_stays(tmp_path):
    killed(take_and_die, tmp_path)
    (path,) = tmp_path.glob("locks/*")
    path.write_text(re.sub("flock on .*", "flock on another", path.read_text()))
    assert locked(tmp_path)


def test_snakemake_goes_on_after_a_kill(toy):
    command = ["snakemake", "--cores", "1", "--rerun-incomplete"]
    with toy.start(*command) as process:
        while not (toy.folder / "started").exists():
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
    (toy.folder / "go").touch()
    status, said = toy.run(*command)
    assert status == 0, said
    assert (toy.folder / "out/slow").exists()


@pytest.mark.parametrize("changed", [True, False])
def test_what_a_killed_job_did_not_record_has_another_checksum_for_snakemake(changed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stage = SimpleNamespace(addressing="svd@mine", cmd="python", changed_stage=lambda: changed, outs=[], deps=[])
    first, second = (Path(stamp(stage, "{}", False)).read_bytes() for _ in range(2))
    assert (first != second) == changed


# At random moments

NETWORKS = ["squeeze", "cifar10-cnn"]
STAGES = [f"{room}@{network}" for network in NETWORKS for room in ("correlations", "svd")]
FILES = [f"artifacts/{network}/{room}.h5" for network in NETWORKS for room in ("correlations", "svd")]
ENGINES = {"dvc": ["dvc", "repro", *STAGES], "snakemake": ["snakemake", "--cores", "2", *FILES]}
VICTIMS = "stage", "engine", "everything"
KILLS, MOST_TRIES = 6, 60


@pytest.mark.soak
@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("engine", ENGINES)
def test_killed_at_random_moments_it_finishes_with_the_same_files(engine, made, tmp_path):
    project, generator = Project(tmp_path), random.Random(engine)
    kills = dict.fromkeys(VICTIMS, 0)
    for _ in range(MOST_TRIES):
        victim = generator.choice(VICTIMS)
        hit, done = attempt(project, engine, victim, generator.uniform(0.5, 12))
        kills[victim] += hit
        assert hit or done, (tmp_path / "said").read_text()
        if sum(kills.values()) == KILLS:
            break
        if done:  # sooner than killed often enough: once more from the start
            project.run("rm", "-rf", "artifacts", "data", "dvc.lock", ".dvc/cache", ".dvc/tmp", ".snakemake", "logs")
    project.run(*ENGINES[engine])
    print(f"{engine}: killed {kills}")
    assert sum(kills.values()) == KILLS
    found, expected = project.outputs(), made.outputs()
    assert found == {path: expected[path] for path in found}
    assert {*FILES} <= found.keys()
    assert ran(project.run("dvc", "repro", *STAGES)) == set()
    assert not left_over(project)


def attempt(project, engine, victim, seconds):
    """Run the engine and kill some of it after some time: whether something was there to be killed, and it finished.

    Its words go to a file, for what outlives it would keep a pipe open.
    """
    process = project.start("sh", "-c", 'exec "$@" > said 2>&1', "sh", *ENGINES[engine])
    time.sleep(seconds)
    hit = kill(process, victim)
    return hit, process.wait(timeout=600) == 0


def kill(process, victim):
    """Kill with SIGKILL the engine, a stage that it runs, or all; whether something was there to be killed."""
    if process.poll() is not None:
        return False
    if victim == "everything":
        os.killpg(process.pid, signal.SIGKILL)
        return True
    if victim == "engine":
        process.kill()
        return True
    while process.poll() is None:  # until a stage runs
        if stage := next(filter(is_stage, psutil.Process(process.pid).children(recursive=True)), None):
            stage.kill()
            return True
        time.sleep(0.02)
    return False


def is_stage(process):
    """Whether a process is a stage's, which another may have ended meanwhile."""
    with suppress(psutil.NoSuchProcess):
        fork = process.parent().cmdline() == process.cmdline()  # of the process that has loaded what stages load
        return fork or any(part.startswith("stages.") for part in process.cmdline())


def left_over(project):
    """Half files and unfinished trainings."""
    return [*project.folder.glob("artifacts/**/.*.part"), *project.folder.glob("artifacts/*/training")]
