"""network.yaml: what a network is, as the stage `define` resolved it."""

from math import prod
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML, YAMLError

from drillcore.base.errors import DamagedFile, MissingFile
from drillcore.tasks import NOUNS, TASKS

LOSSES = {"cross_entropy": "cross-entropy (nats)", "mse": "mean squared error"}
"""By a loss's name the label of an axis with its values; one that a user wrote is called loss."""


def loss_label(name: str) -> str:
    """What readers call the loss of that name."""
    return LOSSES.get(name, "loss")


class Squeeze(NamedTuple):
    """A bottleneck: the layer `name` of `width` units, before `expand`; `linear` if no activation stands between."""

    name: str
    width: int
    expand: str
    linear: bool

    def weights(self) -> tuple[str, str]:
        """The weight tensors (expand, squeeze), whose product is one linear map if the squeeze is `linear`."""
        return f"{self.expand}.linear.weight", f"{self.name}.linear.weight"


class Network:
    """A network's card.

    Attributes
    ----------
    values : dict
        The whole card, as it stands in the file.
    squeezes : list of Squeeze
        In the network's order; empty for a network without a bottleneck.
    """

    FILE = "network.yaml"

    def __init__(self, values: dict[str, Any]):
        self.values = dict(values)
        self.squeezes = [Squeeze(**squeeze) for squeeze in self.values.pop("squeezes", [])]
        self.name, self.framework = self.values["name"], self.values["framework"]

    @property
    def user_defined(self) -> bool:
        """Whether it was built by a user's function or by a constructor of a library."""
        return "files" in self.values

    @property
    def pretrained(self) -> bool:
        """Whether it came trained, so that nothing trained it here."""
        return bool(self.values.get("checkpoint") or self.values.get("checkpoints"))

    @property
    def axis(self) -> str:
        """What its checkpoints are numbered by: "epoch" or, if it came trained, perhaps "step"."""
        return self.values.get("axis") or "epoch"

    @property
    def untrained_epoch(self) -> int | None:
        """The epoch of the checkpoint from before any training; None where there is none."""
        return self.values.get("untrained") if self.pretrained else 0

    @property
    def loss(self) -> str:
        """The name of the loss in its history, as my_models.py:loss of one that its user wrote; a pretrained network is
        evaluated by the first of its task."""
        if user_defined := self.values.get("loss"):
            return user_defined
        training = self.values.get("training")
        return training["loss"] if training and not self.pretrained else TASKS[self.task].losses[0]

    @property
    def kind(self) -> str:
        """What its inputs are: images, features or tokens."""
        return self.values.get("kind", "images")

    @property
    def task(self) -> str:
        """What it is asked for, a key of `drillcore.tasks.TASKS`: "loss" where its outputs are not what its data ask for."""
        return self.values.get("task", "classification") if self.values.get("scored", True) else "loss"

    def sizes(self) -> dict[str, int]:
        """How many units layers have, by name, as far as the card says so; convolutions before their pooling by 2."""
        values, units = self.values, self.values.get("units", "flatten")
        if units == "pool":
            return {}
        of_tokens = units != "flatten" or values.get("samples") == "tokens"
        shapes = {name: shape for name, _, shape, _ in values.get("modules", []) if isinstance(shape, list)}
        found = {name: shape[-1] if of_tokens and len(shape) == 2 else prod(shape) for name, shape in shapes.items()}
        for i, layer in enumerate(values.get("layers") or [] if not self.user_defined else [], 1):
            found[f"layer{i}"] = layer[-1] if isinstance(layer, list) else layer
        for i, filters in enumerate(values.get("convolutions", [])):
            found[f"conv{i + 1}"] = prod(size >> i for size in values["input"][:2]) * filters
        return found | {f"dense{i}": units for i, units in enumerate(values.get("dense", []), 1)}

    def squeeze_width(self) -> int | None:
        """The width of the narrowest squeeze; None where there is none."""
        return min((squeeze.width for squeeze in self.squeezes), default=None)


def axis_of(folder: str | Path) -> str:
    """What counts the checkpoints of the network whose artifacts are in `folder`: "epoch", or what its card says."""
    path = Path(folder, Network.FILE)
    return read_network(path).axis if path.exists() else "epoch"


def noun_of(folder: str | Path) -> str:
    """What readers call a sample of the network in `folder`: image, sample or text; an image where there is no card."""
    path = Path(folder, Network.FILE)
    return NOUNS[read_network(path).kind] if path.exists() else NOUNS["images"]


def read_network(path: str | Path) -> Network:
    """Read the card at `path`.

    Raises
    ------
    MissingFile, DamagedFile
    """
    try:
        return Network(YAML(typ="safe").load(Path(path).read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise MissingFile(path) from None
    except (YAMLError, ValueError, TypeError, KeyError, RecursionError):
        raise DamagedFile(path) from None
