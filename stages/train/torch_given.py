"""PyTorch networks that come trained."""

import pickle
import re

import torch

from stages.shared.base.command import InputError
from stages.shared.own import oneline
from stages.shared.torch_network import build, device_of
from stages.train import torch_training
from stages.train.torch_training import LOSSES, TorchBatches, save_weights

__all__ = ["evaluate", "load", "save_weights", "tensors"]

WRAPPERS = "state_dict", "model_state_dict", "model"
"""Under which of a checkpoint's keys training scripts keep the weights."""

PREFIXES = re.compile(r"(module\.|_orig_mod\.)*")
"""What DataParallel and torch.compile put before every name, one around the other too."""


def load(card, classes, path):
    """Return the network of `card` with the weights of a state_dict (.pth, .pt, ...) or a .safetensors file.

    Nothing but tensors is ever read. An `InputError` says what does not fit.
    """
    model = build(card, classes)
    try:
        model.load_state_dict(renamed(unwrapped(read(path)), model.state_dict()))
    except pickle.UnpicklingError:  # PyTorch's own words advise to run what is in it
        raise InputError(
            f"params.yaml: networks.{card.name} cannot take its weights from {path}: it holds more than tensors, or is "
            f"damaged. Save the `model.state_dict()` of what {card.build} builds alone."
        ) from None
    except Exception as error:  # a damaged or hostile file can raise anything
        raise InputError(
            f"params.yaml: networks.{card.name} cannot take its weights from {path}: {oneline(error)}. It should hold the "
            f"state_dict of what {card.build} builds for {classes} classes."
        ) from None
    return model.to(device_of(card))


def read(path):
    """The content of a file of weights."""
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def unwrapped(content):
    """The state_dict in what a training script saved."""
    for key in WRAPPERS:
        content = content.get(key, content)
    return content


def renamed(weights, own):
    """The state_dict `weights` under the names of the state_dict `own`, whatever wrapped either model."""
    if weights.keys() == own.keys():
        return weights
    names = dict(zip(bare(own), own, strict=True))
    return {names.get(name, name): tensor for name, tensor in zip(bare(weights), weights.values(), strict=True)}


def bare(names):
    """A list of `names` without the prefixes that all of them have."""
    shared = min((PREFIXES.match(name)[0] for name in names), key=len, default="")
    return [name.removeprefix(shared) for name in names]


def evaluate(model, card, batches):
    """Return val_loss, val_accuracy and val_f1 over `Batches`."""
    return torch_training.evaluate(model, TorchBatches(batches, device_of(card)), LOSSES["cross_entropy"])


def tensors(model):
    """The number of elements of each parameter of `model`, trained or not, by name."""
    return {name: parameter.numel() for name, parameter in model.named_parameters()}
