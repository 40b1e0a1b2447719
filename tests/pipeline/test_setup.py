"""make sets up .venv, whatever ended an earlier try, and the commands that it prints work as printed."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FAKE = Path(__file__).with_name("fake_python.sh")


@pytest.fixture
def project(tmp_path):
    """A project of the Makefile and empty requirements."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    pins = [f"requirements/{name}.txt" for name in ("pipeline", "torch", "keras")]
    for path in (tmp_path / name for name in (*pins, "tests/requirements.txt", "docs/requirements.txt")):
        path.parent.mkdir(exist_ok=True)
        path.touch()
        os.utime(path, (0, 0))
    return tmp_path


def make(project, target, *variables, python=FAKE):
    """Run make as from a shell in which .venv is not activated: its status and what it said."""
    environment = {"PATH": os.defpath, "HOME": str(project)}
    done = subprocess.run(
        ["make", target, f"PYTHON={python}", *variables], cwd=project, env=environment, capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


def pins(project):
    """The files of requirements/ that pip was last called with."""
    return set(re.findall(r"requirements/(\w+)\.txt", (project / "pip").read_text()))


def whole(project):
    """Whether the .venv has all, and nothing that is half there."""
    return (project / ".venv/installed").exists() and not list(project.glob(".venv/half-*"))


@pytest.mark.parametrize(
    ("fault", "target"), [("full-venv", "setup"), ("full-pip", "setup"), ("full-tests", ".venv/tests-installed")]
)
def test_the_same_command_sets_up_after_a_full_disk(fault, target, project):
    (project / fault).touch()
    status, said = make(project, target)
    assert status != 0
    assert fault != "full-venv" or re.search(r"\.venv cannot be made; its disk has \d+ kB left\.", said)
    (project / fault).unlink()
    assert make(project, target)[0] == 0
    assert whole(project)


def test_a_venv_whose_pip_does_not_work_is_made_anew(project):
    assert make(project, "setup")[0] == 0
    (project / ".venv/half-a-pip").touch()
    os.utime(project / "requirements/pipeline.txt")
    os.utime(project / ".venv/installed", (1, 1))
    assert make(project, "setup")[0] == 0
    assert whole(project)


@pytest.mark.parametrize(
    ("requirements", "target"),
    [
        ("requirements/pipeline.txt", "setup"),
        ("tests/requirements.txt", ".venv/tests-installed"),
        ("docs/requirements.txt", ".venv/docs-installed"),
    ],
)
def test_a_requirement_that_does_not_exist_leaves_a_whole_venv_alone(requirements, target, project):
    assert make(project, target)[0] == 0
    kept = project / ".venv/kept"
    kept.touch()
    for marker in ("installed", "tests-installed", "docs-installed"):
        (project / ".venv" / marker).touch()
        os.utime(project / ".venv" / marker, (1, 1))
    os.utime(project / requirements)
    (project / "misspelt").touch()
    assert make(project, target)[0] != 0
    (project / "misspelt").unlink()
    assert make(project, target)[0] == 0
    assert whole(project)
    assert kept.exists()


def test_one_framework_is_installed_alone_and_another_added(project):
    assert make(project, "run", "EXTRAS=torch")[0] == 0
    assert pins(project) == {"pipeline", "torch"}
    assert make(project, "report")[0] == 0  # which asks for nothing more
    assert pins(project) == {"pipeline", "torch"}
    assert make(project, "run", "EXTRAS=keras")[0] == 0
    assert pins(project) == {"keras", "pipeline", "torch"}


def test_an_unknown_framework_is_refused(project):
    status, said = make(project, "setup", "EXTRAS=jax")
    assert status != 0
    assert 'EXTRAS is "jax", but should be torch, keras or "torch keras"' in said
    assert not (project / ".venv").exists()


def test_a_whole_venv_is_not_touched(project):
    assert make(project, "setup")[0] == 0
    before = (project / ".venv/installed").stat().st_mtime_ns
    assert make(project, "setup")[0] == 0
    assert (project / ".venv/installed").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("repository", "ignored", "without_git"),
    [(".", "", "false"), ("..", "", "false"), (None, "", "true"), ("..", "*", "true")],
)
def test_dvc_works_without_git_only_outside_a_repository(repository, ignored, without_git, project):
    """`dvc exp run` refuses core.no_scm; where a repository ignores dvc.yaml, DVC refuses without it."""
    folder = project / "project"
    folder.mkdir()
    shutil.copy2(project / "Makefile", folder)
    shutil.copytree(project / "requirements", folder / "requirements")
    (folder / "dvc.yaml").touch()
    if repository:
        subprocess.run(["git", "init", "--quiet", folder / repository], check=True)
        (folder / repository / ".gitignore").write_text(f"{ignored}\n")
    assert make(folder, "setup")[0] == 0
    assert (folder / "no_scm").read_text() == f"{without_git}\n"


@pytest.mark.parametrize("target", ["run", "report"])
def test_what_make_prints_works_as_printed(target, project):
    status, said = make(project, target)
    assert status == 0, said
    commands = re.findall(r"(\S*\b(?:dvc|snakemake|tensorboard|python))(?= )", said)
    assert commands or target != "run"
    assert [command for command in commands if not re.fullmatch(r"\.venv/bin/\w+", command)] == []
    assert [command for command in commands if not (Path(sys.executable).parent / Path(command).name).exists()] == []


def test_an_environment_is_activated_as_documented():
    """What `. .venv/bin/activate` puts on the path, of the environment that runs this."""
    activate = Path(sys.executable).parent / "activate"
    if not activate.exists():
        pytest.skip("the tests run outside of a virtual environment")
    script = f". {shlex.quote(str(activate))} && command -v dvc snakemake tensorboard python"
    found = subprocess.run(["sh", "-c", script], env={"PATH": os.defpath}, capture_output=True, text=True, check=True)
    assert {Path(path).parent.resolve() for path in found.stdout.split()} == {activate.parent.resolve()}


@pytest.fixture
def mount(tmp_path_factory):
    """A function that makes a folder a file system of some megabytes, and then of more."""
    folder = tmp_path_factory.mktemp("disk")

    def sized(megabytes, *options):
        options = ",".join([f"size={megabytes}m", *options])
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
        return folder

    yield sized
    subprocess.run(["umount", folder], check=os.path.ismount(folder))


@pytest.mark.soak
@pytest.mark.parametrize("megabytes", [1, 12, 40])
def test_the_same_command_sets_up_after_a_disk_was_full_for_real(megabytes, project, mount):
    folder, large = mount(megabytes), project / "large-1-py3-none-any.whl"
    wheel(large, "large", megabytes=20)
    shutil.copytree(project, folder, dirs_exist_ok=True, ignore=lambda *_: [large.name])
    (folder / "requirements/pipeline.txt").write_text(f"{large}\n")
    status, said = make(folder, ".venv/installed", python=sys.executable)
    assert status != 0, said
    mount(200, "remount")
    status, said = make(folder, ".venv/installed", python=sys.executable)
    assert status == 0, said
    subprocess.run([folder / ".venv/bin/python", "-m", "large"], check=True)


def wheel(path, name, megabytes):
    """Write a package that holds a module of that size."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(f"{name}.py", "#" * (megabytes << 20))
        file.writestr(f"{name}-1.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        file.writestr(f"{name}-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{name}-1.dist-info/RECORD", "")
