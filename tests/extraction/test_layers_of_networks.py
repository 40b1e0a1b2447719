"""Which of a PyTorch network's modules are its layers, and which of their outputs have a row for each image."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from drillcore import get_intermediate_outputs
from drillcore.base.errors import InputError
from drillcore.frameworks.torch import observe
from tests.small_project import ROOT

IMAGES = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def kinds(model):
    return {layer.name: layer.kind for layer in observe(model, IMAGES).layers}


class Attention(nn.Module):
    """Takes tokens to a tuple of tokens and weights, as those of many transformers do."""

    def __init__(self, width):
        super().__init__()
        self.values = nn.Linear(width, width)

    def forward(self, tokens):
        return self.values(tokens), None


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm, self.attn, self.mlp = nn.LayerNorm(width), Attention(width), nn.Linear(width, width)

    def forward(self, tokens):
        return self.mlp(self.attn(self.norm(tokens))[0])


class Transformer(nn.Module):
    """Its blocks lie in a list that is never called."""

    def __init__(self, container, depth=2, width=6, classes=3):
        super().__init__()
        self.embed = nn.Conv2d(1, width, 4, 4)
        blocks = [Block(width) for _ in range(depth)]
        named = {f"block{number}": block for number, block in enumerate(blocks)}
        self.blocks = nn.ModuleDict(named) if container is nn.ModuleDict else container(blocks)
        self.head = nn.Linear(width, classes)

    def forward(self, images):
        tokens = self.embed(images).flatten(2).transpose(1, 2)
        for block in self.blocks.values() if isinstance(self.blocks, nn.ModuleDict) else self.blocks:
            tokens = block(tokens)
        return self.head(tokens.mean(1))


@pytest.mark.parametrize(
    ("container", "names"),
    [
        (nn.ModuleList, ["blocks.0", "blocks.1"]),
        (nn.ModuleDict, ["blocks.block0", "blocks.block1"]),
        (lambda blocks: nn.Sequential(*blocks), ["blocks.0", "blocks.1"]),  # which forward goes through one by one
    ],
)
def test_a_container_that_is_never_called_is_replaced_by_what_is_in_it(container, names):
    model = Transformer(container).eval()
    outputs = get_intermediate_outputs(model, IMAGES)
    assert list(outputs) == ["embed", *names, "head"]
    with torch.no_grad():
        tokens = outputs["embed"].reshape(4, 6, 4).transpose(0, 2, 1)
        first = model.get_submodule(names[0])(torch.from_numpy(tokens))
    np.testing.assert_allclose(outputs[names[0]], first.numpy(), atol=1e-6)


class Wrapper(nn.Module):
    """The network is one of its attributes, beside others without parameters."""

    def __init__(self, net):
        super().__init__()
        self.flatten, self.net = nn.Flatten(), net

    def forward(self, images):
        return self.net(self.flatten(images))


def perceptron():
    return nn.Sequential(nn.Linear(64, 5), nn.Sequential(nn.ReLU(), nn.Linear(5, 4)), nn.Linear(4, 3))


@pytest.mark.parametrize(
    ("model", "blocks"),
    [
        (Wrapper(perceptron()), ["flatten", "net.0", "net.1", "net.2"]),
        (nn.Sequential(Wrapper(perceptron())), ["0.flatten", "0.net.0", "0.net.1", "0.net.2"]),
        (nn.DataParallel(Wrapper(perceptron())), ["module.flatten", *(f"module.net.{number}" for number in range(3))]),
        (Wrapper(nn.Sequential(nn.Linear(64, 5), nn.ReLU())), ["flatten", "net.0", "net.1"]),
        (Wrapper(nn.Linear(64, 3)), ["flatten", "net"]),
        (nn.Sequential(nn.Flatten(), *perceptron()), ["0", "1", "2", "3"]),  # which wraps nothing: 2 is one block
    ],
)
def test_what_holds_the_whole_network_is_replaced_by_what_is_in_it(model, blocks):
    assert list(get_intermediate_outputs(model, IMAGES)) == blocks


def test_all_are_the_modules_that_hold_no_other_with_an_output():
    assert [
        name for name, kind in kinds(Transformer(nn.ModuleList, depth=1)).items() if kind in ("module", "both")
    ] == [
        "embed",
        "blocks.0.norm",
        "blocks.0.attn.values",
        "blocks.0.mlp",
        "head",
    ]
    gated = nn.MultiheadAttention(64, 2)  # whose own out_proj is never called
    gated.forward = lambda images: images.flatten(1) @ gated.out_proj.weight
    assert kinds(nn.Sequential(gated, nn.Linear(64, 3))) == {"0": "both", "0.out_proj": "", "1": "both"}


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_a_parametrized_module_is_a_layer_and_its_parametrization_is_none(count):
    model = nn.Sequential(nn.Flatten(), weight_norm(nn.Linear(64, 4)), weight_norm(nn.Linear(4, 2)))
    outputs = get_intermediate_outputs(model, IMAGES[:count], "all")  # as many images as a weight matrix has rows
    assert {name: array.shape for name, array in outputs.items()} == {
        "0": (count, 64),
        "1": (count, 4),
        "2": (count, 2),
    }
    assert list(get_intermediate_outputs(model, IMAGES[:count], ["*"])) == ["0", "1", "2"]
    np.testing.assert_allclose(outputs["2"], model(IMAGES[:count]).detach(), atol=1e-6)


class TimeFirst(nn.Module):
    """Four tokens an image, and they are the first axis, as PyTorch's encoder has it unless told otherwise."""

    def __init__(self):
        super().__init__()
        self.encoder, self.head = nn.TransformerEncoderLayer(16, 2, 8), nn.Linear(16, 3)

    def forward(self, images):
        return self.head(self.encoder(images.reshape(-1, 4, 16).transpose(0, 1)).mean(0))


def test_tokens_are_no_images_though_there_are_as_many_of_them():
    with pytest.raises(InputError, match=r"'encoder' returns an array \(4, 2, 16\) of 2 samples, not a row for each"):
        get_intermediate_outputs(TimeFirst(), IMAGES, ["encoder", "head"])


def test_a_word_leaves_out_the_layer_that_has_no_row_for_each_image_and_says_so(caplog):
    assert list(get_intermediate_outputs(TimeFirst(), IMAGES)) == ["head"]
    assert caplog.messages == ["left out: encoder, which returns an array (4, 2, 16) of 2 samples, not a row for each"]


class Alike(nn.Module):
    def forward(self, images):
        return images.flatten(1) @ images.flatten(1).T


def test_units_that_follow_the_number_of_images_are_none():
    with pytest.raises(
        InputError, match=r"'0' returns outputs of shapes \[2\] and \[3\], which follow the number of images"
    ):
        get_intermediate_outputs(nn.Sequential(Alike()), IMAGES)


def test_keras_layers_follow_the_number_of_images_too_and_those_of_nested_models_are_layers():
    command = [sys.executable, "-m", "tests.extraction.keras_layers"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
