"""The notebook of a network of one's own: short, committed without outputs, and what it finds is right."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "notebooks/own_network.ipynb"
CHECKS = Path(__file__).with_name("checks.py")


@pytest.fixture(scope="module")
def notebook():
    return nbformat.read(NOTEBOOK, 4)


def test_similarity_is_greyed_by_q_values(notebook):
    (drawn,) = [cell.source for cell in code(notebook) if "layer_similarity(" in cell.source]
    assert "drillcore.q_values_of_pairs(p)" in drawn.splitlines()[-1]


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_it_is_short_and_holds_no_outputs(notebook):
    lines = [line.strip() for cell in code(notebook) for line in cell.source.splitlines()]
    assert sum(bool(line) and not line.startswith("#") for line in lines) <= 30
    assert not any(cell.outputs or cell.execution_count for cell in code(notebook))


def test_it_runs_and_finds_what_is_there(notebook, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "2"))
    notebook.cells.append(nbformat.v4.new_code_cell(CHECKS.read_text()))
    NotebookClient(notebook, timeout=1800, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [output.data for cell in code(notebook) for output in cell.outputs if "data" in output]
    assert len(shown) == 5 and all("image/png" in data for data in shown)
    assert {path.name for path in tmp_path.iterdir()} == {"digits.pth", "gradients.h5"}
