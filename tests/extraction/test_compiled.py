"""Layers are observed however the network calls them: compiled, through `forward`, or not at all."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import nn

from drillcore import get_intermediate_outputs
from drillcore.base.errors import InputError
from drillcore.frameworks.torch import weight_matrices
from drillcore.recording.recorder import GradientRecorder
from stages.rig.torch.inspection import inspect
from tests.conftest import own

IMAGES = torch.randn(7, 1, 8, 8, generator=torch.Generator().manual_seed(0))


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(inplace=True), nn.Flatten())
        self.output = nn.Linear(144, 3)

    def forward(self, images):
        return self.output(self.features(images))


class CallsForward(Network):
    def forward(self, images):
        return self.output(self.features.forward(images))


class HoldsWeights(nn.Module):
    def __init__(self):
        super().__init__()
        self.kept = nn.Linear(4, 3)

    def forward(self, images):
        return images @ self.kept.weight.T


def whole(model):
    return torch.compile(model, backend="eager")


def in_its_place(model):
    model.compile(backend="eager")
    return model


def a_layer(model):
    model.features = torch.compile(model.features, backend="eager")
    return model


def a_leaf(model):
    model.output = torch.compile(model.output, backend="eager")
    return model


def a_layer_in_its_place(model):
    model.features.compile(backend="eager")
    return model


def its_forward(model):
    model.forward = torch.compile(model.forward, backend="eager")
    return model


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(3)
    return Network()


@pytest.mark.parametrize("layers", ["blocks", "all", ["features.1", "output"]])
@pytest.mark.parametrize("how", [whole, in_its_place, a_layer, a_leaf, a_layer_in_its_place, its_forward])
def test_compiled_and_run_it_gives_the_values_of_the_uncompiled(network, how, layers):
    expected = get_intermediate_outputs(network, IMAGES, layers)
    model = how(deepcopy(network).eval())
    with torch.no_grad():
        model(IMAGES[:4])
    for _ in range(2):
        found = get_intermediate_outputs(model, IMAGES, layers, batch_size=4)
        assert list(found) == list(expected)
        for layer, array in expected.items():
            np.testing.assert_allclose(found[layer], array, rtol=1e-5, atol=1e-6)
    with torch.no_grad():
        np.testing.assert_allclose(model(IMAGES), expected["output"], rtol=1e-5, atol=1e-6)


def test_a_compiled_network_has_the_card_of_the_uncompiled(network):
    card = own(training=None)
    assert inspect(whole(deepcopy(network)), card, 3) == inspect(deepcopy(network), card, 3)


def test_the_weights_of_a_compiled_network_have_the_names_of_the_uncompiled(network, tmp_path):
    compiled = whole(deepcopy(network))
    expected = weight_matrices(network)
    found = weight_matrices(compiled)
    assert list(found) == list(expected) and all((found[name] == expected[name]).all() for name in expected)
    recorder = GradientRecorder(compiled.named_parameters(), tmp_path / "gradients.h5")
    assert list(recorder.tensors) == [name for name, _ in network.named_parameters()]


def test_a_layer_whose_forward_is_called_gives_its_output_and_what_hooks_of_others_make_of_a_call():
    model = CallsForward()
    model.output.register_forward_hook(lambda module, inputs, output: output + 1)
    found = get_intermediate_outputs(model, IMAGES)
    with torch.no_grad():
        np.testing.assert_array_equal(found["features"], model.features(IMAGES))
        np.testing.assert_array_equal(found["output"], model(IMAGES))
    assert "forward" not in vars(model.features) and not model.features._forward_hooks


def test_a_layer_that_fails_is_left_as_it_was(network):
    network = deepcopy(network)
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        get_intermediate_outputs(network, IMAGES[..., :4])
    assert not any("forward" in vars(module) for module in network.modules())


def test_no_layers_end_in_a_sentence_and_never_in_an_empty_dict(network):
    exported = torch.export.export(network, (IMAGES,)).module()
    with pytest.raises(InputError, match=r"made by torch\.export, which leaves no layers: take it as it was before"):
        get_intermediate_outputs(exported, IMAGES)
    with pytest.raises(InputError, match="picks none; the network has kept"):
        get_intermediate_outputs(HoldsWeights(), torch.ones(2, 4))
    with pytest.raises(InputError, match="has no layers within it: wrap it in one that has"):
        get_intermediate_outputs(nn.Flatten(), IMAGES)
    with pytest.raises(InputError, match=r"layers is \[\], which picks none; the network has features"):
        get_intermediate_outputs(network, IMAGES, [])
