import numpy as np
import pytest
import torch
from torch import nn

from drillcore import get_intermediate_outputs
from drillcore.artifacts.layers import store_outputs
from drillcore.base.errors import InputError
from drillcore.base.store import create, read
from drillcore.extraction.activity import Activity
from drillcore.extraction.outputs import stream_outputs
from drillcore.extraction.probe import choose_probe
from drillcore.extraction.units import Units, choose_units
from drillcore.frameworks.torch import weight_matrices
from stages.activations import outputs
from stages.rig.card import select_layers
from stages.rig.torch.network import build, to_input
from tests.conftest import own
from tests.processes import run


@pytest.fixture
def network(small_mlp):
    return build(small_mlp, 10)


@pytest.fixture
def images():
    return to_input(np.random.default_rng(0).random((23, 28, 28, 1), np.float32))


def test_outputs_are_those_of_the_layers_in_evaluation_mode(network, images):
    network.train()
    outputs = get_intermediate_outputs(network, images, batch_size=10)
    assert list(outputs) == ["layer1", "squeeze2", "layer2", "output"]
    assert network.training and network.layer1.training
    network.eval()
    with torch.no_grad():
        first = network.layer1(images.flatten(1))
        squeezed = network.squeeze2(first)
    np.testing.assert_allclose(outputs["layer1"], first.numpy(), atol=1e-6)
    np.testing.assert_allclose(outputs["squeeze2"], squeezed.numpy(), atol=1e-6)
    np.testing.assert_allclose(outputs["output"], network(images).detach().numpy(), atol=1e-6)


def test_a_frozen_module_stays_in_its_own_mode(network, images):
    network.train()
    network.layer1.eval()
    get_intermediate_outputs(network, images)
    assert not network.layer1.training
    assert network.layer2.training


@pytest.mark.parametrize("layers", ["blocks", "all", ["output", "*.relu", "layer?"]])
def test_the_card_names_the_layers_that_the_network_has(network, images, small_mlp, layers):
    assert list(get_intermediate_outputs(network, images, layers)) == select_layers(small_mlp, layers)


def test_what_a_later_layer_does_in_place_does_not_reach_a_capture():
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(inplace=True), nn.Linear(5, 2))
    images = torch.randn(40, 6)
    outputs = get_intermediate_outputs(model, images, ["0", "1"])
    np.testing.assert_allclose(outputs["0"], model[0](images).detach().numpy(), atol=1e-6)
    assert (outputs["0"] < 0).any()
    assert (outputs["1"] >= 0).all()


def test_no_hook_stays_behind(network, images):
    get_intermediate_outputs(network, images)
    with pytest.raises(InputError):
        get_intermediate_outputs(network, images, ["nowhere"])
    assert not any(module._forward_hooks for module in network.modules())


def test_an_unknown_layer_lists_the_network_s(network, images):
    with pytest.raises(InputError, match=r"No layer matches 'conv\*'; the network has layer1, .*output\."):
        get_intermediate_outputs(network, images, ["layer1", "conv*"])


def test_a_name_with_brackets_is_that_layer_s():
    model, images = nn.Sequential(), torch.randn(5, 4)
    for name in ("fc0", "fc[0]"):
        model.add_module(name, nn.Linear(4, 4))
    outputs = get_intermediate_outputs(model, images, ["fc[0]"])
    assert list(outputs) == ["fc[0]"]
    np.testing.assert_array_equal(outputs["fc[0]"], model(images).detach().numpy())


class Nothing(nn.Module):
    def forward(self, features):
        return {"features": None}


