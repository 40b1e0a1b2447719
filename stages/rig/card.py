"""The network card: everything that defines a network, checked and fully resolved.

`define` writes it to artifacts/<network>/network.yaml; every later stage reads it there and nowhere else.
"""

from contextlib import contextmanager
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from drillcore.artifacts.dataset import KINDS as KINDS_OF_INPUT
from drillcore.artifacts.network import LOSSES, Squeeze
from drillcore.base.errors import DamagedFile, InputError, MissingFile
from drillcore.base.store import whole
from drillcore.extraction.units import token_of
from drillcore.frameworks import FRAMEWORKS, known
from drillcore.frameworks.layers import Layer, pick
from drillcore.recording.threshold import DECADES
from drillcore.tasks import TASKS
from stages.rig.base.parameters import Count, Layers, Name, Section, check, dump, load
from stages.rig.base.remedies import damage

Device = Literal["auto", "cpu", "cuda", "mps"]
Width = Annotated[int, Field(ge=1, le=65536)]
SqueezeExpand = Annotated[list[Width], Field(min_length=2, max_length=2)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def ascending(edges):
    if sorted(set(edges)) != edges:
        raise ValueError("the edges must ascend")
    return edges


Edges = Annotated[list[Rate], Field(min_length=1, max_length=60), AfterValidator(ascending)]


def listed_epochs(epochs):
    """Refuse one word or number that is no list, which pydantic would only compare with the word `every`."""
    if not isinstance(epochs, list) and epochs != "every":
        raise ValueError("should be every, or a list of epochs, as in [0, 3]")
    return epochs


States = Annotated[Literal["every"] | list[Annotated[int, Field(ge=0)]], BeforeValidator(listed_epochs)]


Precision = Literal["float32", "float64", "bfloat16", "mixed"]


def absent(value):
    """Whether a parameter is left out, for a card has then no line of it."""
    return value is None


TORCH_ONLY = "weight_decay", "precision", "accumulate", "clip"
"""What of a training only networks of PyTorch have."""


class Training(Section):
    """How a network is trained; a checkpoint is kept every `checkpoint_every` epochs, and of the first and last.

    `loss` is of logits; "mse" is the mean squared error, against one-hot labels where there are classes. What is left out
    becomes that of the task; there is none where the network has a loss of its user's. `schedule` is of the learning
    rate: "cosine" falls to 0, "step" divides it by 10 after half and after three quarters of all steps. `augmentation` is
    of the training images: "flip" left to right, "crop" after padding by an eighth; features get `noise`, a share of the
    deviation of each; tokens are `replaced` with that chance, by the token `mask` or others at random. `keep_states` are
    the epochs whose whole state is kept, or "every" one; see stages/rig/training/states.py. The learning rate rises over
    the first `warmup` steps. A step takes `accumulate` batches, whose gradients are averaged, and clipped to the norm
    `clip`; see stages/rig/torch/gradient.py for these and for `precision`. `weight_decay` is the optimiser's, which left
    out has its own. A card holds these only where they are not the default.
    """

    loss: Literal[tuple(LOSSES)] | None = Field(default="cross_entropy", exclude_if=absent)
    optimizer: Literal["sgd", "momentum", "adam", "adamw"] = "adam"
    learning_rate: Rate = 0.001
    schedule: Literal["constant", "cosine", "step"] = "constant"
    warmup: Annotated[int, Field(ge=0)] = Field(default=0, exclude_if=lambda steps: steps == 0)
    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = Field(default=None, exclude_if=absent)
    precision: Precision = Field(default="float32", exclude_if=lambda precision: precision == "float32")
    accumulate: Count = Field(default=1, exclude_if=lambda parts: parts == 1)
    clip: Rate | None = Field(default=None, exclude_if=absent)
    augmentation: list[Literal["flip", "crop"]] = []
    noise: Rate | None = Field(default=None, exclude_if=absent)
    replaced: Annotated[float, Field(gt=0, le=1)] | None = Field(default=None, exclude_if=absent)
    mask: str | None = Field(default=None, exclude_if=absent)
    batch_size: Count = 128
    epochs: Count = 10
    checkpoint_every: Count = 1
    keep_states: States = [0]

    @model_validator(mode="after")
    def trained_epochs(self):
        """Refuse to keep the state of an epoch that is never trained."""
        later = [] if self.keep_states == "every" else [epoch for epoch in self.keep_states if epoch > self.epochs]
        if later:
            raise ValueError(f"keep_states has {later[0]}, but epochs is {self.epochs}: name epochs from 0 to there")
        return self

    @model_validator(mode="after")
    def mask_replaces(self):
        """Refuse a mask that never comes in."""
        if self.mask is not None and self.replaced is None:
            raise ValueError("mask stands for tokens that are replaced; add replaced, as in replaced: 0.15")
        return self

    def step_size(self):
        """How many samples a step of the optimiser takes."""
        return self.batch_size * self.accumulate


class Recorder(Section):
    """What is recorded of the gradients: at every how many steps, counted between which edges of abs(gradient), which of
    the edges are watched live in TensorBoard, and at every how many steps, 0 for none, the batch of the step before is
    taken once more at the new weights."""

    every: Count = 1
    edges: Edges = DECADES
    watch: list[Rate] = [1e-7, 1e-5]
    same_batch: Annotated[int, Field(ge=0)] = 0


def way(units):
    """Refuse what says not how units are made of a layer's outputs."""
    if units not in ("flatten", "pool"):
        try:
            token_of(units)
        except (InputError, AttributeError):
            raise ValueError("should be flatten, pool, or {token: k} with k first, last or a number") from None
    return units


Ways = Annotated[str | dict[str, str | int], BeforeValidator(way)]


class Normalize(Section):
    """What is subtracted from every channel of images in [0, 1], or from every feature, and what they are then divided by: a
    number for each, or one for all."""

    mean: Annotated[list[Annotated[float, Field(allow_inf_nan=False)]], Field(min_length=1)]
    std: Annotated[list[Rate], Field(min_length=1)]


def readable(title):
    """Refuse what is no short line of text: it stands in menus, in legends and on cards."""
    if not title.isprintable() or title != title.strip() or not 1 <= len(title) <= 40:
        raise ValueError("should be one line of 1 to 40 characters that print, with no space at its ends")
    return title


Title = Annotated[str, AfterValidator(readable)]


class Network(Section):
    """What every network has.

    The `title` is for readers alone: it is no part of the card, so that another title trains nothing anew.
    A card's `device` is never "auto": `define` resolves it. `units` says what of a convolutional layer, or of one of tokens,
    is a unit: every element of its output (of which a seeded subset is stored), the mean of every channel, or the channels of
    one token. Images are in [0, 1] unless `normalize` says how they are standardised. The data set says the `kind` and
    `task`, and of tokens how many different ones there are; `normalize_targets` says how the numbers that are learnt are
    standardised. A card holds these four where they are not those of classified images. It is
    trained with `replicates` seeds: its `seed`, which all else is about, and those that follow.
    """

    name: Name
    title: Title | None = Field(default=None, exclude=True)
    dataset: Name
    kind: Literal[tuple(KINDS_OF_INPUT)] = Field(default="images", exclude_if=lambda kind: kind == "images")
    task: Literal[tuple(TASKS)] = Field(default="classification", exclude_if=lambda task: task == "classification")
    vocabulary: Count | None = Field(default=None, exclude_if=lambda size: size is None)
    input: Annotated[list[Width], Field(min_length=1, max_length=8)]
    normalize: Normalize | None = None
    normalize_targets: Normalize | None = Field(default=None, exclude_if=lambda normalize: normalize is None)
    device: Device = "cpu"
    units: Ways = "flatten"
    training: Training = Training()
    recorder: Recorder = Recorder()
    replicates: Annotated[int, Field(ge=1, le=100)] = Field(default=1, exclude_if=lambda count: count == 1)
    seed: Annotated[int, Field(ge=0, lt=2**32)]

    @model_validator(mode="after")
    def trained_more_than_once(self):
        """Refuse further trainings of a network that comes trained."""
        if self.replicates > 1 and self.pretrained():
            raise ValueError(f"replicates is {self.replicates}, but it comes trained: leave replicates out")
        return self

    def pretrained(self):
        """Whether it is pretrained: nothing trains it here."""
        return False

    def loss_name(self):
        """The name of the loss that it is trained by, or evaluated by if it comes trained."""
        return TASKS[self.task].losses[0] if self.pretrained() else self.training.loss

    def scored_as(self):
        """Of which of `drillcore.tasks.TASKS` its scores are."""
        return self.task

    def squeezes(self):
        """Its bottlenecks, a list of `Squeeze` in its order."""
        return []


class Mlp(Network):
    """A PyTorch multilayer perceptron: each layer a width, or [squeeze, expand] for a linear map to a bottleneck first."""

    framework: Literal["torch"]
    layers: Annotated[list[Width | SqueezeExpand], Field(min_length=1)]
    batch_norm: bool = False
    squeeze_activation: Literal["linear", "relu"] = "linear"

    def outline(self):
        """The names of its layers in order, each with what it is: a "block", a "module" within it, or "both"."""
        names = []
        for number, layer in enumerate(self.layers, 1):
            if isinstance(layer, list):
                names += [(f"squeeze{number}", "block"), (f"squeeze{number}.linear", "module")]
                names += [(f"squeeze{number}.relu", "module")] * (self.squeeze_activation == "relu")
            names += [(f"layer{number}", "block"), (f"layer{number}.linear", "module")]
            names += [(f"layer{number}.batch_norm", "module")] * self.batch_norm
            names.append((f"layer{number}.relu", "module"))
        return [*names, ("output", "both")]

    def squeezes(self):
        linear = self.squeeze_activation == "linear"
        numbered = enumerate(self.layers, 1)
        return [
            Squeeze(f"squeeze{number}", layer[0], f"layer{number}", linear)
            for number, layer in numbered
            if isinstance(layer, list)
        ]


class Cnn(Network):
    """A Keras convolutional network: 3x3 convolutions, each with ReLU and 2x2 max pooling, then dense layers."""

    framework: Literal["keras"]
    convolutions: Annotated[list[Width], Field(min_length=1)]
    dense: list[Width] = []

    def outline(self):
        """The names of its layers in order, each with what it is: layers with weights are "both", others a "module"."""
        names = []
        for number in range(1, len(self.convolutions) + 1):
            names += [(f"conv{number}", "both"), (f"pool{number}", "module")]
        names += [("flatten", "module")] + [(f"dense{number}", "both") for number in range(1, len(self.dense) + 1)]
        return [*names, ("output", "both")]


class UserDefined(Network):
    """A user-defined network: what params.yaml says of it. All files are below models/.

    `build` is `<file>.py:<function>`, `torchvision:<constructor>` or `keras:<constructor>`; without it `checkpoint` is a
    .keras file. A network with a `checkpoint`, or with `checkpoints` (a pattern whose `*` holds the epoch), is not trained;
    `untrained` is the epoch of `checkpoints` from before any training, where there is one. `axis` says what the numbers of
    `checkpoints` count, where their names do not; a card holds it where it is no epoch. `weights` is a word of the names of
    those weights in a file that are taken, as of averages. `output` is the name or the place of its answer among what it
    returns, where that is more than one array and the answer neither called logits nor the first. `samples: tokens` makes
    each token a sample of a layer of (samples, tokens, channels), and leaves out the others. `loss` is `<file>.py:<function>`
    of a function of the model and a batch.
    """

    build: Annotated[str, Field(pattern=r"^[^:]+:[A-Za-z_]\w*$")] | None = None
    arguments: dict[str, Any] = {}
    checkpoint: Annotated[str, Field(min_length=1)] | None = None
    checkpoints: Annotated[str, Field(pattern=r"^[^*]*\*[^*]*$")] | None = None
    untrained: Annotated[int, Field(ge=0)] | None = None
    axis: Literal["epoch", "step"] | None = Field(default=None, exclude_if=lambda axis: axis in (None, "epoch"))
    weights: Annotated[str, Field(min_length=1)] | None = Field(default=None, exclude_if=absent)
    layers: Layers | None = None
    samples: Literal["tokens"] | None = Field(default=None, exclude_if=absent)
    output: str | int | None = Field(default=None, exclude_if=absent)
    loss: Annotated[str, Field(pattern=r"^[^:]+\.py:[A-Za-z_]\w*$")] | None = Field(default=None, exclude_if=absent)
    device: Device = "auto"
    training: Training | None = None

    def pretrained(self):
        return bool(self.checkpoint or self.checkpoints)

    def loss_name(self):
        return self.loss or super().loss_name()


class Built(UserDefined):
    """The card of a user-defined network: with what `define` saw when it built it.

    `files` are the SHA-256 of the files it was built from, so that the card changes when they do. It is not `scored` where
    its outputs, which a loss of its user's explains, are not those that its data ask for.
    """

    framework: Literal[tuple(FRAMEWORKS)]
    files: dict[str, str]
    modules: list[Layer]
    scored: bool = Field(default=True, exclude_if=bool)

    def scored_as(self):
        return self.task if self.scored else "loss"

    def outline(self):
        """The names of its layers in order, each with what it is: a "block", a "module" within it, "both", or ""."""
        return [(layer.name, layer.kind) for layer in self.modules if self.reason_against(layer) is None]

    def reason_against(self, layer):
        """Why a `Layer` of it cannot be analysed; None if it can."""
        if isinstance(layer.shape, str):
            return layer.shape
        tokens = len(layer.shape) == 2 and layer.shape[0] == self.input[0]
        return None if tokens or not self.samples else f"returns {layer.shape} for a sample, not a row for each token"


KINDS = {get_args(kind.model_fields["framework"].annotation)[0]: kind for kind in (Mlp, Cnn)}
"""By framework, the networks of it that params.yaml describes layer by layer."""


def select_layers(network, layers):
    """Names of the layers that `layers` ("blocks", "all", or names and patterns) picks, in the network's order.

    A user-defined network may say so itself.
    """
    chosen = network.layers or layers if isinstance(network, UserDefined) else layers
    return pick(dict(network.outline()), chosen)


def read_card(path):
    """Return the network card at `path`: a `Mlp`, a `Cnn` or a `Built`."""
    if not path.exists():
        raise MissingFile(path)
    try:
        values = load(path)
        values.pop("squeezes", None)
        kind = Built if "files" in values else KINDS[known(values.get("framework"))]
        return check(kind, values, str(path))
    except (InputError, KeyError):
        raise DamagedFile(path) from None


def write_card(path, card):
    """Write `card` to `path` as YAML, every default spelled out."""
    with whole(path) as part:
        squeezes = [squeeze._asdict() for squeeze in card.squeezes()]
        part.write_text(dump({**card.model_dump(), "squeezes": squeezes}))


def check_training(card, framework):
    """Refuse settings of a training that Keras' does not have."""
    training = (card.training or Training()).model_dump() if framework == "keras" else {}
    if found := [name for name in TORCH_ONLY if name in training]:
        raise InputError(
            f"params.yaml: networks.{card.name}.training.{found[0]} is {training[found[0]]!r}, but only networks of PyTorch "
            "have it: remove it."
        )


@contextmanager
def loading(checkpoint):
    """Say in one sentence that `checkpoint` cannot be loaded, whatever a framework raises in the block."""
    try:
        yield
    except Exception as error:  # a damaged or hostile file can raise anything
        reason = " ".join(str(error).split())[:200] or "its checksums are wrong"
        raise InputError(
            f"{checkpoint} is no whole checkpoint of this network ({reason}). {damage(checkpoint)}"
        ) from None


def no_device(card, framework):
    """The error for a device that is not here."""
    return InputError(
        f"params.yaml: networks.{card.name}.device is {card.device!r}, but {framework} sees no such device on this machine: "
        "set it to auto or cpu."
    )
