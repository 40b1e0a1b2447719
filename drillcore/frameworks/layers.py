"""Which of a network's layers are meant by names and patterns, and how to name those that it has."""

from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Literal, NamedTuple

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


def uncompiled(name):
    """The name that a layer or a weight had before torch.compile wrapped what it is in."""
    return ".".join(part for part in name.split(".") if part != "_orig_mod")


def described(shape, count):
    """What `observe` says of an output of `shape` for `count` images: its shape without the samples, or why it has none."""
    if tuple(shape[:1]) == (count,):
        return list(shape[1:])
    return f"returns an array {tuple(shape)} of {count} images, not a row for each"


def agreed(fewer, more):
    """What is true of a layer for two numbers of images, given what `described` says of either, None if it is not called.

    Only a shape that follows the number of images shows that rows are images.
    """
    for said in (fewer, more):
        if not isinstance(said, list):
            return said or UNCALLED
    return more if fewer == more else f"returns outputs of shapes {fewer} and {more}, which follow the number of images"


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
        """The top layers; where one of them holds all parameters, and so only wraps the network, those in it."""
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
    pattern: brackets may be part of it.
    """
    if isinstance(layers, str):
        if layers not in KINDS:
            raise InputError(f"layers is {layers!r}, but should be blocks, all, or a list of names and patterns.")
        return [name for name, kind in kinds.items() if kind in KINDS[layers]]
    patterns = [wanted for wanted in layers if wanted not in kinds]
    return [name for name in kinds if name in layers or any(fnmatchcase(name, pattern) for pattern in patterns)]


def enumerated(names, wanted=""):
    """The `names` of layers as text, the first of them where they are many, and the one most like `wanted` if any is."""
    names = list(names)
    more, alike = len(names) - NAMED, get_close_matches(wanted, names, 1)
    text = ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
    return f"{text} (did you mean {alike[0]}?)" if alike else text
