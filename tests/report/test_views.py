"""Every view shows what is in the artifacts, and does what its controls say."""

import json

import h5py
import numpy as np
import pytest
from scipy.special import softmax

from drillcore.artifacts.geometry import Geometry
from drillcore.artifacts.gradients import NULL
from drillcore.artifacts.predictions import Predictions
from drillcore.artifacts.rewinding import Rewinding
from drillcore.colours import PALETTES, SIGNS
from drillcore.recording.threshold import near_zero, statistics
from drillcore.report.evidence import percent
from drillcore.report.pack import LEVELS, NO_VALUE, STEPS, quantised, spread_out
from tests.artifacts import EDGES
from tests.report.conftest import WIDTHS

VIEWS = [
    "overview",
    "correlations",
    "gradients",
    "curvature",
    "replays",
    "layers",
    "spectra",
    "embeddings",
    "samples",
    "similarity",
]
LAYERS = list(WIDTHS)
MISSING = [0xA6] * 3


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(("width", "dark"), [(1440, False), (390, True)], ids=["wide", "narrow-dark"])
def test_a_view_opens_from_disk_and_fits_the_window(browser, root, view, width, dark):
    browser.window(width, 844 if width < 500 else 1000, dark)
    browser.open(root / "index.html", view, fresh=True)
    browser.screenshot(f"{view}-{width}{'-dark' if dark else ''}")
    assert browser.run("return document.documentElement.scrollWidth") <= width
    assert browser.run("return document.documentElement.dataset.theme") == ("dark" if dark else "light")
    assert len(browser.text(".intro")) > 80
    assert browser.run(
        "return [...document.querySelectorAll('figure figcaption')].every(c => c.textContent.length > 20)"
    )
    assert browser.run("return [...document.querySelectorAll('canvas')].every(c => !c.width || c.width > 5)")


def test_the_overview_tells_of_every_network(browser, root):
    browser.open(root / "index.html", "overview")
    metrics = json.loads((root / "artifacts/net/metrics.json").read_text())
    assert browser.text("[data-network=net] .big") == f"{metrics['val_accuracy']:.3f}"
    assert "not trained yet" in browser.text("[data-network=bare]")
    assert browser.traces("curves")["net"][0] == [1, 2]
    browser.click("[data-key=metric][data-value=loss]")
    assert browser.traces("curves")["net"][1][-1] == pytest.approx(metrics["val_loss"])
    (xs, _), *_ = browser.traces("widths").values()
    assert xs == [1, 3]
    assert "numpy" in browser.text("#origin")
    assert "data: sample" in browser.text("#origin pre")


def test_a_replay_is_shown_step_by_step_beside_its_edge_of_stability(browser, root):
    browser.open(root / "index.html", "replays")
    assert browser.text("#proof").endswith("not compared with any training.")
    (xs, losses), *_ = browser.traces("replayed-loss").values()
    assert xs == list(range(7, 13))
    np.testing.assert_allclose(losses, 1 / np.arange(7, 13))
    _, rows = browser.table("replayed-sharpness")
    shown = {
        name: [float(row[2]) for row in rows if row[0] == name] for name in ("largest eigenvalue", "edge of stability")
    }
    assert shown == {"largest eigenvalue": [3.0 * step for step in range(7, 13)], "edge of stability": [20.0] * 6}


def correlations(root, network="net"):
    return h5py.File(root / "artifacts" / network / "correlations.h5")


def test_the_epoch_slider_moves_the_map_of_layers(browser, root):
    browser.open(root / "index.html", "correlations", network="net")
    for position, epoch in enumerate(("000", "001", "002")):
        browser.slide("epoch", position)
        _, rows = browser.table("layers")
        assert {row[0] for row in rows} == {str(position)}
        shown = np.array([np.nan if row[3] == "" else float(row[3]) for row in rows]).reshape(4, 4)
        np.testing.assert_allclose(shown, correlations(root)[f"epochs/{epoch}/mean_abs"][:])
    browser.click("[data-key=mean][data-value=sign]")
    header, rows = browser.table("layers")
    assert header[-1] == "mean_r"
    assert float(rows[1][3]) == pytest.approx(correlations(root)["epochs/002/mean"][0, 1])


