"""Stages as forks of a process that has loaded what they load: see engines/drillcore_engines/templates.py."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np  # noqa: F401 - loads BLAS
import psutil
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

pytest.importorskip("drillcore_engines.templates")

from drillcore_engines.templates import STAGE, Templates, available

from stages.rig.template import OF_FRAMEWORK, set_threads

pytestmark = pytest.mark.skipif(not available(), reason="templates need Linux 5.3 or newer")

ROOT = Path(__file__).parents[2]
FILES = ["stages/__init__.py", "stages/rig/__init__.py", "stages/rig/template.py", "stages/rig/base/__init__.py"]
FILES += ["stages/rig/base/process.py"]


@pytest.fixture
def folder(tmp_path):
    """A project whose one stage is `echo`."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copy(Path(__file__).with_name("echo_stage.py"), tmp_path / "stages/echo.py")
    return tmp_path


@pytest.fixture
def run(folder, capfd):
    """Run `echo` with an argument; returns its status, and what it printed, of standard output as JSON, None where a kill
    came first."""
    templates = Templates()

    def run(argument, threads=1, stage="echo"):
        command = f"OMP_NUM_THREADS={threads} python -m stages.{stage} {argument}"
        status = templates.run(command, dict(os.environ, DVC_STAGE="echo@first"), str(folder))
        out, error = capfd.readouterr()
        return status, json.loads(out or "null"), error

    yield run
    templates.end()


def test_stages_in_a_row_are_forks_of_one_process(run):
    first, second = run("works"), run('-- "${DVC_STAGE#echo@}"')
    assert first[0] == second[0] == 0
    assert first[1]["parent"] == second[1]["parent"] != os.getpid()
    assert second[1]["arguments"] == ["--", "first"]


def test_threads_are_those_of_each_stage(run):
    one, two = run("works"), run("works", threads=2)
    assert (one[1]["threads"], two[1]["threads"]) == ("1", "2")
    assert one[1]["parent"] == two[1]["parent"]


def test_each_framework_has_a_process_of_its_own(run, folder):
    for stage, module in OF_FRAMEWORK.items():
        shutil.copy(folder / "stages/echo.py", folder / f"{stage.replace('.', '/')}.py")
        for framework in ("torch", "keras"):
            loaded = folder / f"stages/rig/{framework}/{module}.py"
            loaded.parent.mkdir(exist_ok=True)
            loaded.touch()
            (folder / f"artifacts/{framework}").mkdir(parents=True, exist_ok=True)
            (folder / f"artifacts/{framework}/network.yaml").write_text(f"framework: {framework}\n")
    stages = [stage.removeprefix("stages.") for stage in OF_FRAMEWORK]
    parents = [[run(name, stage=stage)[1]["parent"] for name in ("torch", "keras")] for stage in stages]
    assert all(found == parents[0] for found in parents)
    assert len({*parents[0], run("works")[1]["parent"]}) == 3


def test_loaded_libraries_take_another_number_of_threads():
    cores = len(os.sched_getaffinity(0))
    with threadpool_limits():
        for number, expected in (("1", 1), ("2", 2), (None, cores), ("two", cores)):
            set_threads(number)
            assert {library["num_threads"] for library in threadpool_info()} == {expected}


def test_a_stage_ends_as_it_would_alone(run):
    assert run("three")[0] == 3
    status, _, error = run("sentence")
    assert (status, error) == (1, "echo: the value is 0, but should be 1\n")
    status, _, error = run("fails")
    assert status == 1
    assert error.startswith("Traceback") and error.endswith("ValueError: a defect\n")


def test_code_that_was_edited_meanwhile_is_loaded_anew(run, folder):
    before = run("works")[1]["parent"]
    with open(folder / "stages/echo.py", "a") as file:
        file.write("    sys.exit(7)\n")
    status, said, _ = run("works")
    assert status == 7
    assert said["parent"] != before


def test_a_killed_stage_is_told_and_the_next_one_runs(run):
    def kill():
        while not (found := stages(os.getpid())):
            time.sleep(0.01)
        found[0].kill()

    killer = threading.Thread(target=kill)
    killer.start()
    assert run("sleeps")[0] == -signal.SIGKILL
    killer.join()
    assert run("works")[0] == 0


def stages(pid):
    """The forks of the templates of process `pid` that run a stage."""
    return [child for child in psutil.Process(pid).children(recursive=True) if child.name() == "echo"]


def test_without_the_process_that_asked_neither_template_nor_stage_lives_on(folder):
    asking = subprocess.Popen([sys.executable, "-m", "tests.reliability.child_asks", str(folder)], cwd=ROOT)
    while not (found := stages(asking.pid)):
        assert asking.poll() is None
        time.sleep(0.01)
    found += [found[0].parent()]
    asking.kill()
    asking.wait()
    _, alive = psutil.wait_procs(found, timeout=60)
    assert not alive


@pytest.mark.parametrize(
    ("command", "fits"),
    [
        ("python -m stages.report", True),
        ("OMP_NUM_THREADS=2 python -m stages.train ablation-0", True),
        ('python -m stages.define -- "${DVC_STAGE#define@}"', True),
        ("python -m stages.report && rm reports", False),
        ("python -m stages.rig.job svd@x", False),
        ("python mine.py", False),
        ("OMP_NUM_THREADS=$(nproc) python -m stages.report", False),
    ],
)
def test_commands_that_are_a_stage_and_nothing_else(command, fits):
    assert bool(STAGE.fullmatch(command)) == fits