def test_a_layer_that_is_never_called_or_returns_no_tensor_is_named(images):
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused, self.nothing = nn.Linear(784, 4), nn.Linear(4, 4), Nothing()

        def forward(self, images):
            features = self.used(images.flatten(1))
            self.nothing(features)
            return features

    with pytest.raises(InputError, match="'unused' is never called: choose others"):
        get_intermediate_outputs(Odd(), images, ["unused"])
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 4))
    model[1].unused = nn.Identity()
    assert list(get_intermediate_outputs(model, images, "all", batch_size=10)) == ["0", "1"]
    with pytest.raises(InputError, match="'nothing' returns dict, which holds no tensor: choose others"):
        get_intermediate_outputs(Odd(), images, ["nothing"])


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"layers": "block"}, "layers is 'block', but should be blocks, all, or a list of names and patterns."),
        (
            {"units": "pooled"},
            "units is 'pooled', but should be 'flatten', 'pool', 'tokens', {'token': k} or None.",
        ),
        (
            {"units": {"token": True}},
            "units is {'token': True}, but should be {'token': k} with k 'first', 'last' or a number.",
        ),
        (
            {"units": "tokens"},
            "The layer 'layer1' returns [12] for a sample, not a row for each token: choose others.",
        ),
        ({"max_units": 4}, "max_units is 4, but units is None: make it 'flatten' or 'pool', or give no max_units."),
        ({"images": torch.ones(0, 784)}, "images holds none: give at least one."),
    ],
)
def test_what_cannot_be_is_one_sentence(network, images, settings, sentence):
    with pytest.raises(InputError) as failure:
        get_intermediate_outputs(network, **{"images": images, **settings})
    assert str(failure.value) == sentence


def test_a_layer_of_complex_numbers_is_named():
    class Spectrum(nn.Module):
        def forward(self, images):
            return torch.fft.fft(images)

    model = nn.Sequential(Spectrum(), nn.Identity())
    for units in (None, "flatten"):
        with pytest.raises(InputError, match="'1' returns complex numbers, not real ones"):
            get_intermediate_outputs(model, torch.randn(5, 4), ["1"], units=units)


@pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning")
def test_a_model_in_torchscript_is_refused_and_a_layer_left_out():
    traced, images = torch.jit.trace(nn.Linear(4, 4), torch.randn(5, 4)), torch.randn(5, 4)
    with pytest.raises(InputError, match="The model is in TorchScript"):
        get_intermediate_outputs(traced, images)
    model = nn.Sequential(nn.Linear(4, 4), traced, nn.Linear(4, 4))
    outputs = get_intermediate_outputs(model, images)
    assert list(outputs) == ["0", "2"]
    np.testing.assert_array_equal(outputs["2"], model(images).detach())
    with pytest.raises(InputError, match="'1' is in TorchScript, which shows no outputs"):
        get_intermediate_outputs(model, images, ["1"])


def test_weights_are_outputs_by_inputs(network):
    matrices = weight_matrices(network)
    assert {name: matrix.shape for name, matrix in matrices.items()} == {
        "layer1.linear.weight": (12, 784),
        "squeeze2.linear.weight": (3, 12),
        "layer2.linear.weight": (8, 3),
        "output.weight": (10, 8),
    }
    kernel = weight_matrices(nn.Conv2d(3, 7, 5))["weight"]
    assert kernel.shape == (7, 75)


