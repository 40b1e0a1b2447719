"""The files of a pretrained network, all of them below models/: which of its checkpoints each is, by epoch or by step."""

import glob
import json
import re
from pathlib import Path

from drillcore.base.errors import InputError
from stages.rig.user_defined import MODELS, check_below, located, remedy

NAMED = {
    "step": re.compile(r"(?:steps?[^\d/]?|checkpoint-)(\d+)", re.IGNORECASE),
    "epoch": re.compile(r"epochs?[^\d/]?(\d+)", re.IGNORECASE),
}
"""By axis the number behind its word in a file's name, steps first: Lightning's epoch=0-step=100 is the end of the first
epoch, which is no untrained network. Hugging Face's Trainer names the folder of a step checkpoint-500."""

NUMBER = re.compile(r"(?<![\d.])\d+(?![\d.])")
"""A whole one: what has a decimal point in a checkpoint's name is a loss or an accuracy."""

INDEX = ".index.json"
"""How the file ends in which Hugging Face notes the shards that it cut a file of weights into."""

IN_FOLDER = tuple(f"{name}{end}" for name in ("model.safetensors", "pytorch_model.bin") for end in ("", INDEX))
"""What the weights are called in a folder of Hugging Face's."""


def pretrained_files(card):
    """The files of a pretrained network, by epoch or step: paths below models/; empty for one that is yet to be trained.

    A single `checkpoint` counts as epoch 1.
    """
    return found(card)[1]


def axis_of(card):
    """ "step" for a pretrained network whose `checkpoints` are numbered by steps, else "epoch"."""
    return found(card)[0]


def found(card):
    """The axis that counts the checkpoints of `card`, and its files by their number."""
    context = f"params.yaml: networks.{card.name}"
    if card.checkpoint:
        return card.axis or "epoch", {1: weights_in(card.checkpoint, f"{context}.checkpoint is {card.checkpoint!r}")}
    if not card.checkpoints:
        return "epoch", {}
    context = f"{context}.checkpoints is {card.checkpoints!r}"
    check_below(card.checkpoints, context)
    before, _, after = card.checkpoints.partition("*")
    names = [
        path.relative_to(MODELS).as_posix()
        for path in sorted(MODELS.glob(f"{glob.escape(before)}*{glob.escape(after)}"))
    ]
    if not names:
        raise InputError(f"{context}, but no file in {MODELS}/ matches: {remedy('them')}.")
    axis, numbers = numbered(names, len(before), len(after), [card.axis] if card.axis else NAMED, context)
    files = {number: weights_in(name, context) for number, name in zip(numbers, names, strict=True)}
    return axis, dict(sorted(files.items()))


def numbered(names, before, after, axes, context):
    """The first of the `axes` that gives each of the `names` a number of its own, and the numbers; of numbers without a word
    the last axis. The `*` stands for what is behind so many letters `before` it and has so many `after` it."""
    parts = [(name, before, len(name) - after) for name in names]
    for axis in axes:
        numbers = [number_behind(NAMED[axis], *part) for part in parts]
        if None not in numbers and len(set(numbers)) == len(names):
            return axis, numbers
    axis, numbers = [*axes][-1], []
    for name, begin, end in parts:
        number = number_behind(NAMED[axis], name, begin, end, alone=True)
        if number is None or number in numbers:
            raise InputError(
                f"{context}, but of {MODELS / name} the * stands for {name[begin:end]!r}, which is no {axis} of its own: "
                "write the pattern so that each file has one number there, as in run/epoch_*.pth, or one behind the word "
                "epoch or step, as in run/epoch=0-step=100.ckpt or run/checkpoint-*/model.safetensors."
            )
        numbers.append(number)
    return axis, numbers


def number_behind(word, name, begin, end, alone=False):
    """The number in `name[begin:end]` that the pattern `word` finds behind a word, which may stand before that part, or if it
    may stand `alone` the only whole number there; None where there is none, or more than one."""
    numbers = {int(match[1]) for match in word.finditer(name) if match.end(1) > begin and match.start(1) < end}
    if alone and not numbers:
        numbers = {int(number) for number in NUMBER.findall(name[begin:end])}
    return numbers.pop() if len(numbers) == 1 else None


def weights_in(name, context):
    """The path below models/ of the file of weights that `name` is or, if it is a folder of Hugging Face's, holds."""
    check_below(name, context)
    folder = MODELS / name
    if not folder.is_dir():
        located(name, context)
        return Path(name)
    file = next((file for file in IN_FOLDER if (folder / file).is_file()), None)
    if file is None:
        raise InputError(
            f"{context}, but the folder {folder} holds no {' or '.join(IN_FOLDER)}: name the file of the weights, or save "
            "them by save_pretrained."
        )
    return Path(name, file)


def shards(path):
    """The paths of the shards that lie beside the index at `path`; of any other file of weights that of itself."""
    if not path.name.endswith(INDEX):
        return [path]
    try:
        names = sorted({*json.loads(path.read_bytes())["weight_map"].values()})
        found = [path.parent / name for name in names if Path(name).name == name]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(
            f"{path} is no index of shards as save_pretrained writes it: copy its folder once more."
        ) from None
    if missing := [name for name in names if path.parent / name not in found or not (path.parent / name).is_file()]:
        raise InputError(f"{path} names {missing[0]}, but there is no such file beside it: {remedy('it')}.")
    return found
