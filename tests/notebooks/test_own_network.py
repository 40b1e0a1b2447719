"""The notebook of a network of one's own: short, committed without outputs, and what it finds is right."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "notebooks/own_network.ipynb"

CHECKS = """
import numpy as np

gradients = stages.read("gradients.h5")
counts = gradients["raw/counts"]
assert counts.shape[:2] == (167, 4) and gradients["raw/epoch"][-1] == 8
assert (counts[:].sum((2, 3, 4)) == gradients.attrs["sizes"]).all()
assert list(gradients.attrs["tensors"]) == ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]

assert list(outputs) == ["fc1", "relu", "fc2"]
stored = {name: tensor.numpy().astype(np.float64) for name, tensor in torch.load("digits.pth").items()}
expected = images[1297:].numpy() @ stored["fc1.weight"].T + stored["fc1.bias"]
np.testing.assert_allclose(outputs["fc1"], expected, atol=1e-5)
np.testing.assert_allclose(outputs["relu"], np.maximum(outputs["fc1"], 0))
accuracy = (outputs["fc2"].argmax(1) == labels[1297:].numpy()).mean()
assert accuracy > 0.8, accuracy

columns = np.concatenate([*outputs.values()], axis=1).astype(np.float64)
living = columns.std(0) > 0
np.testing.assert_allclose(r[np.ix_(living, living)], np.corrcoef(columns[:, living].T), atol=1e-6)
assert np.isnan(r[~living]).all()


def hsic(x, y):
    # Song et al. 2012, equation 5, in full matrices.
    k, l = (values.astype(np.float64) @ values.T.astype(np.float64) for values in (x, y))
    np.fill_diagonal(k, 0), np.fill_diagonal(l, 0)
    n = len(k)
    return np.trace(k @ l) + k.sum() * l.sum() / (n - 1) / (n - 2) - 2 * (k @ l).sum() / (n - 2)


pair = outputs["fc1"], outputs["fc2"]
expected = hsic(*pair) / np.sqrt(hsic(pair[0], pair[0]) * hsic(pair[1], pair[1]))
np.testing.assert_allclose(cka[0, 2], expected, rtol=1e-4)
assert (p == 1 / 201).all()

(line,) = [line for line in axes.lines if len(line.get_ydata()) == 10]
centred = outputs["fc2"] - outputs["fc2"].mean(0, dtype=np.float64)
np.testing.assert_allclose(line.get_ydata(), np.linalg.svd(centred, compute_uv=False), rtol=1e-5)
assert all(map_.trustworthiness > 0.9 and map_.points.shape == (500, 2) for map_ in maps.values())
"""


@pytest.fixture(scope="module")
def notebook():
    return nbformat.read(NOTEBOOK, 4)


def test_similarity_is_greyed_by_q_values(notebook):
    (drawn,) = [cell.source for cell in code(notebook) if "layer_similarity(" in cell.source]
    assert "stages.q_values_of_pairs(p)" in drawn.splitlines()[-1]


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_it_is_short_and_holds_no_outputs(notebook):
    lines = [line.strip() for cell in code(notebook) for line in cell.source.splitlines()]
    assert sum(bool(line) and not line.startswith("#") for line in lines) < 30
    assert not any(cell.outputs or cell.execution_count for cell in code(notebook))


def test_it_runs_and_finds_what_is_there(notebook, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "2"))
    notebook.cells.append(nbformat.v4.new_code_cell(CHECKS))
    NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [output.data for cell in code(notebook) for output in cell.outputs if "data" in output]
    assert len(shown) == 5 and all("image/png" in data for data in shown)
    assert {path.name for path in tmp_path.iterdir()} == {"digits.pth", "gradients.h5"}