@pytest.mark.parametrize("groups", [1, 2])
def test_a_transposed_convolution_is_outputs_by_inputs_too(groups):
    layer = nn.ConvTranspose2d(4, 6, 3, groups=groups)
    matrix = weight_matrices(layer)["weight"]
    assert matrix.shape == (6, 4 // groups * 9)
    image = torch.randn(1, 4, 1, 1)
    spread = (layer(image) - layer.bias[:, None, None])[0].detach().numpy()  # of one pixel: its values times the kernel
    inputs = image.reshape(groups, -1).numpy()
    for output, row in enumerate(matrix):
        expected = np.tensordot(inputs[output // (6 // groups)], row.reshape(4 // groups, 3, 3), 1)
        np.testing.assert_allclose(spread[output], expected, atol=1e-5)


def test_what_is_added_or_multiplied_is_no_weight_matrix():
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.token, self.position = (nn.Parameter(torch.zeros(1, length, 8)) for length in (1, 5))
            self.scale, self.mine = nn.Parameter(torch.ones(8, 1, 1)), nn.Parameter(torch.zeros(3, 8))
            self.attention, self.head = nn.MultiheadAttention(8, 2), nn.Conv2d(8, 1, 1)

    shapes = {name: matrix.shape for name, matrix in weight_matrices(Tokens()).items()}
    attention = {"attention.in_proj_weight": (24, 8), "attention.out_proj.weight": (8, 8)}
    assert shapes == {"mine": (3, 8), **attention, "head.weight": (1, 8)}


def test_keras_gives_the_layers_weights_and_units_of_its_own_calls():
    """In a process of its own: the two frameworks together are slow to load."""
    result = run("tests.extraction.child_keras_outputs")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""


@pytest.fixture
def convolutional():
    return nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(inplace=True), nn.Flatten(2), nn.AdaptiveAvgPool1d(4))


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_a_subset_is_of_the_flattened_output_however_it_lies_in_memory(convolutional, memory_format):
    images = torch.randn(23, 3, 9, 8).to(memory_format=memory_format)
    whole = get_intermediate_outputs(convolutional, images, batch_size=10)
    subset = get_intermediate_outputs(convolutional, images, batch_size=10, units="flatten", max_units=20, seed=3)
    assert whole["0"].shape == (23, 6, 7, 6)
    for layer, array in whole.items():
        flat = array.reshape(23, -1)
        np.testing.assert_array_equal(subset[layer], flat[:, choose_units(layer, flat.shape[1], 20, 3)])


def test_only_what_is_kept_is_copied(convolutional):
    kept = get_intermediate_outputs(convolutional, torch.randn(5, 3, 9, 8), ["0"], units="flatten", max_units=7)["0"]
    assert kept.base is None or kept.base.nbytes == kept.nbytes


@pytest.mark.parametrize("block", [1, 5000, 1 << 20])
def test_pooled_are_channels_over_space_and_over_tokens(block, monkeypatch):
    monkeypatch.setattr("drillcore.extraction.units.POOLED_BYTES", block)

    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.mix, self.output = nn.Conv2d(3, 6, 3), nn.Linear(6, 5), nn.Linear(5, 4)

        def forward(self, images):
            return self.output(self.mix(self.conv(images).flatten(2).transpose(1, 2)).mean(1))

    model, images = Tokens(), torch.randn(23, 3, 9, 8) + 1e4
    whole = get_intermediate_outputs(model, images)
    pooled = get_intermediate_outputs(model, images, batch_size=10, units="pool")
    assert {layer: array.shape for layer, array in pooled.items()} == {
        "conv": (23, 6),
        "mix": (23, 5),
        "output": (23, 4),
    }
    np.testing.assert_allclose(pooled["conv"], whole["conv"].mean((2, 3), np.float64), rtol=1e-7)
    np.testing.assert_allclose(pooled["mix"], whole["mix"].mean(1, np.float64), rtol=1e-7)
    some = get_intermediate_outputs(model, images, units="pool", max_units=2)["conv"]
    np.testing.assert_array_equal(some, pooled["conv"][:, choose_units("conv", 6, 2, 0)])


@pytest.mark.parametrize("how", ["flatten", "pool"])
def test_activity_is_of_all_units_stored_or_not(convolutional, how):
    images = torch.randn(23, 3, 9, 8).to(memory_format=torch.channels_last)
    whole = get_intermediate_outputs(convolutional, images, units=how)
    units = Units(how, 2)
    units.activity = Activity()
    parts = list(stream_outputs(convolutional, iter(images.split(10)), "blocks", units))
    assert list(units.activity) == list(parts[0]) == list(whole)
    for layer, rows in whole.items():
        np.testing.assert_allclose(units.activity.means(layer), np.abs(rows).mean(0), rtol=1e-5)
        assert units.activity.zero_fraction(layer) == pytest.approx(np.mean(rows == 0), abs=1e-12)
    assert (units.activity.zero_fraction("1") > 0.2) == (how == "flatten")  # the means of channels are above zero


class Rows(nn.Module):
    """Takes an image to tokens (n, 28, 6), and these to (n, 5)."""

    def __init__(self):
        super().__init__()
        self.rows, self.head = nn.Linear(28, 6), nn.Linear(6, 5)

    def forward(self, images):
        return self.head(self.rows(images[:, 0]).mean(1))


@pytest.mark.parametrize(("token", "number"), [("first", 0), ("last", -1), (3, 3), (-2, 26)])
def test_one_token_is_a_row_of_a_layer_of_tokens_and_others_are_flattened(token, number, images):
    model = Rows()
    whole = get_intermediate_outputs(model, images)
    kept = get_intermediate_outputs(model, images, units={"token": token}, max_units=4, seed=1)
    np.testing.assert_array_equal(kept["rows"], whole["rows"][:, number, choose_units("rows", 6, 4, 1)])
    np.testing.assert_array_equal(kept["head"], whole["head"][:, choose_units("head", 5, 4, 1)])


def test_every_token_is_a_sample_with_the_same_units(images):
    model = Rows()
    whole = get_intermediate_outputs(model, images, ["rows"])["rows"]
    kept = get_intermediate_outputs(model, images, ["rows"], 7, "tokens", max_units=4, seed=1)["rows"]
    np.testing.assert_array_equal(kept, whole[..., choose_units("rows", 6, 4, 1)].reshape(-1, 4))
    with pytest.raises(InputError, match=r"units is {'token': 28}, but the layer 'rows' has 28 tokens"):
        get_intermediate_outputs(model, images, units={"token": 28})


def test_a_layer_called_twice_gives_its_last_output():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, images):
            return self.layer(self.layer(images))

    model, images = Twice(), torch.randn(5, 4)
    with torch.no_grad():
        np.testing.assert_array_equal(get_intermediate_outputs(model, images)["layer"], model(images).numpy())


def test_an_output_without_a_row_for_each_image_is_named():
    class Windows(nn.Module):
        def __init__(self):
            super().__init__()
            self.windows = nn.Identity()

        def forward(self, images):
            return self.windows(images.reshape(-1, 2))

    with pytest.raises(InputError, match=r"'windows' returns an array \(4, 2\) of 2 samples, not a row for each"):
        get_intermediate_outputs(Windows(), torch.randn(5, 4), units="flatten")


def test_the_subset_of_units_is_the_same_at_every_epoch_and_recorded(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (12, 4, 5, 3), np.uint8)
    model = nn.Sequential(nn.Identity(), nn.Flatten(), nn.Linear(60, 4))
    units = Units("flatten", 11, seed=5)
    with create(tmp_path / "a.h5") as file:
        for epoch in ("000", "001"):
            streamed = outputs(model, to_input, images, own(input=[4, 5, 3]), ["0", "2"], units)
            assert store_outputs(file.create_group(f"epochs/{epoch}"), streamed, 12, units) == ["0", "2"]
    with read(tmp_path / "a.h5") as file:
        kept = file["epochs/000/0"].attrs["units"]
        assert len(kept) == len(set(kept)) == 11
        assert (np.diff(kept) > 0).all()
        np.testing.assert_array_equal(kept, file["epochs/001/0"].attrs["units"])
        expected = (images.transpose(0, 3, 1, 2).reshape(12, -1) / np.float32(255))[:, kept]
        np.testing.assert_array_equal(file["epochs/001/0"][:], expected)
        assert "units" not in file["epochs/000/2"].attrs
        assert file["epochs/000/2"].shape == (12, 4)


def test_probe_and_units_are_seeded_samples():
    probe = choose_probe(1000, 100, 0)
    assert len(set(probe)) == 100 and set(probe) <= set(range(1000))
    assert (probe[:50] < 500).any() and (probe[:50] >= 500).any()  # the first of them too are from anywhere
    np.testing.assert_array_equal(probe, choose_probe(1000, 100, 0))
    assert (probe != choose_probe(1000, 100, 1)).any()
    assert sorted(choose_probe(50, 100, 0)) == list(range(50))
    assert choose_units("a", 10, 10, 0) is None
    assert (choose_units("a", 1000, 20, 0) != choose_units("b", 1000, 20, 0)).any()


def test_images_are_standardised_as_the_card_says():
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 5, 3), np.uint8)
    card = own(input=[4, 5, 3], normalize={"mean": [0.4, 0.5, 0.6], "std": [0.1, 0.2, 0.3]})
    (seen,) = outputs(nn.Sequential(nn.Identity()), to_input, images, card, ["0"], Units())
    expected = (images / 255 - [0.4, 0.5, 0.6]) / [0.1, 0.2, 0.3]
    np.testing.assert_allclose(seen["0"].transpose(0, 2, 3, 1), expected, rtol=1e-5, atol=1e-6)


def test_large_images_come_in_smaller_batches():
    sizes = []
    model = nn.Sequential(nn.AdaptiveAvgPool2d(1))
    model.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    images = np.zeros((40, 224, 224, 3), np.uint8)
    parts = list(outputs(model, to_input, images, own(input=[224, 224, 3]), ["0"], Units("pool", 2)))
    assert sizes[-2:] == [27, 13]
    assert sum(len(part["0"]) for part in parts) == 40
