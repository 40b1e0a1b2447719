"""Figures are drawn from small synthetic artifacts."""

from functools import partial

import pytest

from stages.plots import main
from tests.artifacts import write_network


@pytest.fixture
def network(tmp_path, monkeypatch):
    """A function that writes a network's artifacts, in a folder with params.yaml that is now the working one."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text("plots: {dpi: 60, pdf: true}\n")
    return partial(write_network, tmp_path)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A folder in which one process drew the figures of the network `net`, of layers six, one, five and four wide."""
    root = tmp_path_factory.mktemp("report")
    (root / "params.yaml").write_text("plots: {dpi: 60, pdf: true}\n")
    widths = {"layer1": 6, "squeeze2": 1, "layer2": 5, "output": 4}
    write_network(root, "net", widths, epochs=(0, 2), kinds={"squeeze2": "coordinates: the layer has width 1"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.chdir(root)
        main("net")
    return root
