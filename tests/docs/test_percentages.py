"""Percentages are written one way, "52 %", in figures, page, messages and documentation."""

import re

import pytest

from tests.small_project import ROOT

WRITTEN = {
    "*.py": re.compile(r":[+]?[.][0-9]%[}\"']|PercentFormatter\((?![^)]*symbol=\" %\")"),
    "*.md": re.compile("[0-9]%"),
}
"""By files, the formats and texts that put no space before the sign."""


@pytest.mark.parametrize("pattern", WRITTEN)
def test_a_percentage_has_a_space_before_its_sign(pattern):
    files = [path for folder in ("drillcore", "stages", "docs", "examples") for path in (ROOT / folder).rglob(pattern)]
    files += ROOT.glob(pattern)
    assert files and not [path for path in files if WRITTEN[pattern].search(path.read_text())]