def test_arrow_keys_and_play_step_through_the_epochs(browser, root):
    browser.open(root / "index.html", "correlations", network="net", epoch="0")
    from selenium.webdriver.common.keys import Keys

    browser.find("body").send_keys(Keys.ARROW_RIGHT)
    browser.settle()
    first = browser.find("input[data-key=epoch]").get_property("value")
    assert first == "1"
    browser.find("[data-play]").click()
    browser.until(lambda: browser.find("input[data-key=epoch]").get_property("value") != first, "it does not play")
    browser.find("[data-play]").click()


def block(root, epoch, i, j):
    with correlations(root) as file:
        owner = file["layer_of_unit"][:]
        return quantised(file[f"epochs/{epoch}/matrix"][:])[np.ix_(owner == i, owner == j)]


def test_a_click_on_a_cell_opens_the_units_of_the_pair(browser, root):
    browser.open(root / "index.html", "correlations", network="net", epoch="2")
    browser.point("#layers canvas", 2.5 / 4, 0.5 / 4, click=True)
    assert "pair=0%2C2" in browser.run("return location.hash")
    expected = block(root, "002", 0, 2)
    _, rows = browser.table("units")
    assert [round(float(row[2]) * STEPS) for row in rows] == expected.ravel().tolist()
    edges = (np.arange(44) * 3 - STEPS - 0.5) / STEPS
    counts, _ = np.histogram(expected / STEPS, edges)
    (_, bars), *_ = browser.traces("histogram").values()
    assert bars == counts.tolist()
    browser.point("#layers canvas", 0.5 / 4, 0.5 / 4, click=True)
    (_, bars), *_ = browser.traces("histogram").values()
    assert sum(bars) == 6 * 5 / 2
    assert "side by side" not in browser.text("#units")  # the units of these files are in the order of their index


def test_a_dead_layer_is_grey(browser, root):
    browser.open(root / "index.html", "correlations", network="other", pair="0,2")
    assert browser.pixel("units", 0.5, 0.5) == MISSING
    _, rows = browser.table("units")
    assert {row[2] for row in rows} == {""}
    assert sum(next(iter(browser.traces("histogram").values()))[1]) == 0


def test_pointing_at_two_augmentations_shows_their_images(browser, root):
    browser.open(root / "index.html", "correlations", network="net", layer="layer1")
    browser.point("#augmentations canvas", 7.5 / 12, 3.5 / 12)
    with correlations(root) as file, h5py.File(root / "artifacts/net/augmented.h5") as augmented:
        r, images = file["augmented/layer1/samples"][3, 7], augmented["images"][:]
    said = browser.text("#augmentations .readout")
    assert said.startswith("augmentations 3 and 7")
    assert float(said.split()[-1]) == pytest.approx(r, abs=0.51 / STEPS)
    script = (
        "return [...document.querySelectorAll('.images canvas')].map("
        "c => Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).filter((_, i) => i % 4 === 0))"
    )
    for shown, image in zip(browser.run(script), images[[3, 7]], strict=True):
        assert shown == image.ravel().tolist()


def test_the_means_of_augmentations_and_layers_stand_beside_their_maps(browser, root):
    browser.open(root / "index.html", "correlations", network="net")
    beside = np.triu_indices(12, 1)
    with correlations(root) as file:
        means = {layer: file[f"augmented/{layer}/samples"][:][beside].mean() for layer in LAYERS}
        cells = file["epochs/002/mean_abs"][:]
    said = "return [...document.querySelectorAll('#means td')].map(one => one.textContent)"
    assert browser.run(said) == [
        text for layer, mean in means.items() for text in (layer, f"{mean:.2f}".replace("nan", "undefined"))
    ]
    between = cells[~np.eye(len(cells), dtype=bool)]
    assert f"mean |r| is {np.nanmean(between):.2f} on average" in browser.text("#layers figcaption")


def expected_statistics(root, kind, layer, threshold):
    with h5py.File(root / "artifacts/net/gradients.h5") as file:
        chosen = [layer is None or name.split(".")[0] == layer for name in file.attrs["tensors"]]
        counts = file[f"{kind}/counts"][:][:, chosen].sum(1)
        return statistics(counts, file[f"{kind}/weight_change"][:][:, chosen].sum(1), EDGES, threshold)


