"""The API reference has every public name, and the documents' code runs."""

import re
import tomllib
from pathlib import Path

import drillcore
from drillcore import figures
from tests import processes

ROOT = Path(__file__).resolve().parents[2]
MODULES = {"drillcore": drillcore, "drillcore.figures": figures}
PUBLIC = {f"{path}.{name}" for path, module in MODULES.items() for name in dir(module)} - {*MODULES}


def test_the_reference_has_every_public_name_once():
    text = "\n".join(path.read_text() for path in sorted(ROOT.glob("docs/reference/*.md")))
    assert sorted(re.findall(r"^::: (\S+)$", text, re.MULTILINE)) == sorted(PUBLIC)


def test_the_documents_code_runs(tmp_path):
    documents = [ROOT / "README.md", ROOT / "docs/library.md"]
    result = processes.run("tests.docs.child_library", *documents, folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert [path.parent.name for path in sorted(tmp_path.glob("*/keras_gradients.h5"))] == ["README", "library"]


def test_the_library_s_page_names_the_extras():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    page = (ROOT / "docs/library.md").read_text()
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == [*project["optional-dependencies"]]
