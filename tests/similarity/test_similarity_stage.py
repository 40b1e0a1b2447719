import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

import drillcore
from drillcore import calibrated, debiased_cka, linear_cka, null_quantiles, procrustes, svcca
from drillcore.artifacts.activations import Activations
from drillcore.artifacts.pairs import Pair
from drillcore.artifacts.similarity import Similarity
from drillcore.base.errors import InputError
from drillcore.extraction.all_units import basis
from drillcore.similarity.catalogue import MEASURES
from drillcore.similarity.comparison import with_outlier
from drillcore.similarity.null import q_values_of_pairs
from stages.pairs import main as main_of_pairs
from stages.rig.base.parameters import dump
from stages.similarity import main

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ["layer1", "squeeze2", "layer2", "output"]
WIDTHS = [12, 1, 30, 5]


def store_activations(path, seed=0, samples=60, epochs=(0, 2, 4), images=True, dead_at=2):
    """An activations.h5 whose layer2 is dead at epoch `dead_at`."""
    rng = np.random.default_rng(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(9).integers(0, 256, (samples, 4, 4, 1), dtype=np.uint8)
    with h5py.File(path, "w") as file:
        file.attrs.update(layers=LAYERS, source="sample: synthetic images")
        file["sample"], file["labels"] = np.arange(samples) * 3, np.arange(samples) % 10
        if images:
            file["images"] = pixels
        for epoch in epochs:
            features = pixels.reshape(samples, -1) / 255
            for layer, width in zip(LAYERS, WIDTHS, strict=True):
                features = np.tanh(features @ rng.standard_normal((features.shape[1], width)))
                values = np.zeros_like(features) if (layer, epoch) == ("layer2", dead_at) else features
                file[f"epochs/{epoch:03d}/{layer}"] = values.astype(np.float32)
    return path


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_params()
    store_activations(tmp_path / "artifacts/small/activations.h5")
    return tmp_path / "artifacts"


def write_params(**values):
    Path("params.yaml").write_text(dump({"similarity": {"permutations": 19, **values}}))


@pytest.fixture
def similarity(folder):
    main("small")
    with h5py.File(folder / "small/similarity.h5") as file:
        yield file


def layer(folder, name, epoch, network="small"):
    with h5py.File(folder / network / "activations.h5") as file:
        if name == "input":
            return file["images"][:].reshape(len(file["sample"]), -1) / 255
        return file[f"epochs/{epoch}/{name}"][:]


def test_every_measure_between_all_layers_at_every_epoch(folder, similarity):
    names = ["input", *LAYERS]
    assert list(similarity.attrs["layers"]) == names
    assert list(similarity.attrs["epochs"]) == ["000", "002", "004"]
    assert similarity.attrs["samples"] == 60
    assert sorted(similarity["between_layers"]) == sorted(MEASURES)
    assert sorted(similarity["across_epochs"]) == sorted(MEASURES)
    for name, measure in [("linear_cka", linear_cka), ("debiased_cka", debiased_cka), ("procrustes", procrustes)]:
        between, across = similarity[f"between_layers/{name}"], similarity[f"across_epochs/{name}"]
        assert between.shape == (3, 5, 5)
        assert across.shape == (5, 3, 3)
        for row, column in [(0, 1), (2, 3), (4, 1)]:
            expected = measure(layer(folder, names[row], "000"), layer(folder, names[column], "000"))
            assert between[0, row, column] == pytest.approx(expected, abs=1e-9)
        expected = measure(layer(folder, "layer1", "000"), layer(folder, "layer1", "004"))
        assert across[1, 0, 2] == pytest.approx(expected, abs=1e-9)
        np.testing.assert_allclose(across[0], MEASURES[name].alike, atol=1e-9)


def test_what_is_nan_says_why(similarity):
    for name in MEASURES:
        between, across = similarity[f"between_layers/{name}"], similarity[f"across_epochs/{name}"]
        assert np.isnan(between[1, 3]).all()
        assert "layer2: a dead layer: no unit varies (epoch 002)" in between.attrs["status"].splitlines()
        assert np.isnan(across[3, 1]).all()
        assert "epoch 002: a dead layer: no unit varies (layer layer2)" in across.attrs["status"].splitlines()
        assert between.attrs["range"]
    assert np.isfinite(similarity["between_layers/linear_cka"][0]).all()
    rsa = similarity["between_layers/rsa"]
    assert np.isnan(rsa[:, 2]).all()
    assert "squeeze2: width 1, and so no correlation over the units (epoch 000, 002, 004)" in rsa.attrs["status"]


def test_pairs_with_too_few_samples_for_cca_are_named(folder):
    store_activations(folder / "small/activations.h5", samples=14, dead_at=None)
    main("small")
    with h5py.File(folder / "small/similarity.h5") as file:
        for name in ("svcca", "pwcca"):
            values, status = file[f"between_layers/{name}"][:], file[f"between_layers/{name}"].attrs["status"]
            assert np.isnan(values[0, 0, 1])
            assert "input with layer1: " in status
            assert "layer1 with input: " not in status
            assert "some correlation is 1 whatever the data (epoch 000, 002, 004)" in status
        assert file["between_layers/linear_cka"].attrs["status"] == "complete"


def test_the_controls(folder, similarity):
    p_values = similarity["null/debiased_cka/p_value"][:]
    assert p_values.shape == (3, 5, 5)
    assert similarity["null/debiased_cka"].attrs["permutations"] == 19
    assert p_values[0, 0, 1] == pytest.approx(1 / 20)
    assert np.isnan(p_values[1, 3]).all()
    q_values = similarity["null/debiased_cka/q_value"][:]
    assert np.isnan(q_values[0].diagonal()).all()
    np.testing.assert_array_equal(q_values[0], q_values_of_pairs(p_values[0]))
    floor = similarity["floor/linear_cka"]
    assert floor[1, 3] == pytest.approx(np.sqrt(12 * 30 / ((12 + 60) * (30 + 60))))
    assert similarity["floor/permuted_linear_cka"].shape == (3, 5, 5)


def test_every_measure_has_its_null_at_the_last_epoch(folder, similarity):
    layers = {name: layer(folder, name, "004") for name in ["input", *LAYERS]}
    for name in MEASURES:
        expected = null_quantiles(layers, name, permutations=19)
        null = similarity[f"null/{name}"]
        np.testing.assert_allclose(null["quantile"], expected.pairs, atol=1e-9)
        np.testing.assert_allclose(null["best"], expected.best, atol=1e-9)
        assert null.attrs["permutations"] == (20 if name in ("svcca", "pwcca", "procrustes") else 19)


def test_the_reader_knows_scores_above_chance(folder, similarity):
    with Similarity(folder / "small/similarity.h5") as file:
        expected = calibrated(file["linear_cka"][-1], similarity["null/linear_cka/quantile"], "linear_cka")
        np.testing.assert_array_equal(file.calibrated("linear_cka"), expected)
        assert (file.best("linear_cka") >= np.nanmin(file.quantile("linear_cka"), axis=1)).all()


def test_q_values_are_over_the_pairs_once():
    p_values = np.array([[0.01, 0.02, 0.04], [0.02, 0.01, np.nan], [0.04, np.nan, 0.01]])
    expected = [[np.nan, 0.04, 0.04], [0.04, np.nan, np.nan], [0.04, np.nan, np.nan]]
    np.testing.assert_allclose(q_values_of_pairs(p_values), expected)


def test_measures_are_of_all_units_and_pwcca_of_those_that_are_stored(folder):
    path = store_activations(folder / "small/activations.h5", dead_at=None)
    every = np.tanh(np.random.default_rng(5).standard_normal((60, 300)) * 0.1).astype(np.float32)
    every[:, :40] += layer(folder, "layer1", "000")[:, :1]
    with h5py.File(path, "r+") as file:
        for epoch in ("000", "002", "004"):
            file[f"epochs/{epoch}/layer2"][:] = every[:, :30]
            file[f"epochs/{epoch}/layer2"].attrs["of"] = 300
            file[f"all_units/{epoch}/layer2"] = basis(every)
    main("small")
    first = layer(folder, "layer1", "000")
    with h5py.File(folder / "small/similarity.h5") as file:
        for name in MEASURES:
            expected = getattr(drillcore, name)(first, every[:, :30] if name == "pwcca" else every)
            assert file[f"between_layers/{name}"][0, 1, 3] == pytest.approx(expected, abs=1e-5, nan_ok=True), name
        assert file["floor/linear_cka"][1, 3] == pytest.approx(np.sqrt(12 * 300 / ((12 + 60) * (300 + 60))))
    with Activations(path) as file:
        assert (file.size("layer2"), file.size("layer1")) == (300, 12)
        np.testing.assert_array_equal(file.of_all_units("layer2", 2)[:], basis(every))
        np.testing.assert_array_equal(file.of_all_units("layer1", 2)[:], file["layer1", 2][:])


def test_the_planted_outlier_moves_cka(folder, similarity):
    assert similarity["outlier"].attrs["layer"] == "layer2"
    assert similarity["outlier"].attrs["epoch"] == "004"
    for name in MEASURES:
        assert similarity[f"outlier/{name}"].shape == similarity["outlier/shift"].shape
    linear, rsa = similarity["outlier/linear_cka"][:], similarity["outlier/rsa"][:]
    assert linear[0] == pytest.approx(1)
    assert (np.diff(linear) < 1e-12).all()
    assert linear[-1] < 0.2 < 0.9 < rsa[-1]


def test_fewer_samples_raise_linear_cka_and_not_debiased(folder):
    path = store_activations(folder / "small/activations.h5", samples=300, epochs=(0,), dead_at=None)
    noise = np.random.default_rng(1).standard_normal((300, 60)).astype(np.float32)
    with h5py.File(path, "r+") as file:
        del file["epochs/000/layer2"]
        file["epochs/000/layer2"] = noise
    main("small")
    with h5py.File(folder / "small/similarity.h5") as file:
        sizes = file["by_samples/samples"][:]
        linear, debiased = (file[f"by_samples/{name}"][:] for name in ("linear_cka", "debiased_cka"))
        np.testing.assert_allclose(linear[-1], file["between_layers/linear_cka"][-1])
        np.testing.assert_allclose(debiased[-1], file["between_layers/debiased_cka"][-1])
    assert sizes.tolist() == [16, 32, 64, 128, 256, 300]
    assert linear.shape == debiased.shape == (6, 5, 5)
    assert linear[0, 1, 3] > linear[-1, 1, 3] + 0.3
    assert np.abs(debiased[:, 1, 3]).max() < 0.2
    order = np.random.default_rng(0).permutation(300)[:16]
    expected = linear_cka(layer(folder, "layer1", "000")[order], noise[order])
    assert linear[0, 1, 3] == pytest.approx(expected, abs=1e-9)


def test_an_outlier_is_moved_by_so_many_typical_distances():
    values = np.random.default_rng(0).standard_normal((50, 7)) + 3
    moved = with_outlier(values, 10.0, seed=0)
    typical = np.sqrt(np.square(values - values.mean(0)).sum(1).mean())
    assert np.linalg.norm(moved[0] - values[0]) == pytest.approx(10 * typical)
    np.testing.assert_array_equal(moved[1:], values[1:])


def test_parameters_restrict_the_work(folder):
    write_params(measures=["svcca"], samples=50, epochs=2, permutations=5)
    main("small")
    with h5py.File(folder / "small/similarity.h5") as file:
        assert list(file["between_layers"]) == list(file["across_epochs"]) == ["svcca"]
        assert file["between_layers/svcca"].shape == (3, 5, 5)
        assert file["across_epochs/svcca"].shape == (5, 2, 2)
        assert list(file["across_epochs"].attrs["epochs"]) == ["000", "004"]
        assert file.attrs["samples"] == 50
        rows = np.sort(np.random.default_rng(0).permutation(60)[:50])
        expected = svcca(layer(folder, "layer1", "004")[rows], layer(folder, "output", "004")[rows])
        assert file["between_layers/svcca"][2, 1, 4] == pytest.approx(expected, abs=1e-9)


def test_without_images_there_is_no_input_layer(folder):
    store_activations(folder / "small/activations.h5", images=False)
    main("small")
    with h5py.File(folder / "small/similarity.h5") as file:
        assert list(file.attrs["layers"]) == LAYERS
        assert file["between_layers/linear_cka"].shape == (3, 4, 4)


def test_the_same_input_gives_the_same_bytes(folder):
    main("small")
    first = (folder / "small/similarity.h5").read_bytes()
    main("small")
    assert (folder / "small/similarity.h5").read_bytes() == first


def test_two_networks_that_saw_the_same_images(folder):
    with h5py.File(store_activations(folder / "other/activations.h5", seed=1, epochs=(0, 3)), "r+") as file:
        file.attrs["layers"] = LAYERS[:3]
    main_of_pairs("small", "other")
    names = ["input", *LAYERS]
    with h5py.File(folder / "similarity/small--other.h5") as file:
        assert list(file.attrs["layers_a"]) == names
        assert list(file.attrs["layers_b"]) == names[:4]
        assert (file.attrs["epoch_a"], file.attrs["epoch_b"]) == ("004", "003")
        expected = debiased_cka(layer(folder, "output", "004"), layer(folder, "layer1", "003", "other"))
        assert file["debiased_cka"][4, 1] == pytest.approx(expected, abs=1e-9)
        assert file["debiased_cka"][0, 0] == pytest.approx(1)
        assert sorted(set(file) - {"null", "floor", "by_epoch"}) == sorted(MEASURES)
        for name in (*MEASURES, "null/debiased_cka/p_value", "null/debiased_cka/q_value", "floor/linear_cka"):
            assert file[name].shape == file["floor/permuted_linear_cka"].shape == (5, 4)
        assert file["null/debiased_cka/p_value"][4, 1] <= 0.1
        assert "other/squeeze2: width 1" in file["rsa"].attrs["status"]
    first = {name: layer(folder, name, "004") for name in names}
    second = {name: layer(folder, name, "003", "other") for name in names[:4]}
    with Pair(folder / "similarity/small--other.h5") as file:
        for name in MEASURES:
            expected = null_quantiles(first, name, second, permutations=19)
            np.testing.assert_allclose(file.quantile(name), expected.pairs, atol=1e-9)
            for best, wanted in zip(file.best(name), expected[1:], strict=True):
                np.testing.assert_allclose(best, wanted, atol=1e-9)
        np.testing.assert_allclose(
            file.calibrated("rsa"), calibrated(file["rsa"][:], file.quantile("rsa"), "rsa"), equal_nan=True
        )


def test_two_networks_by_epoch(folder):
    store_activations(folder / "other/activations.h5", seed=1, epochs=(0, 3, 4))
    main_of_pairs("small", "other")
    with Pair(folder / "similarity/small--other.h5") as file:
        assert file.shared == [0, 4]
        for name in MEASURES:
            assert file.by_epoch(name).shape == (2, 5, 5)
            np.testing.assert_array_equal(file.by_epoch(name)[-1], file[name][:])
        expected = debiased_cka(layer(folder, "output", "000"), layer(folder, "layer1", "000", "other"))
        assert file.by_epoch("debiased_cka")[0, 4, 1] == pytest.approx(expected, abs=1e-9)


def test_two_networks_without_a_shared_epoch(folder):
    store_activations(folder / "other/activations.h5", seed=1, epochs=(1, 3))
    main_of_pairs("small", "other")
    with Pair(folder / "similarity/small--other.h5") as file:
        assert file.shared == []
        assert file.by_epoch("rsa").shape == (0, 5, 5)


def test_an_epoch_of_one_network_is_not_compared_with_a_step_of_another(folder):
    store_activations(folder / "other/activations.h5", seed=1, epochs=(0, 3, 4))
    card = {"name": "other", "framework": "torch", "checkpoints": "a*", "axis": "step"}
    (folder / "other/network.yaml").write_text(dump(card))
    main_of_pairs("small", "other")
    with Pair(folder / "similarity/small--other.h5") as file:
        assert (file.shared, file.axes, file.epochs) == ([], ["epoch", "step"], [4, 4])


@pytest.mark.parametrize("differing", ["sample", "labels", "images"])
def test_networks_that_saw_other_images_are_refused(folder, differing):
    other = store_activations(folder / "other/activations.h5", seed=1)
    with h5py.File(other, "r+") as file:
        file[differing][...] = file[differing][:][::-1]
    with pytest.raises(InputError) as refusal:
        main_of_pairs("small", "other")
    for words in ("artifacts/small/activations.h5", "artifacts/other/activations.h5", f"`{differing}`"):
        assert words in str(refusal.value)
    assert not (folder / "similarity/small--other.h5").exists()


def test_networks_of_different_numbers_of_samples_are_refused(folder):
    store_activations(folder / "other/activations.h5", samples=50)
    with pytest.raises(InputError, match="not the same images"):
        main_of_pairs("small", "other")


def test_a_missing_file_is_one_sentence(folder):
    result = subprocess.run(
        [sys.executable, "-m", "stages.similarity", "absent"],
        cwd=folder.parent,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert "artifacts/absent/activations.h5 does not exist" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (folder / "absent/similarity.h5").exists()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"measures": ["cka"]}, "similarity.measures"),
        ({"measures": "every"}, "similarity.measures is 'every', but should be all, or a list"),
        ({"measures": []}, "similarity.measures"),
        ({"samples": 3}, "similarity.samples"),
        ({"permutations": 0}, "similarity.permutations"),
        ({"pairs": [["small"]]}, "similarity.pairs"),
        ({"pairs": [["small", "../x"]]}, "similarity.pairs"),
        ({"sample": 10}, "similarity.sample"),
    ],
)
def test_bad_parameters_are_named(folder, values, words):
    write_params(**values)
    with pytest.raises(InputError, match=words):
        main("small")
