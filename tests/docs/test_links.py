"""Every link from one document of the repository to another leads somewhere."""

import re
from pathlib import Path

import pytest

from stages.rig.base.parameters import load

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def prose(document):
    """The text of a document without its blocks of code."""
    return re.sub(r"^ *```.*?^ *```", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)


def anchors(document):
    """The anchors of a document's headings, as GitHub and MkDocs name them."""
    headings = re.findall(r"^#+ (.+)$", prose(document), re.MULTILINE)
    return {re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in headings}


def links():
    """The documents' relative links, as (document, target)."""
    found = [(document, target) for document in DOCUMENTS for target in re.findall(r"\]\(([^)\s]+)\)", prose(document))]
    return [(document, target) for document, target in found if not re.match(r"https?:", target)]


@pytest.mark.parametrize(
    ("document", "target"),
    links(),
    ids=lambda value: str(value.relative_to(ROOT)) if isinstance(value, Path) else value,
)
def test_a_link_leads_somewhere(document, target):
    path, _, anchor = target.partition("#")
    page = document.parent / path if path else document
    assert page.is_file()
    assert not anchor or anchor in anchors(page)


def test_the_readme_leads_to_every_page():
    page = {target.partition("#")[0] for document, target in links() if document.name == "README.md"}
    pages = {str(path.relative_to(ROOT)) for path in ROOT.glob("docs/*.md")} - {"docs/index.md"}
    assert pages <= page


def test_the_site_leads_to_every_page():
    nav, pages = [load(ROOT / "mkdocs.yml")["nav"]], []
    while nav:
        entry = nav.pop()
        nav += entry.values() if isinstance(entry, dict) else entry if isinstance(entry, list) else []
        pages += [entry] if isinstance(entry, str) else []
    assert sorted(pages) == sorted(path.relative_to(ROOT / "docs").as_posix() for path in ROOT.glob("docs/**/*.md"))
