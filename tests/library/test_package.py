"""The package `drillcore` is small, runs on any system, and says which extra a part of it needs."""

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from drillcore.extras import LIBRARIES
from tests.processes import loaded, run

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MODULES = sorted((ROOT / "drillcore").rglob("*.py"))
CORE = {"numpy", "h5py", "numba", "lazy_loader", "threadpoolctl", "ruamel"}
MODULE_OF = {"scikit-learn": "sklearn", "ruamel.yaml": "ruamel", "lazy-loader": "lazy_loader"}
"""The modules of distributions that are called otherwise."""
NOT_EVERYWHERE = {"fcntl", "grp", "pwd", "pty", "resource", "syslog", "termios", "tty"}
"""Of the standard library, what only POSIX has."""
OF_PROGRAMS = {"argparse", "getpass", "optparse", "readline"}
FORBIDDEN = {"chdir", "cwd", "fork", "getcwd", "geteuid", "getuid", "killpg", "prctl", "pthread_sigmask", "setsid"}
"""Names of functions that only POSIX has, or that depend on the current folder."""


def relative(file):
    return file.relative_to(ROOT).as_posix()


def module_of(requirement):
    name = re.match(r"[\w.-]+", requirement)[0]
    return MODULE_OF.get(name, name.replace("-", "_"))


def imported(tree):
    """The top-level modules that a file imports, at its top or within a function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module.split(".")[0]


@pytest.mark.parametrize("file", MODULES, ids=relative)
def test_a_module_imports_what_every_system_has_the_core_and_what_extras_bring(file):
    foreign = set(imported(ast.parse(file.read_text()))) - {"drillcore"}
    assert not foreign & (NOT_EVERYWHERE | OF_PROGRAMS)
    assert foreign - sys.stdlib_module_names <= CORE | {module for modules in LIBRARIES.values() for module in modules}


@pytest.mark.parametrize("file", MODULES, ids=relative)
def test_a_module_needs_neither_posix_nor_the_current_folder_nor_parameters(file):
    tree = ast.parse(file.read_text())
    assert not {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} & FORBIDDEN
    assert "params.yaml" not in file.read_text()


def test_the_package_requires_the_core_alone():
    assert {module_of(requirement) for requirement in PROJECT["dependencies"]} == CORE
    assert "license" not in PROJECT
    assert not [requirement for requirement in PROJECT["dependencies"] if "==" in requirement]


@pytest.mark.parametrize("extra", LIBRARIES)
def test_an_extra_brings_the_libraries_that_are_said_to_be_missing(extra):
    assert LIBRARIES[extra].keys() <= {
        module_of(requirement) for requirement in PROJECT["optional-dependencies"][extra]
    }


def requirements(extra):
    """What an extra requires, by the name of the distribution; extras that it includes are replaced by what they require."""
    found = {}
    for requirement in map(Requirement, PROJECT["optional-dependencies"].get(extra, PROJECT["dependencies"])):
        if requirement.name == "drillcore":
            found |= {name: of for included in requirement.extras for name, of in requirements(included).items()}
        else:
            found[requirement.name] = requirement
    return found


@pytest.mark.parametrize(
    ("file", "extras"), [("pipeline", ["core", "pipeline"]), ("torch", ["torch"]), ("keras", ["keras"])]
)
def test_each_pin_is_of_what_the_extras_require_and_in_their_range(file, extras):
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / f"requirements/{file}.txt").read_text(), re.MULTILINE))
    required = {name: requirement for extra in extras for name, requirement in requirements(extra).items()}
    assert pins.keys() == required.keys()
    assert [name for name in pins if pins[name] not in required[name].specifier] == []


def test_requirements_txt_names_every_file_of_pins():
    named = set(re.findall(r"^-r (\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    assert named == {relative(file) for file in (ROOT / "requirements").iterdir()}


def test_importing_the_package_loads_nothing_but_the_standard_library_and_the_loader_of_names():
    assert loaded("drillcore") - loaded("sys") - sys.stdlib_module_names == {"drillcore", "lazy_loader"}


def test_without_any_extra_the_core_works_and_each_other_name_says_what_to_install():
    result = run("tests.library.child_core", "--hide")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.soak
def test_the_wheel_alone_is_enough_and_small(tmp_path):
    """Needs a package index."""
    result = subprocess.run([ROOT / ".ci/core", tmp_path], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    (wheel,) = tmp_path.glob("*.whl")
    files = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in files if ".dist-info/" not in name} == {"drillcore"}
    page = {relative(file) for file in (ROOT / "drillcore/report/page").rglob("*.*")}
    assert page <= set(files)
