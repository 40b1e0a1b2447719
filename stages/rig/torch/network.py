"""The PyTorch networks that a card can describe."""

import math
import random
import zipfile
from collections import OrderedDict
from itertools import chain

import numpy as np
import torch
from torch import nn
from torch.nn.parameter import is_lazy

from drillcore.frameworks.torch import as_input
from stages.rig.base.process import keep_freed_memory, return_freed_memory
from stages.rig.card import UserDefined, loading, no_device
from stages.rig.images import trial_inputs
from stages.rig.torch.answer import answering
from stages.rig.torch.gradient import in_precision
from stages.rig.user_defined import construct

LARGE = 5_000_000
"""Parameters of a network that makes memory scarcer than processor time."""

FOLDER = 0x10
"""The bit of a zip's member that is a folder, as MS-DOS has it."""


class Mlp(nn.Sequential):
    """A multilayer perceptron of named blocks on images (n, channels, height, width), or on features of any shape."""

    def forward(self, inputs):
        return super().forward(inputs.flatten(1))


def build(card, classes):
    """Return the network of `card` (an `Mlp` or a `UserDefined`) for `classes` classes or, at another task, for as many
    numbers in a row of its outputs; its weights are drawn from its seed."""
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(card.seed)
    model = answering(construct(card, classes), card) if isinstance(card, UserDefined) else perceptron(card, classes)
    if any(map(is_lazy, chain(model.parameters(), model.buffers()))):
        model.eval()
        with torch.no_grad():
            model(as_input(to_input(trial_inputs(card, 1), card.kind), model))
    manage_memory(model)
    return in_precision(model, card.training)


def manage_memory(model):
    """Keep what a pass through the `model` frees for the next one, where it is not too much."""
    large = sum(parameter.numel() for parameter in model.parameters()) >= LARGE
    return_freed_memory() if large else keep_freed_memory()


def perceptron(card, classes):
    """Return the network of an `Mlp`.

    Each layer is a block `layer<k>` (linear, batch norm if the card says so, ReLU); a squeeze-expand layer is a block
    `squeeze<k>` (linear, ReLU if the card says so) before it.
    """
    features = math.prod(card.input)
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
    if not sees(card.device):
        raise no_device(card, "PyTorch")
    return torch.device(card.device)


def sees(device):
    """Whether PyTorch has a `device` of that name on this machine."""
    return {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}[device]


def load(card, classes, checkpoint):
    """Return the network of `card` with the weights of `checkpoint`, a .pth file, on its device; only tensors are read."""
    model = build(card, classes)
    restore(model, checkpoint)
    return model.to(device_of(card))


def restore(model, checkpoint):
    """Give `model` the weights of `checkpoint`, another of its own."""
    with loading(checkpoint):
        check_zip(checkpoint)
        model.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=True))


def make_reproducible():
    """Have the same numbers of threads give the same bytes: PyTorch does so on a CPU."""


def check_zip(path):
    """Raise a `ValueError` if the zip at `path` is damaged: PyTorch does not look at its checksums, and takes what is marked
    as a folder for zeros."""
    with zipfile.ZipFile(path) as file:
        if file.testzip() or any(member.external_attr & FOLDER for member in file.infolist()):
            raise ValueError("its checksums are wrong")


def to_input(inputs, kind="images"):
    """Return prepared `inputs` as the tensor that the networks take: float32 images (n, h, w, c) as (n, c, h, w), features as
    they are, tokens (n, t) as int64."""
    tensor = torch.from_numpy(inputs)
    if kind == "tokens":
        return tensor.long()
    return tensor.permute(0, 3, 1, 2) if kind == "images" else tensor


def to_target(targets, card):
    """Return the `targets` of `card` as a tensor: classes and tokens as int64, numbers as they are, inputs as inputs."""
    if card.task == "reconstruction":
        return to_input(targets, card.kind)
    tensor = torch.from_numpy(targets)
    return tensor if tensor.is_floating_point() else tensor.long()
