"""The analyses of an activations file eight times as large as the memory that they may have."""

import resource
import shutil
import subprocess
import sys

import h5py
import numpy as np
import pytest

from drillcore.base.store import create, reserve, write
from stages.rig.base.parameters import dump
from tests.artifacts import write_card
from tests.small_project import ROOT

WIDTHS = {"layer1": 256, "layer2": 128, "layer3": 128}
ROWS, TIMES = 5000, 391
"""Every layer is a block of so many rows, so many times over: its correlations are the block's own."""
LIMIT = 5 * 10**8
SAMPLES = 200


pytestmark = [pytest.mark.slow, pytest.mark.soak]


@pytest.fixture(scope="module")
def block():
    """Activations after a ReLU, in which units of all layers move together and one is dead."""
    random = np.random.default_rng(0)
    signal = random.normal(size=(ROWS, 20))
    layers = {
        layer: np.maximum(signal @ random.normal(size=(20, width)) + random.normal(size=(ROWS, width)), 0)
        for layer, width in WIDTHS.items()
    }
    layers["layer2"][:, 5] = 0
    return {layer: array.astype(np.float32) for layer, array in layers.items()}


@pytest.fixture(scope="module")
def folder(block, tmp_path_factory):
    """A project with the activations of a network `large`, removed when the tests are done."""
    root = tmp_path_factory.mktemp("large")
    if shutil.disk_usage(root).free < 6e9:
        pytest.skip("needs 6 GB of free disk")
    folder, random = root / "artifacts" / "large", np.random.default_rng(1)
    folder.mkdir(parents=True)
    sections = {"similarity": {"samples": SAMPLES, "permutations": 20}}
    (root / "params.yaml").write_text(dump(sections))
    write_card(folder, "large", WIDTHS)
    try:
        with create(folder / "activations.h5") as file:
            write(file, "sample", np.arange(ROWS * TIMES))
            file.attrs["layers"] = list(WIDTHS)
            for layer, array in block.items():
                dataset = reserve(file, f"epochs/001/{layer}", (ROWS * TIMES, array.shape[1]), np.float32)
                for begin in range(0, ROWS * TIMES, ROWS):
                    dataset[begin : begin + ROWS] = array
        with create(folder / "augmented.h5") as file:
            file.attrs["layers"] = list(WIDTHS)
            for layer, width in WIDTHS.items():
                write(file, f"layers/{layer}", random.normal(size=(12, width)).astype(np.float32))
        with create(folder / "weights.h5") as file:
            file.attrs["tensors"] = []
        yield folder
    finally:
        shutil.rmtree(root)


def run(stage, folder):
    """Run a stage as the pipeline does, but with less memory than an eighth of its input; returns what it wrote."""

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT))

    command = [sys.executable, "-m", f"stages.{stage}", "large"]
    environment = {"PATH": "", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    result = subprocess.run(
        command, cwd=folder.parents[1], env=environment, preexec_fn=limit, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr[-2000:]
    return h5py.File(folder / f"{stage}.h5")


def stored_bytes(file):
    """The bytes of all chunks of an activations file, on disk and not in holes."""
    return sum(file[f"epochs/001/{layer}"].id.get_storage_size() for layer in WIDTHS)


def test_the_file_is_eight_times_the_memory(folder):
    with h5py.File(folder / "activations.h5") as file:
        assert stored_bytes(file) >= 8 * LIMIT
    assert (folder / "activations.h5").stat().st_blocks * 512 >= 8 * LIMIT


def test_correlations(folder, block):
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = np.corrcoef(np.hstack([*block.values()]), rowvar=False)
    with run("correlations", folder) as file:
        np.testing.assert_allclose(file["epochs/001/matrix"][:], expected, atol=1e-6)
        assert file["epochs/001/dead"][:].tolist() == [0, 1, 0]


def test_spectra(folder, block):
    with run("svd", folder) as file:
        for layer, array in block.items():
            expected = np.linalg.svd(array - array.mean(0, np.float64), compute_uv=False) * np.sqrt(TIMES)
            values = file[f"features/001/{layer}/singular_values"][:]
            np.testing.assert_allclose(values, expected, rtol=1e-6, atol=1e-6 * expected[0])


def test_similarity(folder, block):
    rows = np.sort(np.random.default_rng(0).permutation(ROWS * TIMES)[:SAMPLES]) % ROWS
    grams = []
    for array in block.values():
        centred = array[rows] - array[rows].mean(0, np.float64)
        gram = centred @ centred.T
        grams.append(gram.ravel() / np.linalg.norm(gram))
    with run("similarity", folder) as file:
        np.testing.assert_allclose(
            file["between_layers/linear_cka"][0], np.array(grams) @ np.transpose(grams), atol=1e-9
        )
