"""Which of a network's layers are meant by names and patterns, and how to name those that it has."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, Literal, NamedTuple

from drillcore.base.errors import InputError

KINDS = {"blocks": ("block", "both"), "all": ("module", "both")}
NAMED = 40

UNCALLED = "is never called"
"""Why a layer has no shape, as those of `described`."""


class Layer(NamedTuple):
    """A layer of a network: its output's `shape` without the samples or, in words, why it has none that can be analysed, and
    its number of `parameters`, those of the layers in it included."""

    name: str
    kind: Literal["block", "module", "both", ""]
    shape: list[int] | str
    parameters: int


class Source(NamedTuple):
    """Where a layer's output comes from: the name of a `module`, and the `place` of a tensor in what that returns.

    A single tensor has the place "", those of tuples and dicts `[1]`, `[1][0]` or `[hidden]`.
    """

    module: str
    place: str = ""


class Observed(NamedTuple):
    """The `layers` of a network in its order, and the `Source` of each that has an output, by name."""

    layers: list[Layer]
    sources: dict[str, Source]


def uncompiled(name):
    """The name that a layer or a weight had before torch.compile wrapped what it is in."""
    return ".".join(part for part in name.split(".") if part != "_orig_mod")


def described(shape, count):
    """What `observe` says of an output of `shape` for `count` samples: its shape without the samples, or why it has none."""
    if tuple(shape[:1]) == (count,):
        return list(shape[1:])
    return f"returns an array {tuple(shape)} of {count} samples, not a row for each"


def agreed(fewer, more):
    """What is true of a layer for two numbers of samples, given what `described` says of either, None if it is not called.

    Only a shape that follows the number of samples shows that rows are samples.
    """
    for said in (fewer, more):
        if not isinstance(said, list):
            return said or UNCALLED
    return more if fewer == more else f"returns outputs of shapes {fewer} and {more}, which follow the number of images"


def tensors_in(output: Any, is_tensor: Callable[[Any], bool], place: str = "") -> Iterator[tuple[str, Any]]:
    """The tensors in an `output` of tuples, lists, dicts and dataclasses within each other, each with its place there."""
    if is_tensor(output):
        yield place, output
        return
    for key, value in items_of(output):
        yield from tensors_in(value, is_tensor, f"{place}[{key}]")


def items_of(output: Any) -> Iterable[tuple[Any, Any]]:
    """What an `output` consists of, each with its name or, where it has none, its position; nothing of any other object."""
    if isinstance(output, Mapping):
        return output.items()
    if isinstance(output, tuple) and hasattr(output, "_fields"):
        return zip(output._fields, output, strict=True)
    if isinstance(output, list | tuple):
        return enumerate(output)
    if is_dataclass(output) and not isinstance(output, type):
        return [(field.name, getattr(output, field.name)) for field in fields(output)]
    return ()


def tensor_at(output: Any, is_tensor: Callable[[Any], bool], place: str) -> Any:
    """The tensor at a `place` in `output`; None if there is none."""
    return next((tensor for found, tensor in tensors_in(output, is_tensor) if found == place), None)


def said_of(output, is_tensor, describe):
    """What `describe` says of each tensor in an `output`, by its place; of one that holds none, what it is."""
    return {place: describe(tensor) for place, tensor in tensors_in(output, is_tensor)} or {
        "": f"returns {type(output).__name__}, which holds no tensor"
    }


def of_module(name, fewer, more):
    """What is true of the outputs of a module, by the name of the layer that each is: pairs of a `Source` and of what
    `agreed` says.

    `fewer` and `more` are what `said_of` says for two numbers of samples, None if the module is not called. The first tensor
    with a row for each image has the module's name, the others that with their places.
    """
    if not fewer or not more:
        return {name: (Source(name), UNCALLED)}
    said = {place: agreed(fewer[place], more.get(place)) for place in fewer}
    first = next((place for place, shape in said.items() if isinstance(shape, list)), next(iter(said)))
    outputs = {name: (Source(name, first), said.pop(first))}
    return outputs | {f"{name}{place}": (Source(name, place), shape) for place, shape in said.items()}


def observed(sizes, fewer, more, kinds_of):
    """The `Observed` of modules, given how many parameters each has, by name in the network's order.

    `fewer` and `more` hold by name what `said_of` says of those that are called, and `kinds_of` makes of what is true of
    each module its kind.
    """
    outputs = {name: of_module(name, fewer.get(name), more.get(name)) for name in sizes}
    kinds = kinds_of({name: outputs[name][name][1] for name in sizes})
    layers, sources = [], {}
    for name, parameters in sizes.items():
        for layer, (source, shape) in outputs[name].items():
            if layer == name or layer not in sizes:  # which may be a module's name, brackets and all
                layers.append(Layer(layer, kinds[name] if layer == name else "", shape, parameters * (layer == name)))
                sources[layer] = source
    return Observed(layers, sources)


class Tree:
    """The layers of a network as they lie in each other.

    Parameters
    ----------
    shapes : dict of str to list or str
        All layers in the order of their definition: the shape of a layer's output or, in words, why it has none.
    sizes : dict of str to int
        How many parameters each has, with those of the layers in it.
    separator : str
        What stands between the name of a layer and that of one in it.
    """

    def __init__(self, shapes, sizes, separator="."):
        self.shapes, self.sizes = shapes, sizes
        self.children, self.holding = {name: [] for name in ("", *shapes)}, set()
        for name, shape in shapes.items():
            outer = name.rpartition(separator)[0]
            self.children[outer].append(name)
            while isinstance(shape, list) and outer:
                self.holding.add(outer)
                outer = outer.rpartition(separator)[0]

    def kinds(self):
        """What each layer is: a "block", a "module", "both", or "" if neither; a dict by name."""
        blocks = set(self.blocks())
        kinds = {(True, True): "both", (True, False): "block", (False, True): "module", (False, False): ""}
        return {name: kinds[name in blocks, self.is_module(name)] for name in self.shapes}

    def is_module(self, name):
        """Whether a layer is called and holds none that has an output."""
        shape = self.shapes[name]
        return shape != UNCALLED and name not in self.holding and (isinstance(shape, list) or not self.children[name])

    def blocks(self):
        """The top layers; where one of them holds all parameters, and so only wraps the network, those in it; and where one
        alone holds a list of layers, as a transformer's trunk does, those of the list and those beside it."""
        blocks = self.unwrapped()
        if len(trunks := [block for block in blocks if self.has_list(block)]) == 1:
            position = blocks.index(trunks[0])
            blocks[position : position + 1] = self.opened(trunks[0])
        return blocks

    def has_list(self, name):
        """Whether a called layer holds, at any depth, a list of several layers that is never called itself."""
        return any(
            self.is_list(inner) or (self.called(inner) and self.has_list(inner)) for inner in self.children[name]
        )

    def is_list(self, name):
        return not self.called(name) and sum(map(self.called, self.children[name])) > 1

    def called(self, name):
        return isinstance(self.shapes[name], list)

    def opened(self, trunk):
        """The layers in a `trunk`: of those that hold a list themselves those in them."""
        layers = []
        for name in self.children[trunk]:
            if self.called(name) and self.has_list(name):
                layers += self.opened(name)
            else:
                layers += [name] if self.called(name) else self.top(name)
        return layers

    def unwrapped(self):
        """The top layers; where one of them holds all parameters, those in it."""
        blocks = self.top("")
        while len(trained := [block for block in blocks if self.sizes[block]]) == 1:
            inner = self.top(trained[0])
            if not any(self.sizes[block] for block in inner):
                break
            position = blocks.index(trained[0])
            blocks[position : position + 1] = inner
        return blocks

    def top(self, outer):
        """The top layers in `outer`; for one without an output, as a list that is never called, those in it that have one."""
        layers = []
        for name in self.children[outer]:
            if name in self.holding and not isinstance(self.shapes[name], list):
                layers += self.top(name)
            elif self.shapes[name] != UNCALLED:
                layers.append(name)
        return layers


def pick(kinds, layers):
    """Names of the layers that `layers` picks, in the order of `kinds`, a dict of every layer's name to its kind.

    `layers` is "blocks", "all", or a list of names and patterns. An exact name of a layer picks that layer alone and is no
    pattern: brackets may be part of it. In a pattern they may be a choice of letters or, as in `block?[1]`, of the name.
    """
    if isinstance(layers, str):
        if layers not in KINDS:
            raise InputError(f"layers is {layers!r}, but should be blocks, all, or a list of names and patterns.")
        return [name for name, kind in kinds.items() if kind in KINDS[layers]]
    patterns = [wanted for wanted in layers if wanted not in kinds]
    patterns += [pattern.replace("[", "[[]") for pattern in patterns if "[" in pattern]
    return [name for name in kinds if name in layers or any(fnmatchcase(name, pattern) for pattern in patterns)]


def enumerated(names, wanted=""):
    """The `names` of layers as text, the first of them where they are many, and the one most like `wanted` if any is."""
    names = list(names)
    more, alike = len(names) - NAMED, get_close_matches(wanted, names, 1)
    text = ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
    return f"{text} (did you mean {alike[0]}?)" if alike else text
