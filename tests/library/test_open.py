"""Any file opens by its path: it says what it holds, gives its arrays by name, draws itself, or says why not."""

import shutil

import h5py
import numpy as np
import pytest
from matplotlib.figure import Figure

import drillcore
from drillcore import extras
from drillcore.artifacts.about import ABOUT, About, read_about, write_about
from drillcore.artifacts.folder import FILES
from drillcore.artifacts.history import History
from drillcore.artifacts.replicates import write_replicates
from drillcore.base.errors import DamagedFile, InputError, MissingFile
from drillcore.base.store import create, write
from tests.artifacts import all_units, write_network

WIDTHS = {"/fc1/Gemm": 3, "squeeze2": 2, "<out>": 4}
TABLES = {
    "history",
    "metrics",
    "gradients",
    "gradient_stats",
    "correlations",
    "similarity",
    "curvature",
    "rewind",
    "geometry",
    "svd",
    "tsne",
}
DRAWN = {
    "history": "Training",
    "gradients": "Gradients near zero, retained and released: |g| ≤ 1e-7",
    "augmented": "One image under 12 random augmentations",
    "correlations": "Correlation between the units of every two layers",
    "similarity": "Similarity of the layers' representations",
    "curvature": "Curvature and gradient noise",
    "predictions": "Which samples are learned easily, and whose labels are likely wrong",
    "rewind": "Which layers matter: each put back alone to an earlier epoch",
    "geometry": "What can be read from a layer",
    "svd": "Spectra of the layers' features",
    "tsne": "Samples in every layer: t-SNE, and PCA below",
}
"""By file, the headline of its main figure."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    tensors = {f"{layer}.weight": 5 * width for layer, width in WIDTHS.items()}
    root = tmp_path_factory.mktemp("open")
    written = write_network(root, "net", WIDTHS, epochs=(0, 1, 2), tensors=tensors)
    (written / "corr_means.json").write_text('{"layers": ["a"], "epochs": {"0": [[null]], "2": [[0.5]]}}')
    with create(written / "weights.h5") as file:
        file.attrs["tensors"] = ["%2Ffc1%2FGemm.weight"]
        write(file, "epochs/002/%2Ffc1%2FGemm.weight", np.ones((3, 5), np.float32))
    with write_replicates(written / "replicates.h5") as writer:
        outputs = {layer: np.zeros((40, width), np.float32) for layer, width in WIDTHS.items()}
        writer.store(1, [outputs], 40, all_units(WIDTHS))
    return written


@pytest.fixture
def net(folder):
    with drillcore.open(folder) as opened:
        yield opened


@pytest.fixture
def alone(tmp_path):
    """What a recorder leaves in a folder of nothing else."""
    random = np.random.default_rng(0)
    with drillcore.GradientRecorder({"w": 6}, tmp_path / "gradients.h5") as recorder:
        for step in range(1, 5):
            gradient, weight = random.normal(0, 1e-5, (2, 6)).astype(np.float32)
            recorder.record(step, 1, 0.5, [gradient], [weight])
        recorder.end_epoch(1)
    return tmp_path / "gradients.h5"


def test_a_folder_holds_every_file(net):
    assert list(net) == list(FILES)
    assert net.network.name == net.about.title == "net"
    assert net.svd is net["svd"]
    assert set(FILES) <= set(dir(net))
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        _ = net.other


@pytest.mark.parametrize("name", FILES)
def test_a_file_says_what_it_holds(net, name):
    lines = repr(net[name]).splitlines()
    assert FILES[name].FILE in lines[0] and FILES[name].FILE in repr(net)
    assert 2 <= len(lines) <= 30
    if name != "metrics":
        variable = next(iter(net[name].variables().values()))
        assert f"{variable.axes[0]} {variable.shape[0]}" in repr(net[name])


def test_a_notebook_takes_no_name_for_markup(net):
    shown = net.activations._repr_html_()
    assert "&lt;out&gt;" in shown and "<out>" not in shown
    assert "epochs: 0, 1, 2" in shown


@pytest.mark.parametrize("name", FILES)
def test_arrays_come_by_the_names_of_the_model(net, name):
    file = net[name]
    assert len(file) == len(list(file)) > 0
    assert all(key in file for key in file)
    assert not any("%2F" in key for key in file)
    with pytest.raises(InputError, match=rf"{FILES[name].FILE} has no \w+( or tensor)? 'nothing'; it has ") as failure:
        file["nothing"]
    assert isinstance(failure.value, KeyError)
    assert file.get("nothing") is None


def test_an_array_is_read_when_it_is_asked_for(net):
    layer = net.activations["/fc1/Gemm"]
    assert isinstance(layer, h5py.Dataset) and layer.shape == (40, 3)
    assert layer.name == "/epochs/002/%2Ffc1%2FGemm"
    assert net.activations["/fc1/Gemm", 0].name == "/epochs/000/%2Ffc1%2FGemm"
    with pytest.raises(InputError, match="has no epoch 7; it has 0, 1, 2"):
        net.activations["/fc1/Gemm", 7]


def test_blocks_of_correlations_are_those_of_the_layers(net):
    matrix = net.correlations.of_epoch("matrix", 2)[:]
    np.testing.assert_array_equal(net.correlations["squeeze2"], matrix[3:5, 3:5])
    np.testing.assert_array_equal(net.correlations["/fc1/Gemm", "<out>"], matrix[:3, 5:])


@pytest.mark.parametrize("name", sorted(FILES.keys() - {"metrics"}))
def test_every_array_is_in_xarray_with_named_axes(net, name):
    pytest.importorskip("xarray")
    dataset, variables = net[name].to_xarray(), net[name].variables()
    assert list(dataset.data_vars) == list(variables)
    for key, variable in variables.items():
        assert dataset[key].dims == variable.axes
        assert (dataset[key].shape, dataset[key].dtype) == (variable.shape, variable.dtype)
        np.testing.assert_array_equal(dataset[key].values, variable.load())


def test_xarray_picks_by_layer_and_epoch(net):
    pytest.importorskip("xarray")
    picked = net.similarity.to_xarray()["rsa"].sel(epoch=1, layer="input", other_layer="squeeze2")
    assert picked == net.similarity["rsa"][1, 0, 2]
    outputs = net.activations.to_xarray()["squeeze2"].sel(epoch=1)
    np.testing.assert_array_equal(outputs, net.activations["squeeze2", 1][:])


@pytest.mark.parametrize("name", FILES)
def test_tables_are_in_pandas(net, name):
    pytest.importorskip("pandas")
    if name not in TABLES:
        with pytest.raises(InputError, match=r"is no table: take its arrays by name, or to_xarray\(\)\."):
            net[name].to_pandas()
        return
    table = net[name].to_pandas()
    assert len(table) and list(table) == list(net[name].columns())


def test_a_row_of_a_table_is_the_value_in_the_file(net):
    pytest.importorskip("pandas")
    ranks = net.svd.to_pandas().set_index(["epoch", "name"])
    assert ranks.loc[(1, "squeeze2"), "effective_rank"] == net.svd.rank("squeeze2", "effective_rank", 1)
    means = net.correlations.to_pandas().set_index(["epoch", "layer", "other_layer"])
    assert means.loc[(2, "/fc1/Gemm", "<out>"), "mean"] == net.correlations.of_epoch("mean", 2)[0, 2]


@pytest.mark.parametrize("name", FILES)
def test_a_file_draws_its_main_figure_or_says_that_it_has_none(net, name):
    if name not in DRAWN:
        assert net[name].figures() == []
        with pytest.raises(InputError, match="has no figure: "):
            net[name].plot()
        return
    figure = net[name].plot()
    assert isinstance(figure, Figure)
    assert " ".join(figure.texts[0].get_text().split()) == DRAWN[name]
    assert figure.texts[1].get_text().startswith("net, ")


def test_another_figure_is_drawn_by_its_name(net):
    assert "correlation_evolution" in net.correlations.figures()
    assert net.correlations.plot("correlation_evolution").texts[0].get_text().startswith("Mean correlation")
    with pytest.raises(InputError, match=r"has no figure 'nothing'; it has .*correlation_evolution"):
        net.correlations.plot("nothing")
    assert net.plot().texts[0].get_text() == "Training"


def test_a_file_alone_opens_and_draws(alone):
    file = drillcore.open(alone)
    assert file["w"].shape == (3, 13, 13, 4)
    assert file.plot(thresholds=[1e-6]).texts[0].get_text().endswith("|g| ≤ 1e-6")
    assert file.plot("layer_wise_grad_signs").texts[1].get_text().startswith("gradients.h5, ")
    with pytest.raises(InputError, match=r"the threshold 0\.3 is none of the edges"):
        file.plot(thresholds=[0.3])


@pytest.mark.parametrize("name", sorted(DRAWN.keys() - {"gradients"}))
def test_every_file_draws_without_the_others(folder, tmp_path, name):
    shutil.copy(folder / FILES[name].FILE, tmp_path)
    figure = drillcore.open(tmp_path / FILES[name].FILE).plot()
    assert figure.texts[1].get_text().startswith(FILES[name].FILE)


def test_a_file_is_known_by_what_it_holds(folder, tmp_path):
    for name, reader in FILES.items():
        if reader.FILE.endswith(".h5"):
            path = shutil.copy(folder / reader.FILE, tmp_path / "renamed.h5")
            assert type(drillcore.open(path)) is reader, name


def test_what_is_not_there_or_not_ours_is_said_in_a_sentence(tmp_path):
    with pytest.raises(MissingFile, match=r"nowhere\.h5 does not exist"):
        drillcore.open(tmp_path / "nowhere.h5")
    with pytest.raises(InputError, match=r"is no network.s folder: it holds none of network\.yaml, history\.csv, "):
        drillcore.open(tmp_path)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = [1]
    (tmp_path / "notes.txt").write_text("notes")
    for name in ("other.h5", "notes.txt"):
        with pytest.raises(
            InputError, match=rf"{name} is no file that Drillcore wrote: open a network's folder, or one of"
        ):
            drillcore.open(tmp_path / name)


@pytest.mark.parametrize(
    "name", ["gradients.h5", "metrics.json", "gradient_stats.json", "corr_means.json", "history.csv"]
)
def test_a_damaged_file_is_said_to_be_damaged(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(20))
    with pytest.raises(DamagedFile, match=rf"{name} is damaged"):
        drillcore.open(tmp_path / name)


def test_what_readers_are_told_of_a_network_is_read_or_said_to_be_damaged(tmp_path):
    write_about(tmp_path, About("a title", 7))
    assert read_about(tmp_path) == About("a title", 7)
    (tmp_path / "history.csv").write_text(
        "epoch,train_loss,train_accuracy,val_loss,val_accuracy,val_f1\n1,2,0.4,1,0.6,0.6\n"
    )
    assert History(tmp_path / "history.csv").title == "history.csv"
    (tmp_path / "network.yaml").touch()
    assert History(tmp_path / "history.csv").title == "a title"
    for damaged in ('{"title": "half', '{"test_images": 7}', '{"title": "none", "test_images": null}', "[]"):
        (tmp_path / ABOUT).write_text(damaged)
        with pytest.raises(DamagedFile, match=r"about\.json is damaged"):
            read_about(tmp_path)


def test_damage_that_is_met_while_reading_names_the_file(tmp_path):
    values = np.random.default_rng(0).normal(size=(400, 3))
    with create(tmp_path / "activations.h5") as file:
        write(file, "epochs/001/a", values)
        write(file, "labels", np.zeros(400))
        write(file, "sample", np.zeros(400))
        file.attrs["layers"] = ["a"]
    content = bytearray((tmp_path / "activations.h5").read_bytes())
    content[content.index(values[200].tobytes())] ^= 255
    (tmp_path / "activations.h5").write_bytes(content)
    layer = drillcore.open(tmp_path / "activations.h5")["a"]
    for read in (lambda: layer[:], lambda: np.asarray(layer)):
        with pytest.raises(DamagedFile, match=r"activations\.h5 is damaged"):
            read()


def test_a_missing_library_is_named_with_its_extra(net, monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda module: None)
    for ask in (net.svd.to_xarray, net.svd.to_pandas):
        with pytest.raises(
            InputError, match=r"needs .*, which .* not installed: run `pip install 'drillcore\[tables\]'`"
        ):
            ask()
