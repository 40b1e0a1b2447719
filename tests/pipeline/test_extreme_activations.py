"""Every analysis, every figure and the page of what a diverged training leaves: layers that no library was made for."""

from importlib import import_module
from pathlib import Path

import h5py
import numpy as np
import pytest

from drillcore.artifacts.geometry import Geometry
from drillcore.artifacts.weights import Weights, write_weights
from stages.rig.base.parameters import dump
from stages.rig.page import make_page
from tests.artifacts import AUGMENTATIONS, write_network

SAMPLES, UNITS = 40, 5
PARAMS = {
    "similarity": {"permutations": 9},
    "tsne": {"samples": SAMPLES, "perplexity": 5.0, "iterations": 10, "neighbors": 5},
    "plots": {"dpi": 50},
}


def extremes():
    """Layers (samples, units), float32, by what is extreme in them."""
    random = np.random.default_rng(0)

    def changed(rows, units, value):
        layer = random.standard_normal((SAMPLES, UNITS))
        layer[rows, units] = value
        return layer

    noise = random.standard_normal((SAMPLES, UNITS))
    layers = {
        "nan": np.full_like(noise, np.nan),
        "one_nan": changed(3, 2, np.nan),
        "one_inf": changed(3, 2, -np.inf),
        "narrow_nan": np.full((SAMPLES, 1), np.nan),
        "tiny": 1e-30 * noise,
        "subnormal": 1e-42 * noise,
        "large": 1e19 * noise,
        "huge": 1e30 * noise,
        "narrow_huge": 1e38 * np.clip(noise[:, :2], -3, 3),
        "huge_sample": changed(3, slice(None), 1e30),
        "huge_unit": changed(slice(None), 2, 1e30 * random.standard_normal(SAMPLES)),
        "constant": np.full_like(noise, 0.1),
        "constant_rows": np.repeat(noise[:, :1], UNITS, axis=1),
        "duplicates": np.repeat(noise[:2], SAMPLES // 2, axis=0),
        "output": changed(slice(None), 3, np.nan)[:, :4],
    }
    return {name: layer.astype(np.float32) for name, layer in layers.items()}


@pytest.fixture(scope="module")
def analysed(tmp_path_factory):
    """A folder in which every analysis and every figure of a network of such layers was made, and its page."""
    root = tmp_path_factory.mktemp("extreme")
    layers = extremes()
    folder = write_network(
        root, "net", {name: layer.shape[1] for name, layer in layers.items()}, build="torchvision:net"
    )
    (root / "params.yaml").write_text(dump(PARAMS | {"data": "sample", "networks": {"net": {}}}))
    for part in ("activations.h5", "train_activations.h5"):
        with h5py.File(folder / part, "r+") as file:
            for epoch in file["epochs"].values():
                for name, layer in layers.items():
                    epoch[name][...] = layer
    with h5py.File(folder / "augmented.h5", "r+") as file:
        for name, layer in layers.items():
            file[f"layers/{name}"][...] = layer[:AUGMENTATIONS]
    tensors = [name for name, layer in layers.items() if layer.shape[1] == UNITS]
    with write_weights(folder / Weights.FILE) as writer:
        for epoch in range(3):
            writer.store(epoch, {f"{name}.weight": layers[name] for name in tensors})
    with h5py.File(folder / "gradients.h5", "r+") as file:
        file["loss"][1:] = np.nan
        for kind in ("raw", "ema"):
            file[f"{kind}/weight_change"][1:] = np.inf
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("OMP_NUM_THREADS", "1")
        for stage in ("correlations", "similarity", "gradients", "geometry", "svd", "tsne", "plots"):
            import_module(f"stages.{stage}").main("net")
        (root / "page.html").write_bytes(make_page())
    return root


def test_every_figure_and_the_page_are_there(analysed):
    figures = {path.stem for path in Path(analysed, "reports/net").rglob("*.png")}
    assert {"model_tsne_layers", "f_svd_analysis", "layer_similarity", "correlation_evolution", "wdiff"} <= figures
    assert (analysed / "page.html").stat().st_size > 100_000


def test_coordinates_that_are_not_finite_say_why(analysed):
    with h5py.File(analysed / "artifacts/net/tsne.h5") as file:
        for name, group in file.items():
            if isinstance(group, h5py.Group):
                finite = bool(np.isfinite(group["embedding"]).all())
                assert finite == (not group.attrs["status"].startswith("none: ")), name
                assert np.isfinite(group["pca"]).all() == np.isfinite(extremes()[name]).all(), name
        assert "not finite" in file["narrow_nan"].attrs["status"]
        for name in ("tiny", "subnormal", "large", "huge", "huge_unit", "constant_rows"):
            assert file[name].attrs["status"] == "t-SNE"


def test_scale_costs_no_readout_and_no_dimension(analysed):
    with Geometry(analysed / "artifacts/net/geometry.h5") as file:
        scores = {name: dict(zip(file.layers, file[name][-1], strict=True)) for name in file}
        for name in ("probe", "nearest_mean", "nc1", "dimension"):
            for layer in ("large", "huge"):
                assert scores[name][layer] == pytest.approx(scores[name]["tiny"], rel=1e-4), (name, layer)
            for layer in ("nan", "one_nan", "one_inf", "constant", "output"):
                assert np.isnan(scores[name][layer]), (name, layer)
        assert "a dead layer: no unit varies: constant" in file.status("probe")


def test_scale_costs_no_rank(analysed):
    with h5py.File(analysed / "artifacts/net/svd.h5") as file:
        ranks = {name: group.attrs["effective_rank"] for name, group in file["features/002"].items()}
    for name in ("large", "huge"):
        assert ranks[name] == pytest.approx(ranks["tiny"], rel=1e-5)
    for name in ("nan", "one_nan", "one_inf", "constant", "output"):
        assert np.isnan(ranks[name]), name
    for name in ("constant_rows", "duplicates"):
        assert ranks[name] == pytest.approx(1, abs=1e-6), name


def test_nan_similarities_are_those_of_layers_that_have_a_reason(analysed):
    with h5py.File(analysed / "artifacts/net/similarity.h5") as file:
        layers, values = list(file.attrs["layers"]), file["between_layers/debiased_cka"][-1]
        status = file["between_layers/debiased_cka"].attrs["status"]
        p_values = file["null/debiased_cka/p_value"][-1]
    undefined = {name for name, value in zip(layers, np.diag(values), strict=True) if np.isnan(value)}
    assert undefined == {"nan", "one_nan", "one_inf", "narrow_nan", "constant", "huge_sample", "output"}
    for name in undefined:
        assert f"{name}: " in status
    known = ~np.isnan(np.diag(values))
    assert np.isfinite(values[np.ix_(known, known)]).all()
    assert np.isfinite(p_values[np.ix_(known, known)]).all()
    assert values[layers.index("tiny"), layers.index("huge")] == pytest.approx(1, abs=1e-6)


def test_correlations_of_other_units_are_left_alone(analysed):
    layers = extremes()
    names = list(layers)
    with h5py.File(analysed / "artifacts/net/correlations.h5") as file:
        matrix, owner, dead = file["epochs/002/matrix"][:], file["layer_of_unit"][:], file["epochs/002/dead"][:]
    tiny, huge = (matrix[owner == names.index("tiny")][:, owner == names.index(name)] for name in ("tiny", "huge"))
    np.testing.assert_allclose(huge, np.corrcoef(layers["tiny"].astype(np.float64).T), atol=1e-6)
    np.testing.assert_allclose(huge, tiny, atol=1e-6)
    assert dict(zip(names, dead, strict=True))["one_nan"] == 1
    assert dict(zip(names, dead, strict=True))["nan"] == UNITS