def expected_chance(root, kind, layer, threshold):
    near = near_zero(EDGES, threshold)
    with h5py.File(root / "artifacts/net/gradients.h5") as file:
        chosen = [layer is None or name.split(".")[0] == layer for name in file.attrs["tensors"]]
        minima, flips = (file[f"{kind}/{name}"][:][:, chosen][..., near, near].sum((1, 2, 3)) for name in NULL)
    return minima / flips


@pytest.mark.parametrize(("kind", "layer"), [("raw", None), ("raw", "layer2"), ("ema", "output")])
def test_the_threshold_counts_everything_anew(browser, root, kind, layer):
    browser.open(root / "index.html", "gradients", network="net")
    browser.click(f"[data-key=kind][data-value={kind}]")
    if layer:
        browser.choose("layer", layer)
    for position in (0, 4, 10):
        browser.slide("threshold", position)
        expected = expected_statistics(root, kind, layer, EDGES[position])
        near, flips, moved = (browser.traces(figure) for figure in ("near-zero", "flips", "moved"))
        assert near["near zero"][0] == list(range(2, 8))
        for name, text in (("zeros", "near zero"), ("exact_zeros", "exactly zero")):
            assert near[text][1] == expected[name].tolist()
        for name in ("retained", "released"):
            assert near[name][1] == expected[name].tolist()
        for name, text in (
            ("flips", "all flips"),
            ("minima", "minima stepped over"),
            ("maxima", "maxima stepped over"),
        ):
            assert flips[text][1] == expected[name].tolist()
        chance = expected_chance(root, kind, layer, EDGES[position]) * (expected["minima"] + expected["maxima"])
        np.testing.assert_allclose(flips["minima by chance alone"][1], chance)
        np.testing.assert_allclose(moved["retained"][1], expected["weight_change"])
    browser.click("[data-key=unit][data-value=share]")
    np.testing.assert_allclose(browser.traces("near-zero")["released"][1], expected["fraction_released"])
    np.testing.assert_allclose(browser.traces("flips")["all flips"][1], expected["fraction_flipped"])


def test_captions_have_the_shares_over_the_last_epoch(browser, root):
    browser.open(root / "index.html", "gradients", network="net", unit="share")
    browser.slide("threshold", 4)
    found = expected_statistics(root, "raw", None, EDGES[4])
    with h5py.File(root / "artifacts/net/gradients.h5") as file:
        last = file["raw/epoch"][:] == file["raw/epoch"][-1]
    zeros, counted, minima, maxima = (found[name][last].sum() for name in ("zeros", "counted", "minima", "maxima"))
    assert f"Over epoch 2: {percent(zeros / counted)} near zero, " in browser.text("#near-zero figcaption")
    assert f"Over epoch 2, {percent(minima / (minima + maxima))} of these are minima" in browser.text(
        "#flips figcaption"
    )


def test_the_hessian_has_a_scale_of_both_signs_and_its_numbers_are_saved(browser, root):
    browser.open(root / "index.html", "curvature", network="net")
    with h5py.File(root / "artifacts/net/curvature.h5") as file:
        smallest = file["smallest"][:]
    _, rows = browser.table("eigenvalues")
    np.testing.assert_allclose([float(row[2] or "nan") for row in rows if row[0] == "smallest"], smallest)
    script = "return import('figures').then(({ signedScale }) => { const { at, axis } = signedScale([-3, NaN, 5000]);"
    low, high, texts, places = browser.run(script + "return [at(-3), at(5000), axis.ticktext, axis.tickvals] })")
    assert [low, high] == pytest.approx(np.arcsinh([-6, 10_000]))
    assert places == pytest.approx(np.arcsinh([2 * float(text.replace("−", "-").replace(",", "")) for text in texts]))
    assert texts[5:] == ["0", "1", "10", "100", "1,000", "10,000"]


def kind_of(value, threshold):
    last = EDGES.index(threshold) + 1
    if value == 0:
        return "zero"
    if abs(value) > last:
        return "large"
    return "negative" if value < 0 else "positive"


