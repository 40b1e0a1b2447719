"""The stage from activations to geometry.h5, on a network whose layers know more and more."""

import numpy as np
import pytest
from scipy import stats

import drillcore
from drillcore.artifacts.activations import Activations, TrainActivations, write_activations
from drillcore.artifacts.geometry import Geometry
from drillcore.artifacts.replicates import Replicates, write_replicates
from drillcore.artifacts.weights import Weights, write_weights
from drillcore.extraction.activity import Activity
from drillcore.extraction.all_units import basis
from drillcore.extraction.units import Units
from stages.geometry import main

CLASSES, EPOCHS, LAYERS = 3, (0, 4), ["input", "narrow", "dead", "hidden", "output"]
STORED = np.array([0, 2, 3, 5, 7, 8], np.int32)
"""Of the 9 units of `hidden`."""


def outputs(labels, epoch, random):
    """Layers of which `hidden` has collapsed at the last epoch, where its unit 6 is dormant and unit 4 no more."""
    spread = 2.0 if epoch == 0 else 0.01
    simplex = 3 * np.eye(CLASSES, 9)[labels] + spread * random.normal(size=(len(labels), 9)) + 5
    simplex[:, [6] if epoch else [4, 6]] = 0.0
    rows = {
        "input": random.normal(size=(len(labels), 8)) + 0.6 * np.eye(CLASSES, 8)[labels],
        "narrow": labels[:, None] + 0.1 * random.normal(size=(len(labels), 1)),
        "dead": np.zeros((len(labels), 4)),
        "hidden": simplex,
        "output": simplex[:, :CLASSES],
    }
    return {layer: values.astype(np.float32) for layer, values in rows.items()}


