"""PyTorch networks that come trained."""

import torch

from stages.shared.base.command import InputError
from stages.shared.own import oneline
from stages.shared.torch_network import build, device_of
from stages.train import torch_training
from stages.train.torch_training import LOSSES, TorchBatches, save_weights

__all__ = ["evaluate", "load", "save_weights", "tensors"]

WRAPPERS = "state_dict", "model_state_dict", "model"
"""Under which of a checkpoint's keys training scripts keep the weights."""

PREFIXES = "module.", "_orig_mod."
"""What DataParallel and torch.compile put before every name."""


def load(card, classes, path):
    """Return the network of `card` with the weights of a state_dict (.pth, .pt, ...) or a .safetensors file.

    Nothing but tensors is ever read. An `InputError` says what does not fit.
    """
    model = build(card, classes)
    try:
        model.load_state_dict(unwrapped(read(path)))
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
    for prefix in PREFIXES:
        if all(name.startswith(prefix) for name in content):
            content = {name.removeprefix(prefix): tensor for name, tensor in content.items()}
    return content


def evaluate(model, card, batches):
    """Return val_loss, val_accuracy and val_f1 over `Batches`."""
    return torch_training.evaluate(model, TorchBatches(batches, device_of(card)), LOSSES["cross_entropy"])


def tensors(model):
    """What a recorder would record: the parameters of `model`, by name."""
    return model.named_parameters()
