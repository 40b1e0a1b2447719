"""The weights that a file of someone else's training holds, whatever lies around and beside them; nothing else is read."""

import pickle
import re
from collections import OrderedDict, defaultdict
from typing import NamedTuple

import torch
from torch.nn.parallel import DataParallel, DistributedDataParallel
from torch.optim.swa_utils import AveragedModel

from drillcore.base.errors import InputError
from stages.rig.base.command import say
from stages.rig.pretrained import INDEX, shards
from stages.rig.torch.network import check_zip
from stages.rig.user_defined import oneline

INNER = re.compile(r"\b(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
"""What compiling or sharding a module puts into the names below it."""

AVERAGED = re.compile(r"(?<![a-z])(ema|swa|avg|averaged)(?![a-z])", re.IGNORECASE)
"""What training scripts call weights that are means over many steps."""

CONSTANT = re.compile(r"(^|\.)(position_ids|masked_bias|inv_freq)$")
"""What earlier versions of Hugging Face's Transformers stored beside the weights, and later ones compute."""

ZIP = b"PK\x03\x04"
"""What a file of `torch.save` begins with, but for those before PyTorch 1.6."""


def take_weights(model, card, classes, path):
    """Give `model`, which `card` builds for `classes` classes, the weights of the file at `path`.

    That is a state_dict by `torch.save` (.pth, .pt, .ckpt, ...), a .safetensors file, or the index of their shards. An
    `InputError` says what does not fit.
    """
    context = f"params.yaml: networks.{card.name} cannot take its weights from {path}"
    try:
        load_weights(unwrapped(model), path, card.weights)
    except pickle.UnpicklingError:  # PyTorch's own words advise to run what is in it
        raise InputError(
            f"{context}: it holds more than tensors, or is damaged. Save the `model.state_dict()` of what {card.build} "
            "builds alone."
        ) from None
    except Exception as error:  # a damaged or hostile file can raise anything
        raise InputError(
            f"{context}: {oneline(error)}. It should hold the state_dict of what {card.build} builds for {classes} classes."
        ) from None


def unwrapped(model):
    """The model within PyTorch's wrappers, if there are any."""
    if isinstance(model, DataParallel | DistributedDataParallel | AveragedModel):
        return unwrapped(model.module)
    return unwrapped(model._orig_mod) if hasattr(model, "_orig_mod") else model


def load_weights(model, path, wanted=None):
    """Give `model` its weights from the file at `path`, of several those whose name there holds the word `wanted`; any
    exception says why that cannot be."""
    state = model.state_dict()
    part = best(named(parts(read(path), state), wanted), path)
    model.load_state_dict(with_tied(without_constants(part.weights, model, state), state))
    if part.beside:
        say(f"{path}: the weights are those of {part.label}; {', '.join(part.beside[:3])} beside them is left out")


class Beside:
    """Stands for an object that lies beside the weights: it is made in place of it, and keeps nothing of it."""

    def __new__(cls, *arguments):
        return super().__new__(cls)

    def __setstate__(self, state):
        """Keep nothing."""


def read(path):
    """The content of a file of weights: tensors, numbers and text, dicts and lists of them; a `Beside` for all else.

    Of shards, all that they hold together."""
    if path.name.endswith(INDEX):
        return {name: tensor for shard in shards(path) for name, tensor in read(shard).items()}
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    stand_ins = [(type(name.rpartition(".")[2], (Beside,), {}), name) for name in strangers(path)]
    with torch.serialization.safe_globals(stand_ins):
        return torch.load(path, map_location="cpu", weights_only=True)


def strangers(path):
    """The full names of the classes and functions in a file of `torch.save` that are none of those that make tensors."""
    from torch._weights_only_unpickler import _get_allowed_globals, get_globals_in_pkl

    with open(path, "rb") as file:
        if file.read(len(ZIP)) == ZIP:
            check_zip(path)
            return torch.serialization.get_unsafe_globals_in_checkpoint(path)
        file.seek(0)
        older = [get_globals_in_pkl(file) for _ in range(4)]  # a magic number, a version, the machine, the content
    return set.union(*older) - _get_allowed_globals().keys()


class Part(NamedTuple):
    """Weights within a file: how many of them are the network's, less those that are not; where they lie; they
    themselves, by the network's names; and the names of the tensors beside them."""

    score: int
    label: str
    weights: OrderedDict
    beside: list[str]


def parts(content, state):
    """Every `Part` of `content` that has names of the state_dict `state`: in any dict within it, below any prefix.

    A network that is one attribute of a wrapper, as of one that returns its logits alone, takes what lies without it too.
    """
    names, found = {INNER.sub("", name): name for name in state}, []
    wrapper = wrapper_of(names)
    for label, held in dicts(content):
        tensors = {INNER.sub("", name): item for name, item in held.items() if isinstance(item, torch.Tensor)}
        versions = getattr(held, "_metadata", {})
        for outer in dict.fromkeys(["", wrapper]):
            inner = {name.removeprefix(outer): whole for name, whole in names.items()}
            prefixes = {start for name in tensors for start, rest in splits(name) if rest in inner}
            found += [part_below(prefix, label, tensors, versions, inner, outer) for prefix in sorted(prefixes)]
    if not found:
        keys = ", ".join(map(repr, [*content][:5])) if isinstance(content, dict) else f"one {type(content).__name__}"
        raise ValueError(f"it holds {keys or 'nothing'}, and no tensor by a name such as {next(iter(state), None)!r}")
    return found


def dicts(content):
    """The dicts in `content` whose keys are texts, with the path of keys that leads to each."""
    waiting, seen = [("", content)], set()
    for label, value in waiting:
        if isinstance(value, dict) and id(value) not in seen:
            seen.add(id(value))
            waiting += [(f"{label}{key}/", item) for key, item in value.items()]
            if all(isinstance(key, str) for key in value):
                yield label, value


def splits(name):
    """A dotted name cut in two at its beginning and behind each dot: ("", "a.b"), ("a.", "b")."""
    begins = [0, *(match.end() for match in re.finditer(r"\.", name))]
    return [(name[:begin], name[begin:]) for begin in begins]


def wrapper_of(names):
    """The attribute, with its dot, in which all of a network's weights lie; nothing if there is none such."""
    first = {name.partition(".")[:2] for name in names}
    return "".join(first.pop()) if len(first) == 1 and all("." in name for name in names) else ""


def part_below(prefix, label, tensors, versions, names, wrapper):
    """The `Part` of `tensors` whose names begin with `prefix`; `names` are the network's, by what a file calls them: all of
    them lie in the `wrapper`, which the file does not have.

    `versions` is what a state_dict notes of its modules, by which they read what older ones wrote.
    """
    below = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    weights = OrderedDict((names.get(name, name), tensor) for name, tensor in below.items())
    weights._metadata = {
        f"{wrapper}{f'{name}.'.removeprefix(prefix)}".removesuffix("."): version
        for name, version in versions.items()
        if f"{name}.".startswith(prefix)
    }
    known = len(below.keys() & names.keys())
    beside = [name for name in tensors if not name.startswith(prefix)]
    return Part(2 * known - len(below), f"{label}{prefix}*", weights, beside)


def named(found, wanted):
    """Those of the `Part`s whose label holds the word `wanted`, all where it is None."""
    chosen = [part for part in found if wanted is None or wanted in part.label]
    if not chosen:
        raise ValueError(f"it holds weights in {', '.join(part.label for part in found)}, of which none is {wanted!r}")
    return chosen


def best(found, path):
    """The `Part` that fits best; of two that fit alike, trained weights rather than averages of them, and a line says so."""
    score = max(part.score for part in found)
    fitting = [part for part in found if part.score == score]
    first, *others = sorted(fitting, key=lambda part: bool(AVERAGED.search(part.label)))
    others = [part for part in others if not same(part.weights, first.weights)]
    if any(bool(AVERAGED.search(part.label)) == bool(AVERAGED.search(first.label)) for part in others):
        labels = ", ".join(part.label for part in fitting)
        raise ValueError(f"it holds weights that fit in several places, {labels}; leave one of them")
    if others:
        say(f"{path} holds {others[0].label} beside {first.label}: the latter is taken, for the former are averages")
    return first


def same(one, other):
    """Whether two state_dicts hold the same."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def without_constants(weights, model, state):
    """`weights` without the buffers that `model`, of state_dict `state`, makes itself, and an earlier version stored; of
    Hugging Face's it knows itself which these may be."""
    made = {name for name, _ in model.named_buffers()}
    known = [getattr(module, "_keys_to_ignore_on_load_unexpected", None) or () for module in model.modules()]
    constants = [CONSTANT, *map(re.compile, {pattern for patterns in known for pattern in patterns})]
    for name in weights.keys() - state.keys():
        if name in made or any(constant.search(name) for constant in constants):
            del weights[name]
    return weights


def with_tied(weights, state):
    """`weights` with those that a file leaves out because in the network, of state_dict `state`, they are one with others."""
    groups = defaultdict(list)
    for name, tensor in state.items():
        if isinstance(tensor, torch.Tensor) and tensor.numel():
            groups[tensor.data_ptr(), tensor.shape, tensor.stride()].append(name)
    for tied in groups.values():
        held = [name for name in tied if name in weights]
        for name in held[1:]:
            if not torch.equal(weights[name], weights[held[0]]):
                raise ValueError(f"it holds other values for {name} than for {held[0]}, which are one in the network")
        weights.update({name: weights[held[0]] for name in tied if held})
    return weights