def write(path, labels, seed, given=None, tokens=1):
    """Activations of samples with these `labels`, of which the file says what is `given`."""
    random, units = np.random.default_rng(seed), Units("flatten", 6)
    units.chosen, units.sizes = dict.fromkeys(LAYERS) | {"hidden": STORED}, {"hidden": 9}
    given = labels if given is None else given
    kinds = (given, None, None, None) if given.dtype.kind == "i" else (None, None, None, given)
    names = [str(name) for name in range(CLASSES)] if given.dtype.kind == "i" else []
    about = np.arange(len(labels) // tokens), *kinds[:2], names, "synthetic", *kinds[2:]
    with write_activations(path, *about) as writer:
        for epoch in EPOCHS:
            whole = outputs(labels, epoch, random)
            stored = {layer: rows[:, STORED] if layer == "hidden" else rows for layer, rows in whole.items()}
            bases = [("hidden", basis(whole["hidden"]))] if path.name == Activations.FILE else []
            writer.store(epoch, [stored], len(labels), units, bases)
            activity = Activity()
            activity.add(
                {layer: (np.abs(rows).sum(0), np.sum(rows == 0)) for layer, rows in whole.items()}, len(labels)
            )
            if path.name == TrainActivations.FILE:
                writer.store_activity(epoch, activity)


def classifier():
    """The weight of a classifier that reads the simplex of `hidden`, (classes, units)."""
    return (np.eye(CLASSES, 9) - 1 / CLASSES * (np.arange(9) < CLASSES)).astype(np.float32)


def further(folder):
    """Trainings with the seeds 1 and 2, of which one ends as the network does, and the other as it began."""
    with (
        drillcore.open(folder / Activations.FILE) as test,
        drillcore.open(folder / TrainActivations.FILE) as train,
        write_replicates(folder / Replicates.FILE) as writer,
    ):
        units = Units("flatten", 6)
        units.chosen, units.sizes = dict.fromkeys(LAYERS) | {"hidden": STORED}, {"hidden": 9}
        for seed, epoch in ((1, EPOCHS[-1]), (2, EPOCHS[0])):
            activity = Activity()
            totals = {layer: train.activity(layer, epoch).astype(float) for layer in LAYERS}
            zeros = {layer: train.zero_fraction(layer, epoch) * len(totals[layer]) for layer in LAYERS}
            activity.add({layer: (totals[layer], zeros[layer]) for layer in LAYERS}, 1)
            held = [{layer: file[layer, epoch][:] for layer in LAYERS} for file in (test, train)]
            counts = [len(of["input"]) for of in held]
            writer.store(seed, held[:1], counts[0], units, [("hidden", test.of_all_units("hidden", epoch)[:])])
            writer.store_training(seed, held[1:], counts[1], units, activity)
            writer.store_weights(seed, {"first": np.ones((9, 8), np.float32), "head": classifier()}, CLASSES)


def measured(root, monkeypatch, given=lambda labels: None, tokens=1):
    """geometry.h5 of the network."""
    folder = root / "artifacts/net"
    train, test = np.arange(120) % CLASSES, np.arange(90) % CLASSES
    write(folder / TrainActivations.FILE, train, 0, given(train), tokens)
    write(folder / Activations.FILE, test, 1, given(test), tokens)
    with write_weights(folder / Weights.FILE) as weights:
        for epoch in EPOCHS:
            weights.store(epoch, {"first": np.ones((9, 8), np.float32), "head": classifier()})
    further(folder)
    (root / "params.yaml").write_text("geometry: {shuffles: 4}\n")
    monkeypatch.chdir(root)
    main("net")
    return drillcore.open(folder / Geometry.FILE)


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch, measured(tmp_path_factory.mktemp("geometry"), patch) as file:
        yield file


def of(file, measure, layer, epoch=-1):
    return file[measure][:][epoch, file.layers.index(layer)]


def test_layers_know_what_was_planted(net):
    assert net.layers == LAYERS and net.epochs == list(EPOCHS) and net.task == "accuracy"
    assert of(net, "probe", "hidden") == of(net, "nearest_mean", "hidden") == of(net, "probe", "narrow") == 1
    assert of(net, "probe", "input") < 0.7 and of(net, "probe", "hidden", 0) < 1
    assert net.chance("probe")[-1, LAYERS.index("hidden")] == pytest.approx(1 / 3, abs=0.25)


def test_scores_of_further_seeds_are_those_of_trainings_that_end_so(net):
    assert net.seeds == 3
    for name in ("probe", "nearest_mean", "nc1", "nc2_norms", "nc3", "nc4", "dimension", "dormant", "zeros"):
        np.testing.assert_array_equal(net.of_seeds(name)[:], net[name][:][[-1, -1, 0]])
        values = net.of_seeds(name)[:]
        mean, half = net.interval(name)
        np.testing.assert_allclose(mean, values.mean(0), rtol=1e-12)
        np.testing.assert_allclose(half, stats.sem(values) * stats.t.ppf(0.975, 2), rtol=1e-9, atol=1e-15)
    assert np.isnan(net.of_seeds("revived")[1:]).all()


def test_the_file_holds_what_the_functions_give(net):
    folder = net.path.parent
    with drillcore.open(folder / TrainActivations.FILE) as train, drillcore.open(folder / Activations.FILE) as test:
        sides = train["input"][:], train.labels, test["input"][:], test.labels
        assert of(net, "probe", "input") == drillcore.linear_probe(*sides).score
        np.testing.assert_array_equal(net.null("probe")[-1, 0], drillcore.linear_probe(*sides, shuffles=4).null)
        assert of(net, "nearest_mean", "input") == drillcore.nearest_class_mean(*sides).score
        assert of(net, "dimension", "input") == drillcore.two_nn(sides[2]).value
        decisions = train["output"][:].argmax(1)
        collapse = drillcore.neural_collapse(sides[0], train.labels, decisions=decisions)
        assert [of(net, name, "input") for name in ("nc1", "nc2_norms", "nc2_angles", "nc4")] == [
            collapse.nc1,
            collapse.nc2_norms,
            collapse.nc2_angles,
            collapse.nc4,
        ]


def test_the_layer_before_the_classifier_collapses_onto_its_weight(net):
    assert of(net, "nc1", "hidden") < 1e-3 < of(net, "nc1", "hidden", 0)
    assert of(net, "nc4", "hidden") == 0
    assert net.chance("nc4")[-1, LAYERS.index("hidden")] == pytest.approx(2 / 3, abs=0.02)
    assert of(net, "nc1", "hidden") < 0.01 * net.chance("nc1")[-1, LAYERS.index("hidden")]
    assert "no weight maps this layer to the classes: input, narrow, output" in net.status("nc3")
    assert of(net, "nc3", "hidden") < 0.02 and net.chance("nc3")[0, 0] == np.sqrt(2)


def test_the_intrinsic_dimension_is_of_all_units_of_which_some_are_stored(net):
    with drillcore.open(net.path.parent / Activations.FILE) as test:
        assert test.of_all_units("hidden").shape == (90, 9)
        whole, stored = (drillcore.two_nn(rows[:]).value for rows in (test.of_all_units("hidden"), test["hidden"]))
    assert of(net, "dimension", "hidden") == whole != stored
    assert net.chance("dimension")[-1, LAYERS.index("hidden")] > 2


def test_dormant_units_are_counted_over_all_of_which_some_are_stored(net):
    assert [of(net, "dormant", "hidden", epoch) for epoch in (0, 1)] == [2 / 9, 1 / 9]
    assert of(net, "revived", "hidden") == 1 / 9
    assert net.chance("revived")[1, LAYERS.index("hidden")] == pytest.approx(2 / 9 * 8 / 9)
    assert of(net, "dormant", "dead") == of(net, "zeros", "dead") == 1
    assert of(net, "zeros", "hidden") == pytest.approx(1 / 9, abs=1e-3)
    assert net.status("revived").startswith("no epoch before: input (epoch 0)")


def test_what_a_layer_has_not_has_a_reason_and_no_number(net):
    dead = LAYERS.index("dead")
    for name in ("probe", "nearest_mean", "nc1", "nc2_norms", "nc2_angles", "nc3", "nc4"):
        assert np.isnan(net[name][:, dead]).all() and np.isnan(net.null(name)[:, dead]).all(), name
        assert "a dead layer: no unit varies: dead" in net.status(name)
    assert "1 distinct samples, fewer than 20: dead" in net.status("dimension")
    assert "fewer units than a simplex of the classes has dimensions: narrow" in net.status("nc2_angles")
    sizes, curve = net.curve()
    assert sizes[0].tolist()[0] == [90, 45, 22] and (sizes[:, dead] == 0).all() and np.isnan(curve[:, dead]).all()


def test_a_regression_has_r2_and_no_collapse(tmp_path, monkeypatch):
    with measured(tmp_path, monkeypatch, given=lambda labels: labels + 0.25) as file:
        assert file.task == "R2"
        assert of(file, "probe", "narrow") > 0.95 > 0.5 > file.null("probe")[-1, 1].max()
        assert np.isnan(file["nc1"][:]).all() and "targets that are no classes: input, narrow" in file.status("nc1")
        assert "targets that are no classes" in file.status("nearest_mean")
        assert of(file, "dimension", "narrow") > 0


def test_sequences_have_no_single_class(tmp_path, monkeypatch):
    with measured(tmp_path, monkeypatch, given=lambda labels: np.stack([labels, labels], 1)) as file:
        assert np.isnan(file["probe"][:]).all() and "no target for each sample: input, narrow" in file.status("probe")
        assert of(file, "dimension", "narrow") > 0 and of(file, "dormant", "hidden") == 1 / 9
        assert file.figures() == ["intrinsic_dimension", "dormancy"]


def test_of_many_tokens_evenly_spread_ones_are_measured(tmp_path, monkeypatch):
    monkeypatch.setattr("drillcore.geometry.network.MOST_ROWS", 60)
    with measured(tmp_path, monkeypatch) as file:
        assert (file.samples, file.test_samples) == (60, 45)
        assert of(file, "probe", "narrow") == 1 and file.curve()[0].max() == 45


def test_tokens_have_their_own_labels(tmp_path, monkeypatch, net):
    with measured(tmp_path, monkeypatch, given=lambda labels: labels.reshape(-1, 3), tokens=3) as file:
        np.testing.assert_array_equal(file["probe"], net["probe"])


def ignored(labels):
    """Labels of which every fifth counts nowhere, in windows of three tokens."""
    return np.where(np.arange(len(labels)) % 5, labels, -100).reshape(-1, 3)


def test_tokens_whose_target_counts_nowhere_are_left_out(tmp_path, monkeypatch):
    with measured(tmp_path, monkeypatch, given=ignored, tokens=3) as file:
        assert (file.samples, file.test_samples) == (96, 72)
        assert of(file, "probe", "narrow") == of(file, "probe", "hidden") == 1
        assert np.isfinite(of(file, "nc3", "hidden")) and of(file, "dormant", "hidden") == 1 / 9


def test_tokens_of_which_no_target_counts_have_no_classes(tmp_path, monkeypatch):
    with measured(tmp_path, monkeypatch, given=lambda labels: np.full((len(labels) // 3, 3), -100), tokens=3) as file:
        assert np.isnan(file["probe"][:]).all() and of(file, "dormant", "hidden") == 1 / 9


def test_the_same_samples_give_the_same_bytes(tmp_path, monkeypatch, net):
    with measured(tmp_path, monkeypatch) as file:
        assert file.path.read_bytes() == net.path.read_bytes()
