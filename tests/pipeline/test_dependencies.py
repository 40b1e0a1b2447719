"""dvc.yaml lists exactly the modules that a stage imports, and rooms keep to themselves."""

import ast
from pathlib import Path

import pytest

from stages.shared.base.parameters import load
from tests.processes import loaded

ROOT = Path(__file__).resolve().parents[2]
GRAPH = load(ROOT / "dvc.yaml")["stages"]
FRAMEWORKS = {"torch", "keras"}
ANALYSES = ["correlations", "gradients", "svd", "tsne", "similarity", "plots", "report"]


def module_file(name):
    """The file of a module of the project, or None."""
    path = ROOT.joinpath(*name.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def imported_modules(file):
    """Names of the project's modules that a file imports, at its top or within a function."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("stages"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("stages"):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def closure(module):
    """Files (relative to the root) that running `module` loads, and the packages' own; the two maps of folders left out."""
    found, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        file = module_file(name)
        if file is None or file in found:
            continue
        found.add(file)
        waiting += imported_modules(file)
        waiting += [name.rsplit(".", 1)[0]] if "." in name else []
    maps = {ROOT / "stages/__init__.py", ROOT / "stages/shared/__init__.py"}
    return {str(file.relative_to(ROOT)) for file in found - maps}


def listed(stage):
    """The Python files among a stage's dependencies, those of whole rooms too."""
    deps = [ROOT / dep for dep in stage["deps"] if dep.startswith("stages/")]
    files = [file for dep in deps for file in (dep.rglob("*.py") if dep.is_dir() else [dep])]
    assert len(files) == len(set(files))
    return {str(file.relative_to(ROOT)) for file in files}


def entry(stage):
    """The file of the module that a stage's command runs."""
    module = stage["cmd"].split(" -m ")[1].split()[0]
    return f"{module}.__main__" if (ROOT / module.replace(".", "/")).is_dir() else module


ENTRIES = {str(module_file(entry(stage.get("do", stage))).relative_to(ROOT)) for stage in GRAPH.values()}


@pytest.mark.parametrize("name", GRAPH)
def test_a_stage_lists_exactly_the_modules_that_it_imports(name):
    stage = GRAPH[name].get("do", GRAPH[name])
    main = entry(stage)
    loaded, found = closure(main), listed(stage)
    assert loaded <= found
    room = Path(module_file(main)).parent
    assert {ROOT / file for file in found - loaded} <= {ROOT / file for file in ENTRIES if (ROOT / file).parent == room}


def test_the_maps_of_folders_hold_no_code_that_a_result_could_depend_on():
    (docstring,) = ast.parse((ROOT / "stages/shared/__init__.py").read_text()).body
    assert isinstance(docstring, ast.Expr)
    docstring, imported, started, deepbind, lazily, bound, table, public = ast.parse(
        (ROOT / "stages/__init__.py").read_text()
    ).body
    assert isinstance(docstring, ast.Expr)
    assert ast.unparse(imported) == "import sys"
    assert ast.unparse(started.test) == "sys.argv[0] == '-m'"
    assert [ast.unparse(line).partition("(")[0] for line in started.body] == [
        "from stages.shared.base.process import end_on_interrupt",
        "end_on_interrupt",
    ]
    assert ast.unparse(deepbind) == "from stages.shared.base.deepbind import let_triton_follow_tensorflow"
    assert ast.unparse(bound) == "let_triton_follow_tensorflow()"
    assert ast.unparse(lazily) == "from stages.shared.base.exports import lazily"
    names, rooms = table.value.args
    assert ast.unparse(table.targets) == "(__getattr__, __dir__)" and ast.unparse(names) == "__name__"
    assert all(isinstance(name, str) for listed in ast.literal_eval(rooms).values() for name in listed)
    assert ast.unparse(public.targets) == "__all__"


@pytest.mark.parametrize("file", sorted((ROOT / "stages").rglob("*.py")), ids=lambda file: str(file.relative_to(ROOT)))
def test_a_room_imports_only_itself_and_the_ground_floor(file):
    room = file.relative_to(ROOT / "stages").parts[0]
    allowed = {"shared"} if room == "shared" else {room, "shared"}
    allowed |= {"train"} if room == "define" else set()  # which rehearses it
    rooms = {name.split(".")[1] for name in imported_modules(file) if "." in name}
    assert rooms <= allowed


@pytest.mark.parametrize("room", ANALYSES)
def test_an_analysis_loads_no_framework_and_nothing_slow_to_start(room):
    modules = loaded(f"stages.{room}.__main__")
    assert "h5py" in modules
    assert not modules & {"torch", "tensorflow", "keras", "sklearn", "numba", "openTSNE"}


@pytest.mark.parametrize("framework", sorted(FRAMEWORKS))
def test_training_loads_one_framework(framework):
    modules = loaded(f"stages.train.{framework}_training")
    assert framework in modules
    assert not modules & ({"torch"} if framework == "keras" else {"tensorflow", "keras"})
