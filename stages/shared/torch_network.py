"""The PyTorch networks that a card can describe."""

import random
import zipfile
from collections import OrderedDict
from itertools import chain

import numpy as np
import torch
from torch import nn
from torch.nn.parameter import is_lazy

from stages.shared.base.command import InputError
from stages.shared.card import Own, loading, no_device
from stages.shared.own import construct


class Mlp(nn.Sequential):
    """A multilayer perceptron of named blocks on images (n, channels, height, width)."""

    def forward(self, images):
        return super().forward(images.flatten(1))


def build(card, classes):
    """Return the network of `card` (an `Mlp` or an `Own`) for `classes` classes, its weights drawn from its seed."""
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(card.seed)
    model = construct(card, classes) if isinstance(card, Own) else perceptron(card, classes)
    if any(map(is_lazy, chain(model.parameters(), model.buffers()))):
        model.eval()
        with torch.no_grad():
            model(to_input(np.zeros((1, *card.input), np.float32)))
    return model


def perceptron(card, classes):
    """Return the network of an `Mlp`.

    Each layer is a block `layer<k>` (linear, batch norm if the card says so, ReLU); a squeeze-expand layer is a block
    `squeeze<k>` (linear, ReLU if the card says so) before it.
    """
    height, width, channels = card.input
    features = height * width * channels
    blocks = OrderedDict()
    for number, layer in enumerate(card.layers, 1):
        if isinstance(layer, list):
            squeeze, layer = layer
            blocks[f"squeeze{number}"] = block(features, squeeze, relu=card.squeeze_activation == "relu")
            features = squeeze
        blocks[f"layer{number}"] = block(features, layer, batch_norm=card.batch_norm)
        features = layer
    blocks["output"] = nn.Linear(features, classes)
    return Mlp(blocks)


def block(features, width, batch_norm=False, relu=True):
    """A linear map from `features` to `width`, with what follows it."""
    parts = OrderedDict(linear=nn.Linear(features, width))
    if batch_norm:
        parts["batch_norm"] = nn.BatchNorm1d(width)
    if relu:
        parts["relu"] = nn.ReLU()
    return nn.Sequential(parts)


def device_of(card):
    """The `torch.device` of `card`; an `InputError` says that PyTorch sees none such here."""
    seen = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not seen[card.device]:
        raise no_device(card, "PyTorch")
    return torch.device(card.device)


def load(card, classes, checkpoint):
    """Return the network of `card` with the weights of `checkpoint`, a .pth file, on its device; only tensors are read."""
    model = build(card, classes)
    with loading(checkpoint), zipfile.ZipFile(checkpoint) as file:
        if file.testzip():  # PyTorch does not look at the checksums
            raise ValueError
        model.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=True))
    return model.to(device_of(card))


def layer_names(model):
    """Every module's name in the order of its definition, with what it is: "block" (a child), "module" (a leaf) or "both"."""
    names = {}
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            raise InputError(
                f"{f'The layer {name!r}' if name else 'The model'} is in TorchScript, which shows no layers' outputs: "
                "take the model as it was before torch.jit."
            )
        leaf, child = not any(module.children()), name.count(".") == 0
        names[name] = "both" if leaf and child else "block" if child else "module" if leaf else ""
    del names[""]
    return names


def to_input(images):
    """Return float32 `images` (n, h, w, c) as the tensor (n, c, h, w) that the networks take."""
    return torch.from_numpy(images).permute(0, 3, 1, 2)
