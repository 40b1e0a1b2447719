"""The notebooks, one of each framework: short, committed without outputs, and what they find is right."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
CHECKS = Path(__file__).with_name("checks.py")
NOTEBOOKS = sorted(ROOT.joinpath("notebooks").glob("*.ipynb"))

pytestmark = pytest.mark.slow


def read(path):
    return nbformat.read(path, 4)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def lines(cells):
    return [line.strip() for cell in cells for line in cell.source.splitlines() if line.strip()]


def test_there_is_one_of_each_framework():
    assert [path.stem for path in NOTEBOOKS] == ["keras", "pytorch"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_short_and_holds_no_outputs(path):
    setting_up, training, *drawing = code(read(path))
    assert len(lines([training])) <= 12 and len(lines([setting_up])) <= 12
    assert len(lines(drawing)) == len(drawing) + 1  # a line for each figure, and one for the outputs
    assert not any(cell.outputs or cell.execution_count for cell in code(read(path)))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_and_finds_what_is_there(path, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "2"))
    notebook = read(path)
    notebook.cells.append(nbformat.v4.new_code_cell(CHECKS.read_text()))
    # Each runs in a process of its own, the kernel, so that the frameworks do not meet.
    NotebookClient(notebook, timeout=1800, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [output.data for cell in code(notebook) for output in cell.outputs if "data" in output]
    recorder, near_zero, sizes, correlations, matrix, *others = shown
    assert "<td>4,546</td>" in recorder["text/html"] and "<td>closed</td>" in recorder["text/html"]
    assert "debiased CKA" in matrix["text/html"]
    assert len(others) == 3 and all("image/png" in data for data in [near_zero, sizes, correlations, *others])
    # TensorFlow says on its import which processor there is, and the recorder which steps were spikes.
    streams = [output for cell in code(notebook)[1:] for output in cell.outputs if output.output_type == "stream"]
    said = [line for output in streams for line in output.text.splitlines()]
    assert all(line.startswith("step ") and "6 standard deviations" in line for line in said), said
    assert {file.name for file in tmp_path.iterdir()} == {"gradients.h5"}
