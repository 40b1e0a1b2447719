import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from stages.activations import get_intermediate_outputs
from stages.activations.extract import choose_probe, choose_units, store_outputs
from stages.activations.torch_outputs import weight_matrices
from stages.shared.base.command import InputError
from stages.shared.base.store import create, read
from stages.shared.card import select_layers
from stages.shared.torch_network import build, to_input

ROOT = Path(__file__).resolve().parents[2]


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


def test_a_layer_that_is_never_called_or_returns_no_tensor_is_named(images):
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused, self.recurrent = nn.Linear(784, 4), nn.Linear(4, 4), nn.LSTM(4, 3)

        def forward(self, images):
            return self.recurrent(self.used(images.flatten(1)))[0]

    with pytest.raises(InputError, match="never calls its layer 'unused'"):
        get_intermediate_outputs(Odd(), images, ["unused"])
    with pytest.raises(InputError, match="'recurrent' returns tuple"):
        get_intermediate_outputs(Odd(), images, ["recurrent"])


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


def test_keras_gives_the_same_layers_and_weights_as_its_own_calls():
    """In a process of its own: the two frameworks together are slow to load."""
    code = """
import numpy as np, sys
from stages.activations import get_intermediate_outputs
from stages.activations.keras_outputs import weight_matrices
from stages.define.resolve import resolve
from stages.shared.card import select_layers
from stages.shared.keras_network import build, keras
from stages.shared.base.parameters import load

card = resolve(load("params.yaml"), "cifar10-cnn", lambda dataset: (32, 32, 3))
card = card.model_copy(update={"convolutions": [4, 6], "dense": [8]})
model = build(card, 10)
images = np.random.default_rng(0).random((23, 32, 32, 3), np.float32)
for layers in ("blocks", "all", ["pool*", "output"]):
    assert list(get_intermediate_outputs(model, images, layers, 10)) == select_layers(card, layers), layers
outputs = get_intermediate_outputs(model, images, "all", 10)
features = images
for layer in model.layers[1:]:
    features = layer(features)
    np.testing.assert_allclose(outputs[layer.name], features, atol=1e-5)
kernel, bias = model.get_layer("conv2").get_weights()
matrix = weight_matrices(model)["conv2.kernel"]
assert matrix.shape == (6, 36)
np.testing.assert_array_equal(matrix[5], kernel[..., 5].ravel())
np.testing.assert_array_equal(weight_matrices(model)["output.kernel"], model.get_layer("output").get_weights()[0].T)
assert "torch" not in sys.modules
"""
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""


def test_the_subset_of_units_is_the_same_at_every_epoch_and_recorded(tmp_path):
    outputs = np.random.default_rng(0).normal(size=(12, 3, 10)).astype(np.float32)
    parts = [{"wide": outputs[:7], "narrow": outputs[:7, 0]}, {"wide": outputs[7:], "narrow": outputs[7:, 0]}]
    with create(tmp_path / "a.h5") as file:
        for epoch in ("000", "001"):
            layers = store_outputs(file.create_group(f"epochs/{epoch}"), iter(parts), 12, limit=11, seed=5)
    assert layers == ["wide", "narrow"]
    with read(tmp_path / "a.h5") as file:
        units = file["epochs/000/wide"].attrs["units"]
        assert len(units) == len(set(units)) == 11
        assert (np.diff(units) > 0).all()
        np.testing.assert_array_equal(units, file["epochs/001/wide"].attrs["units"])
        np.testing.assert_array_equal(file["epochs/000/wide"][:], outputs.reshape(12, -1)[:, units])
        assert "units" not in file["epochs/000/narrow"].attrs
        np.testing.assert_array_equal(file["epochs/001/narrow"][:], outputs[:, 0])


def test_probe_and_units_are_seeded_samples():
    probe = choose_probe(1000, 100, 0)
    assert len(set(probe)) == 100 and (np.diff(probe) > 0).all()
    np.testing.assert_array_equal(probe, choose_probe(1000, 100, 0))
    assert (probe != choose_probe(1000, 100, 1)).any()
    assert choose_probe(50, 100, 0).tolist() == list(range(50))
    assert choose_units("a", 10, 10, 0) is None
    assert (choose_units("a", 1000, 20, 0) != choose_units("b", 1000, 20, 0)).any()
