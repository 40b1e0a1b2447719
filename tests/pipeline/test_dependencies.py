"""dvc.yaml lists exactly the modules that a stage imports; the instrument imports nothing of the rig, no stage another."""

import ast
from pathlib import Path

import pytest

from drillcore.frameworks import FRAMEWORKS
from stages.rig.base.parameters import load
from stages.rig.frameworks import code_of
from tests.processes import loaded

ROOT = Path(__file__).resolve().parents[2]
GRAPH = load(ROOT / "dvc.yaml")["stages"]
ANALYSES = ["correlations", "gradients", "geometry", "svd", "tsne", "similarity", "plots", "report"]
CHOSEN = {
    "define": ["network", "inspection", "training", "pretrained"],
    "train": ["training", "pretrained"],
    "activations": ["network"],
    "curvature": ["network", "losses", "moments"],
    "replay": ["network", "replay"],
}
"""By stage, which modules of a network's framework it loads by name."""
BY_CODE = {"train", "activations", "curvature", "replay"}
"""The stages that depend on a framework's code by code.yaml, which `define` writes."""
MODULES = sorted(file for package in ("drillcore", "stages") for file in (ROOT / package).rglob("*.py"))


def relative(file):
    return file.relative_to(ROOT).as_posix()


def module_file(name):
    """The file of a module of the project, or None."""
    path = ROOT.joinpath(*name.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def imported_modules(file):
    """Names of the project's modules that a file imports, at its top or within a function."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in ("drillcore", "stages"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("drillcore", "stages"):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_map(file):
    """Whether a file is a package's that no result depends on: a docstring, and names that it loads when asked for."""
    kinds = ast.Expr, ast.Import, ast.ImportFrom, ast.Assign, ast.If
    return file.name == "__init__.py" and all(isinstance(node, kinds) for node in ast.parse(file.read_text()).body)


def closure(modules):
    """Files, relative to the root, that importing `modules` loads, the maps of packages left out."""
    found, waiting = set(), list(modules)
    while waiting:
        name = waiting.pop()
        file = module_file(name)
        if file is None or file in found:
            continue
        found.add(file)
        if not is_map(file):
            waiting += imported_modules(file)
        waiting += [name.rsplit(".", 1)[0]] if "." in name else []
    return {relative(file) for file in found if not is_map(file)}


def needed(name, stage):
    """The files of code that a stage has to list."""
    main = stage["cmd"].split(" -m ")[1].split()[0]
    chosen = [f"stages.rig.{framework}.{module}" for framework in FRAMEWORKS for module in CHOSEN.get(name, [])]
    chosen += [f"drillcore.frameworks.{framework}" for framework in FRAMEWORKS if chosen]
    by_code = {file for framework in FRAMEWORKS for file in code_of(framework)} if name in BY_CODE else set()
    return closure([main, *chosen]) - by_code


def listed(stage):
    """The Python files among a stage's dependencies, those of whole folders too."""
    deps = [ROOT / dep for dep in stage["deps"] if dep.split("/")[0] in ("drillcore", "stages")]
    files = [file for dep in deps for file in (dep.rglob("*.py") if dep.is_dir() else [dep])]
    assert len(files) == len(set(files))
    return {relative(file) for file in files if not is_map(file)}


@pytest.mark.parametrize("name", GRAPH)
def test_a_stage_lists_exactly_the_modules_that_it_imports(name):
    stage = GRAPH[name].get("do", GRAPH[name])
    assert listed(stage) == needed(name, stage)


@pytest.mark.parametrize("name", sorted(BY_CODE))
def test_a_stage_depends_on_the_code_of_its_networks_framework_alone(name):
    stage = GRAPH[name]["do"]
    assert {"artifacts/${key}/code.yaml", "artifacts/${item.network}/code.yaml"} & set(stage["deps"])
    assert "artifacts/${key}/code.yaml" in GRAPH["define"]["do"]["outs"]
    torch, keras = (set(code_of(framework)) for framework in FRAMEWORKS)
    assert torch and keras and not torch & keras and not (torch | keras) & listed(stage)
    for framework, files in (("torch", torch), ("keras", keras)):
        assert all(framework in file for file in files)


@pytest.mark.parametrize("file", MODULES, ids=relative)
def test_the_instrument_imports_nothing_of_the_rig_and_a_stage_no_other(file):
    part, *rest = file.relative_to(ROOT).parts
    imported = {name.split(".")[1] for name in imported_modules(file) if name.startswith("stages.")}
    assert imported <= (set() if part == "drillcore" else {"rig"}), rest


@pytest.mark.parametrize("stage", ANALYSES)
def test_an_analysis_loads_no_framework_and_nothing_slow_to_start(stage):
    modules = loaded(f"stages.{stage}")
    assert "h5py" in modules
    needed = {"openTSNE", "sklearn"} if stage == "tsne" else set()  # by every network, so a template loads them once
    assert not modules & {"torch", "tensorflow", "keras", "sklearn", "numba", "openTSNE", "pandas"} - needed


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_training_loads_one_framework(framework):
    modules = loaded(f"stages.rig.{framework}.training")
    assert framework in modules
    assert not modules & ({"torch"} if framework == "keras" else {"tensorflow", "keras"})
