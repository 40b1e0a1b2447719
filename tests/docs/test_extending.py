"""docs/extending.md, applied to a copy of the project as it stands there: its edits fit, and its commands run."""

import json
import re
import shlex
import shutil
import sys

import h5py
import numpy as np
import pytest

from tests.small_project import ROOT, Project, one_network, small

PAGE = ROOT / "docs/extending.md"
MOST_FILES = {
    "A similarity measure": 6,
    "An analysis, its figure and its view": 12,
    "A figure": 3,
    "A data source": 3,
    "Another meaning of near zero": 1,
    "An instrument of a replay": 1,
}
"""By walk, how many files it may add and edit."""
BLOCK = re.compile(
    r"^(?P<order>New file|In) `(?P<path>[^`]+)`(?:, (?P<where>after|before|in place of) `(?P<anchor>[^`]+)`)?:\n\n"
    r"```\w+\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


def walks():
    """The walks of the page, {title: its text}."""
    titles_and_texts = re.split(r"^## (.+)\n", PAGE.read_text(), flags=re.MULTILINE)[1:]
    return dict(zip(titles_and_texts[::2], titles_and_texts[1::2], strict=True))


def commands(text):
    """The commands in blocks of shell."""
    return [
        line
        for block in re.findall(r"^```bash\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        for line in block.splitlines()
    ]


def edited(text, where, anchor, lines):
    """The content `text` of a file with `lines` put after, before or in place of its one line that reads `anchor`."""
    found = text.splitlines(keepends=True)
    places = [number for number, line in enumerate(found) if line.strip() == anchor]
    if len(places) != 1:
        raise ValueError(f"{len(places)} lines read {anchor!r}, not one")
    begin = places[0] + (where == "after")
    found[begin : places[0] + (where != "before")] = [lines]
    return "".join(found)


def apply(text, folder):
    """Do in `folder` what the blocks of a walk say; returns the paths of the files that they add and edit."""
    blocks = list(BLOCK.finditer(text))
    fences = len(re.findall(r"^```\w+$", text, re.MULTILINE)) - len(re.findall(r"^```bash$", text, re.MULTILINE))
    assert len(blocks) == fences, "a block says of no file where it belongs"
    for block in blocks:
        path = folder / block["path"]
        assert path.exists() == (block["order"] == "In"), f"{block['path']}: {block['order']}"
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            path.write_text(
                edited(path.read_text(), block["where"], block["anchor"], block["text"])
                if block["where"]
                else block["text"]
            )
        except ValueError as error:
            pytest.fail(f"docs/extending.md edits {block['path']}, where {error}: correct the page")
    return {block["path"] for block in blocks}


def extend(folder):
    """Apply the page to the project in `folder`, with its tests and documents; returns {walk: paths}."""
    for name in ("tests", "docs"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    for name in ("params.yaml", "pytest.ini", "README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    return {title: apply(text, folder) for title, text in walks().items()}


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path, git=False)
    extend(project.folder)
    return project


def test_every_edit_finds_its_line_and_no_walk_takes_more_files_than_it_says(tmp_path):
    files = extend(Project(tmp_path, git=False).folder)
    assert {title: len(files[title]) for title in MOST_FILES} == MOST_FILES


def test_a_line_that_is_gone_or_there_twice_is_no_place():
    assert edited("a\n  b\n", "after", "b", "c\n") == "a\n  b\nc\n"
    assert edited("a\n  b\n", "before", "b", "c\n") == "a\nc\n  b\n"
    assert edited("a\n  b\n", "in place of", "b", "c\n") == "a\nc\n"
    for text in ("a\n", "b\nb\n"):
        with pytest.raises(ValueError, match="lines read 'b'"):
            edited(text, "after", "b", "c\n")


def test_the_tests_of_the_page_pass_and_the_graph_lists_what_its_stages_import(project):
    tests = [line for text in walks().values() for line in commands(text) if line.startswith("python -m pytest")]
    files = list(dict.fromkeys(word for line in tests for word in shlex.split(line) if word.endswith(".py")))
    names = "tests/docs/test_reference.py::test_the_reference_has_every_public_name_once"
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--doctest-modules"]
    choice = "not loads"  # what an analysis loads, a process each, no extension changes
    project.run(sys.executable, "-m", "pytest", *options, "-k", choice, *files, names)


@pytest.mark.soak
def test_the_commands_of_the_page_run(made, tmp_path):
    project = made.copy(tmp_path / "project")
    extend(project.folder)
    project.change(small)
    project.change(one_network)
    for line in (line for text in walks().values() for line in commands(text)):
        if not line.startswith("python -m pytest"):
            project.run(*shlex.split(line))
    with h5py.File(project.folder / "artifacts/squeeze/similarity.h5") as file:
        correlation = file["between_layers/distance_correlation"][-1]
        np.testing.assert_allclose(np.diag(correlation)[np.isfinite(np.diag(correlation))], 1)
        assert file["across_epochs/distance_correlation"].shape[0] == len(correlation)
    with h5py.File(project.folder / "artifacts/squeeze/silent.h5") as file:
        assert file["fractions"].shape == (3, len(file.attrs["layers"]))
    for figure in ("silent_units", "probe_classes", "layer_similarity"):
        assert (project.folder / f"reports/squeeze/{figure}.png").stat().st_size
    assert "views/silent" in (project.folder / "reports/index.html").read_text()
    stats = json.loads((project.folder / "artifacts/squeeze/gradient_stats.json").read_text())
    with h5py.File(project.folder / "artifacts/squeeze/gradients.h5") as file:
        counts = file["raw/counts"][:].sum((1, 2, 4))  # (steps, bins now)
        edge = file.attrs["bin_edges"].tolist().index(1e-5)
    assert stats["thresholds"]["1e-05"]["raw"]["step"]["zeros"] == counts[:, 1 : edge + 2].sum(1).tolist()
    assert counts[:, 0].any()
    with h5py.File(project.folder / "data/digits.h5") as file:
        assert file["train/inputs"].shape[1:] == (8, 8, 1)
        assert len(file["train/inputs"]) + len(file["test/inputs"]) == 1797