def test_the_sign_map_zooms_into_single_parameters(browser, root):
    browser.open(root / "index.html", "gradients", network="net", threshold="1e-7")
    with h5py.File(root / "artifacts/net/gradients.h5") as file:
        first = np.array([file[f"snapshots/{epoch}/layer1.linear.weight"][:] for epoch in ("001", "002")])
    total = int(browser.run("return document.querySelector('#jump').options[1].value").split("-")[1])
    window = browser.run("return document.querySelector('#jump optgroup:last-child option').value")
    browser.choose("jump", window)
    begin, end = map(int, window.split("-"))
    header, rows = browser.table("signs")
    assert header[3:] == list(SIGNS)
    assert len(rows) == 2 * (end - begin) == 512
    for row in rows[::37]:
        value = first[int(row[0]) - 1, int(row[1])]
        assert [float(share) for share in row[3:]] == [float(kind_of(value, 1e-7) == kind) for kind in SIGNS]
    for palette in PALETTES:
        browser.click(f"[data-key=palette][data-value={palette}]")
        colour = PALETTES[palette][SIGNS.index(kind_of(first[0, begin], 1e-7))]
        assert browser.pixel("signs", 0.5 / 256, 0.25) == [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    browser.click("[data-zoom='zoom out']")
    assert f"zoom={max(0, begin - 128)}-{max(0, begin - 128) + 512}" in browser.run("return location.hash")
    browser.choose("jump", f"0-{total}")
    assert "the whole network" in browser.text("#signs h3")


def test_the_whole_network_is_the_mean_of_its_parameters(browser, root):
    browser.open(root / "index.html", "gradients", network="net", threshold="0.0001")
    _, rows = browser.table("signs")
    with h5py.File(root / "artifacts/net/gradients.h5") as file:
        values = np.concatenate([file[f"snapshots/001/{name}"][:] for name in file.attrs["tensors"]])
        sizes = file.attrs["sizes"]
    kinds = [kind_of(value, 1e-4) for value in values]
    shown = np.array([[float(share) for share in row[3:]] for row in rows if row[0] == "1"])
    expected = [kinds.count(kind) / len(kinds) for kind in SIGNS]
    ends = np.cumsum([0, *np.sqrt(sizes)])  # a tensor is as wide as the square root of its size
    bounds = np.interp(np.linspace(0, ends[-1], len(shown) + 1), ends, np.cumsum([0, *sizes]))
    assert len(shown) < sizes.sum()
    np.testing.assert_allclose(np.average(shown, axis=0, weights=np.diff(bounds)), expected, atol=3e-3)
    begins = np.array([int(row[1]) for row in rows if row[0] == "1"])
    np.testing.assert_allclose(begins, bounds[:-1], atol=1.001)


def test_spectra_of_networks_lie_over_each_other(browser, root):
    browser.open(root / "index.html", "spectra", network="net", size="value", scale="linear", epoch="2")
    with h5py.File(root / "artifacts/net/svd.h5") as file:
        features, weights = (
            file[f"{name}/singular_values"][:] for name in ("features/002/layer1", "weights/001/output.weight")
        )
        ranks, of_variances = (
            [file[f"features/{epoch}/layer1"].attrs[rank] for epoch in ("000", "001", "002")]
            for rank in ("effective_rank", "effective_rank_of_variances")
        )
    np.testing.assert_allclose(browser.traces("spectra")["layer1"][1], features, rtol=1e-6)
    np.testing.assert_allclose(browser.traces("ranks")["layer1"][1], ranks)
    browser.click("[data-key=rank][data-value=effective_rank_of_variances]")
    np.testing.assert_allclose(browser.traces("ranks")["layer1"][1], of_variances)
    browser.click("[data-key=networks][value=other]")
    assert "other: layer1" in browser.traces("spectra")
    assert "net: layer1" in browser.traces("spectra")
    browser.choose("layer", "layer1")
    assert list(browser.traces("spectra")) == ["net: layer1", "other: layer1"]
    browser.choose("layer", "every layer")
    browser.click("[data-key=part][data-value=weights]")
    browser.slide("epoch", 1)
    np.testing.assert_allclose(browser.traces("spectra")["net: output.weight"][1], weights, rtol=1e-6)
    assert browser.run("return document.querySelector('#spectra .plot').layout.yaxis.type") == "linear"
    browser.click("[data-key=scale][data-value=log]")
    browser.click("[data-key=size][data-value=share]")
    assert browser.run("return document.querySelector('#spectra .plot').layout.yaxis.type") == "log"
    np.testing.assert_allclose(browser.traces("spectra")["net: output.weight"][1], weights / weights[0], rtol=1e-6)
    assert browser.traces("rank-by-width")["layer1"][0] == [1, 3]


def predictions(root):
    with h5py.File(root / "artifacts/net/activations.h5") as file:
        return file["epochs/002/output"][:].argmax(1), file["labels"][:]


def test_a_point_shows_its_image_and_marks_its_sample_in_every_layer(browser, root):
    browser.open(root / "index.html", "embeddings", network="net")
    found, labels = predictions(root)
    script = (
        "const p = document.querySelector('#maps .plot'), t = p.data[0], { xaxis, yaxis } = p._fullLayout;"
        "return [(xaxis._offset + xaxis.d2p(t.x[0])) / p.clientWidth,"
        "(yaxis._offset + yaxis.d2p(t.y[0])) / p.clientHeight, t.customdata[0]]"
    )
    x, y, sample = browser.run(script)
    browser.point("#maps .plot", x, y)
    assert browser.text("#sample-text") == f"test image {2 * sample}: label {labels[sample]}, predicted {found[sample]}"
    rings = (
        "return [...document.querySelectorAll('#maps .ring')].filter(r => !r.hidden)"
        ".map(r => [parseFloat(r.style.left), parseFloat(r.style.top)])"
    )
    places = browser.run(rings)
    assert len(places) == len(LAYERS)
    width, height = browser.run(
        "const p = document.querySelector('#maps .plot'); return [p.clientWidth, p.clientHeight]"
    )
    assert places[0] == pytest.approx([x * width, y * height], abs=1)
    with h5py.File(root / "artifacts/net/tsne.h5") as file:
        recall = file["layer1"].attrs["neighbor_recall"]
    assert f"neighbours kept {percent(recall)}" in browser.text("#maps .plot")
    browser.point("#maps .plot", x, y, click=True)
    assert f"sample={sample}" in browser.run("return location.hash")


def test_misclassified_images_can_be_picked_out(browser, root):
    browser.open(root / "index.html", "embeddings", network="net")
    found, labels = predictions(root)
    wrong = np.flatnonzero(found != labels)
    assert f"{len(wrong)} of 40" in browser.text("#misclassified h3")
    browser.click(f".thumbs button[data-sample='{wrong[1]}']")
    assert browser.text("#sample-text").startswith(f"test image {2 * wrong[1]}: ")
    browser.click("[data-key=shown][data-value=wrong]")
    script = "return document.querySelector('#maps .plot').data.filter(t => t.xaxis === 'x').flatMap(t => t.customdata)"
    assert sorted(browser.run(script)) == wrong.tolist()
    browser.click("[data-key=colour][data-value=prediction]")
    script = "return document.querySelector('#maps .plot').data.find(t => t.name === '2').customdata"
    assert sorted(browser.run(script)) == [i for i in wrong.tolist() if found[i] == 2]
    browser.click("[data-key=map][data-value=pca]")
    _, rows = browser.table("maps")
    with h5py.File(root / "artifacts/net/tsne.h5") as file:
        assert float(rows[40][4]) == pytest.approx(file["squeeze2/pca"][0, 0], rel=1e-6)


def test_similarity_by_measure_epoch_and_significance(browser, root):
    browser.open(root / "index.html", "similarity", network="net", limit="1")
    with h5py.File(root / "artifacts/net/similarity.h5") as file:
        values, q_values = file["between_layers/rsa"][:], file["null/debiased_cka/q_value"][:]
        settling = file["across_epochs/rsa"][1, :, -1]
    browser.choose("measure", "rsa")
    browser.slide("epoch", 1)
    _, rows = browser.table("similarity")
    np.testing.assert_allclose([float(row[3]) for row in rows], values[1].ravel(), rtol=1e-6)
    np.testing.assert_allclose(browser.traces("settling")["layer1"][1], settling, rtol=1e-6)
    for position, limit in enumerate((0.01, 0.05, 0.1, 1)):
        browser.slide("limit", position)
        for i, j in ((0, 1), (2, 3), (4, 0)):
            grey = browser.pixel("similarity", (j + 0.1) / 5, (i + 0.1) / 5) == MISSING
            assert grey == (q_values[1, i, j] > limit)
    browser.choose("network", "net--other")
    browser.ready("similarity")
    with h5py.File(root / "artifacts/similarity/net--other.h5") as file:
        first, expected, chance = file["by_epoch/rsa"][0], file["rsa"][:], file["null/rsa/quantile"][:]
    _, rows = browser.table("similarity")
    np.testing.assert_allclose([float(row[3]) for row in rows], expected.ravel(), rtol=1e-6)
    browser.choose("score", "calibrated")
    _, rows = browser.table("similarity")
    above = (expected - chance) / (1 - chance)
    np.testing.assert_allclose([float(row[3]) for row in rows], above.ravel(), rtol=1e-4, atol=1e-6)
    browser.slide("epoch", 0)  # where chance is not known
    _, rows = browser.table("similarity")
    np.testing.assert_allclose([float(row[3]) for row in rows], first.ravel(), rtol=1e-6)


def test_a_link_restores_the_view(browser, root):
    browser.open(root / "index.html", "gradients", network="other")
    browser.slide("threshold", 2)
    browser.choose("layer", "layer2")
    link = browser.run("return document.querySelector('a.link').href")
    shown = browser.traces("near-zero")
    browser.open(root / "index.html", "overview")
    browser.driver.get(link)
    browser.driver.refresh()
    browser.ready("gradients")
    assert browser.traces("near-zero") == shown
    assert browser.find("select[data-key=network]").get_property("value") == "other"


def test_layers_stand_side_by_side_beside_chance(browser, root):
    browser.open(root / "index.html", "layers", network="net", epoch="1")
    with Geometry(root / "artifacts/net" / Geometry.FILE) as file:
        scores, chance, layers = file["nearest_mean"][:], file.null("nearest_mean")[:], file.layers
        shown = [name for name in file.measures if np.isfinite(file[name]).any()]
    assert set(shown) <= {figure.removeprefix("layers-") for figure in browser.run(LAYER_FIGURES)}
    traces = browser.traces("layers-nearest_mean")
    known = np.isfinite(scores[1])
    assert np.array(traces["epoch 1"][1], float)[known] == pytest.approx(scores[1][known], rel=1e-6)
    assert np.array(traces["chance"][1], float)[known] == pytest.approx(chance[1].mean(1)[known], rel=1e-6)
    nc3 = browser.traces("layers-nc3")
    assert [x is not None for x in nc3["chance"][1]] == [x is not None for x in nc3["epoch 1"][1]]
    browser.open(root / "index.html", "layers", network="net", along="epoch")
    assert browser.traces("layers-nearest_mean")[layers[0]][1] == pytest.approx(scores[:, 0].tolist(), rel=1e-6)
    with Rewinding(root / "artifacts/net" / Rewinding.FILE) as file:
        x, y = browser.traces("layers-rewound")[f"{file.layers[0]} by chance"]
        assert x == file.epochs and y == pytest.approx([file.chance] * len(x))


LAYER_FIGURES = "return [...document.querySelectorAll('figure')].map(figure => figure.id)"


def test_a_link_of_nonsense_shows_the_defaults(browser, root):
    nonsense = {"network": "nobody", "epoch": "x", "pair": "a,b", "sample": "-4", "zoom": "9-1e99", "threshold": "nan"}
    for view in VIEWS[1:]:
        browser.open(root / "index.html", view, **nonsense)
        assert browser.run("return document.querySelectorAll('figure').length") > 0


@pytest.fixture
def answers(root):
    with Predictions(root / "artifacts/net" / Predictions.FILE) as file:
        yield file.dynamics("test"), file.labels("test"), file


def ranked(browser):
    return browser.run("return [...document.querySelectorAll('#ranked button')].map(b => Number(b.dataset.sample))")


def test_samples_are_sorted_and_filtered_by_class(browser, root, answers):
    found, labels, file = answers
    shown = file.shown("test")[0]
    browser.open(root / "index.html", "samples", network="net", split="test", order="suspects")
    assert shown[ranked(browser)].tolist() == [one for one in found.suspects() if one in shown][:60]
    assert f"{np.count_nonzero(found.area < 0)} of all 80" in browser.text("#sample-map figcaption")
    assert "of random labels it would to 75.0 %" in browser.text("#sample-map figcaption")
    browser.open(root / "index.html", "samples", network="net", split="test", order="variable", **{"class": 2})
    listed = shown[ranked(browser)]
    assert (labels[listed] == 2).all() and len(listed) == np.count_nonzero(labels[shown] == 2)
    assert (np.diff(found.variability[listed].astype(np.float32)) <= 0).all()
    _, rows = browser.table("sample-map")
    assert [int(row[1]) for row in rows] == listed.tolist()
    assert float(rows[0][5]) == pytest.approx(found.area[listed[0]], rel=1e-6)


def test_a_sample_shows_its_course_and_leads_to_its_place_in_the_embeddings(browser, root, answers):
    found, labels, file = answers
    browser.open(root / "index.html", "samples", network="net", split="test", sample=6)
    likely = found.likely[6]
    assert browser.text("#sample-text").startswith(f"test image 6: label {labels[6]}, else likeliest {likely}; ")
    outputs = np.array([file["test", epoch][6] for epoch in (1, 2)], np.float64)
    courses = browser.traces("course")
    np.testing.assert_allclose(courses["label"][1], softmax(outputs, 1)[:, labels[6]], rtol=1e-5)
    assert courses["a guess"][1] == [0.25, 0.25]
    browser.click("#to-embeddings")
    browser.ready("embeddings")
    assert browser.text("#sample-text").startswith("test image 6: ")


FIGURES = [
    "curves",
    "units",
    "signs",
    "eigenvalues",
    "replayed-loss",
    "layers-probe",
    "spectra",
    "maps",
    "sample-map",
    "similarity",
]


@pytest.mark.parametrize(("view", "figure"), zip(VIEWS, FIGURES, strict=True))
def test_every_view_saves_pictures_and_numbers(browser, root, view, figure):
    browser.open(root / "index.html", view, network="net")
    assert browser.save(figure, "png").read_bytes().startswith(b"\x89PNG")
    svg = browser.save(figure, "svg").read_text()
    assert svg.startswith("<svg")
    assert browser.text(f"#{figure} h3")[:12] in svg
    header, rows = browser.table(figure)
    assert {len(row) for row in rows} == {len(header)}


def test_no_value_is_no_number(root):
    assert quantised(np.array([np.nan, -1, 1])).tolist() == [NO_VALUE, -STEPS, STEPS]


def test_correlations_that_are_nearly_alike_are_spread_over_all_levels():
    r = np.array([0.99, np.nan, 1.0, 0.9912])
    levels, (low, high) = spread_out(r)
    assert levels.tolist() == [-LEVELS, NO_VALUE, LEVELS, -97] and (low, high) == (0.99, 1)
    shares = (levels.astype(int) + LEVELS) / (2 * LEVELS)
    np.testing.assert_allclose((low + shares * (high - low))[[0, 2, 3]], r[[0, 2, 3]], atol=2e-5)
    assert spread_out(np.ones(2))[1] == [1, 1] and spread_out(np.full(2, np.nan))[1] is None


def test_ticks_of_shares_are_percentages_that_differ(browser, root):
    browser.open(root / "index.html", "gradients", network="net", unit="share")
    ticks = browser.run("return [...document.querySelectorAll('#near-zero .ytick text')].map(one => one.textContent)")
    assert len(ticks) == len(set(ticks)) > 2 and all(tick.endswith(" %") for tick in ticks)


def test_the_title_of_the_maps_says_what_they_are(browser, root):
    browser.open(root / "index.html", "embeddings", network="net")
    assert browser.text("#maps h3").endswith("every layer by t-SNE or coordinates")
    browser.open(root / "index.html", "embeddings", network="net", map="pca")
    assert browser.text("#maps h3").endswith("every layer by PCA")
