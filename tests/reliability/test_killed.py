"""Everything may be killed at any moment: the same command again finishes, with the files of a run that never was."""

import os
import random
import re
import signal
import time

import psutil
import pytest
import yaml

from tests.small_project import Project, ran

NETWORKS = ["squeeze", "cifar10-cnn"]
STAGES = [f"{room}@{network}" for network in NETWORKS for room in ("correlations", "svd")]
FILES = [f"artifacts/{network}/{room}.h5" for network in NETWORKS for room in ("correlations", "svd")]
ENGINES = {"dvc": ["dvc", "repro", *STAGES], "snakemake": ["snakemake", "--cores", "2", *FILES]}
KILLS, MOST_TRIES = 12, 60

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("engine", ENGINES)
def test_killed_at_random_moments_it_finishes_with_the_same_files(engine, made, tmp_path):
    project, generator = Project(tmp_path), random.Random(engine)
    kills, resumed = {"stage": 0, "engine": 0, "everything": 0}, 0
    for _ in range(MOST_TRIES):
        done, output = attempt(project, engine, generator, kills if sum(kills.values()) < KILLS else None)
        resumed += len(re.findall(r"going on after epoch", output))
        if done and sum(kills.values()) >= KILLS:
            break
        if done:  # sooner than killed often enough: once more from the start
            project.run("rm", "-rf", "artifacts", "data", "dvc.lock", ".dvc/cache", ".dvc/tmp", ".snakemake", "logs")
    print(f"{engine}: killed {kills}, {resumed} trainings went on")
    assert sum(kills.values()) >= KILLS
    found, expected = project.outputs(), made.outputs()
    assert found == {path: expected[path] for path in found}
    assert {*FILES} <= found.keys()
    assert ran(project.run("dvc", "repro", *STAGES)) == set()
    assert not left_over(project)


def attempt(project, engine, generator, kills):
    """Run the engine and, if `kills` counts them, kill some of it at a random moment: whether it finished, and its words."""
    with project.start(*ENGINES[engine]) as process:
        if kills is not None:
            time.sleep(generator.uniform(0.5, 12))
            victim = generator.choice(list(kills))
            kills[victim] += kill(process, victim)
        output = process.communicate(timeout=600)[0]
    output += "".join(log.read_text() for log in project.folder.glob("logs/*.log"))
    wait_for_the_end(project)
    mend(project, output)
    return process.returncode == 0, output


def kill(process, victim):
    """Kill with SIGKILL the engine, a stage that it runs, or all; how many times something was there to be killed."""
    if process.poll() is not None:
        return 0
    if victim == "everything":
        os.killpg(process.pid, signal.SIGKILL)
        return 1
    if victim == "engine":
        os.kill(process.pid, signal.SIGKILL)
        return 1
    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            if any(part.startswith("stages.") for part in child.cmdline()):
                child.kill()
                return 1
        except psutil.NoSuchProcess:
            continue
    return 0


def wait_for_the_end(project):
    """Wait until nothing of an engine runs in the project any more: what Snakemake started survives it and finishes."""
    for _ in range(600):
        if not [process for process in psutil.process_iter(["cwd"]) if process.info["cwd"] == str(project.folder)]:
            return
        time.sleep(0.2)
    raise AssertionError("something runs on after the engine was killed")


def mend(project, output):
    """Do what the README says for what an engine left: its lock, or a dvc.lock that it was rewriting."""
    if project.folder.joinpath(".snakemake/locks").is_dir() and any(project.folder.glob(".snakemake/locks/*")):
        project.run("snakemake", "--unlock")
    try:
        yaml.safe_load((project.folder / "dvc.lock").read_text())
    except (yaml.YAMLError, FileNotFoundError):
        (project.folder / "dvc.lock").unlink(missing_ok=True)


def left_over(project):
    """Half files and unfinished trainings."""
    return [*project.folder.glob("artifacts/**/.*.part"), *project.folder.glob("artifacts/*/training")]
