"""The API reference has every public name, and the documents use no other."""

import re
from pathlib import Path

import pytest

import drillcore
from drillcore import figures

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
MODULES = {"drillcore": drillcore, "drillcore.figures": figures}
PUBLIC = {f"{path}.{name}" for path, module in MODULES.items() for name in dir(module)} - {*MODULES}


def test_the_reference_has_every_public_name_once():
    text = "\n".join(path.read_text() for path in sorted(ROOT.glob("docs/reference/*.md")))
    assert sorted(re.findall(r"^::: (\S+)$", text, re.MULTILINE)) == sorted(PUBLIC)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_a_document_s_code_uses_public_names(document):
    blocks = re.findall(r"^ *```python\n(.*?)^ *```", document.read_text(), re.MULTILINE | re.DOTALL)
    used = {name for block in blocks for name in re.findall(r"\bdrillcore(?:\.figures)?\.\w+", block)}
    assert used <= PUBLIC | {*MODULES}
