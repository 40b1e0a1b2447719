"""From params.yaml to network cards: names replaced by their values, defaults spelled out, every mistake refused."""

from typing import Annotated, Any

from pydantic import Field, create_model

from drillcore.base.errors import InputError
from drillcore.frameworks.layers import enumerated
from drillcore.tasks import TASKS
from stages.rig.base.parameters import Count, Name, Section, check
from stages.rig.card import KINDS, Cnn, Mlp, Training, UserDefined, Width, check_training, select_layers
from stages.rig.datasets import read_sources
from stages.rig.measures import chosen_measures
from stages.rig.sections import SECTIONS, Window

ANCHORS = "x-"
"""What a section begins with that is there for YAML's anchors alone; no stage reads it."""

OF_DATA = "kind", "task", "vocabulary"
"""What of a network its data set says."""

AUGMENTED = {"augmentation": "images", "noise": "features", "replaced": "tokens"}
"""By parameter of a training, the kind of inputs that it changes."""


class Common(Section):
    """The parameters at the top level; `Parameters` adds the analyses' sections."""

    data: Annotated[str, Field(min_length=1)]
    bottleneck: Width
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    threads: Count
    gpu: Annotated[int, Field(ge=0)]
    datasets: Any = None  # which `read_sources` checks
    networks: Annotated[dict[str, dict], Field(min_length=1)]
    replays: dict[Name, Window] = {}


Parameters = create_model("Parameters", __base__=Common, **{key: (kind, kind()) for key, kind in SECTIONS.items()})


def resolve(values, name, facts_of):
    """Return the network `name` from the mapping `values` of params.yaml: a `Mlp`, a `Cnn` or a `UserDefined` to be built.

    `facts_of` gives the `Facts` of a dataset by its name.

    Raises
    ------
    InputError
        For the first mistake anywhere in `values`, in another network or an analysis too: what would stop the
        pipeline later stops it here, before anything is trained.
    """
    datasets = read_sources(values.get("datasets"))
    common = check(Parameters, {key: values[key] for key in values if not str(key).startswith(ANCHORS)}, "")
    if name not in common.networks:
        raise InputError(f"params.yaml: networks holds no {name!r}; it holds {', '.join(common.networks)}.")
    networks = {key: resolve_network(key, network, common, datasets) for key, network in common.networks.items()}
    check_layers(networks.values(), common.activations.layers)
    check_thresholds(networks[name], common.gradients.thresholds)
    chosen_measures(common.similarity.measures)
    check_pairs(networks, common.similarity.pairs)
    check_widths(networks, common.plots.widths)
    check_replays(networks, common.replays)
    check_files(networks, datasets, common.similarity.pairs, common.plots.widths, common.replays)
    check_titles(networks)
    facts = facts_of(networks[name].dataset)
    values = {"input": list(facts.shape), **common.networks[name]}
    network = for_data(resolve_network(name, values, common, datasets), facts)
    check_task(network)
    check_input(network, facts.shape)
    return network


def for_data(network, facts):
    """The `network` with what the `Facts` of its data set add: kind, task, vocabulary and, where none is named, the loss."""
    found = {"kind": facts.kind, "task": facts.task, "vocabulary": facts.vocabulary}
    training = network.training or (None if network.pretrained() else Training())
    if training and "loss" not in training.model_fields_set:
        loss = None if getattr(network, "loss", None) else TASKS[facts.task].losses[0]
        found["training"] = training.model_copy(update={"loss": loss})
    return network.model_copy(update=found)


def resolve_network(name, values, common, datasets):
    """Return one network, completed by `bottleneck` and `seed`; a missing `input` becomes the placeholder [1, 1, 1]."""
    context = f"networks.{name}"
    for key in OF_DATA:
        if key in values:
            raise InputError(f"params.yaml: {context} has {key}, which is that of its data set: remove it.")
    user_defined = any(key in values for key in ("build", "checkpoint", "checkpoints"))
    if not user_defined and values.get("framework") not in list(KINDS):  # a list: what YAML gives need not be hashable
        raise InputError(
            f"params.yaml: {context}.framework is {values.get('framework')!r}, but should be {' or '.join(KINDS)}; "
            "a user-defined network has a `build` or a `checkpoint` instead."
        )
    if values.get("dataset") not in list(datasets):
        raise InputError(
            f"params.yaml: {context}.dataset is {values.get('dataset')!r}, but should be {' or '.join(datasets)}, "
            "as `datasets` names them."
        )
    resolved = {"seed": common.seed, "input": [1, 1, 1], **values, "name": name}
    if user_defined:
        network = check(UserDefined, resolved, context)
        check_user_defined(network, f"params.yaml: {context}")
        return network
    if isinstance(resolved.get("layers"), list):
        resolved["layers"] = [insert(common.bottleneck, layer) for layer in resolved["layers"]]
    network = check(KINDS[values["framework"]], resolved, context)
    check_training(network, network.framework)
    if getattr(network, "batch_norm", False) and network.training.batch_size == 1:
        raise InputError(
            f"params.yaml: {context}.training.batch_size is 1, but batch_norm cannot be trained on single images: "
            "set it to 2 or more."
        )
    return network


def check_user_defined(network, context):
    """Refuse what contradicts itself in a user-defined network."""
    if network.checkpoint and network.checkpoints:
        raise InputError(f"{context} has both checkpoint and checkpoints: remove one of them.")
    if not network.build and not (network.checkpoint or "").endswith(".keras"):
        raise InputError(
            f"{context} has no build, and only a checkpoint in a .keras file tells how it is built: add one, "
            "as in my_models.py:make."
        )
    if network.untrained is not None and not network.checkpoints:
        raise InputError(
            f"{context} has untrained: {network.untrained}, an epoch of checkpoints, but has no checkpoints: remove it."
        )
    for name in ("axis", "weights"):
        if getattr(network, name) and not network.pretrained():
            raise InputError(
                f"{context} has {name}: {getattr(network, name)}, which is of checkpoints, but has none: remove it."
            )
    if network.loss and network.training and "loss" in network.training.model_fields_set:
        raise InputError(
            f"{context} has loss: {network.loss} and training.loss: {network.training.loss}: remove one of them."
        )
    if network.pretrained() and network.training:
        raise InputError(
            f"{context} has training, but is pretrained in {network.checkpoint or network.checkpoints}: remove one."
        )


def insert(bottleneck, layer):
    """A layer's widths with the word `bottleneck` replaced by its value."""
    if isinstance(layer, list):
        return [insert(bottleneck, width) for width in layer]
    return bottleneck if layer == "bottleneck" else layer


def check_task(network):
    """Refuse a loss and augmentations that the task and the inputs do not have, and networks made for other inputs."""
    context, losses = f"params.yaml: networks.{network.name}", TASKS[network.task].losses
    data = f"{network.dataset} is for {network.task.replace('_', ' ')} of {network.kind}"
    if network.training and not getattr(network, "loss", None) and network.training.loss not in losses:
        raise InputError(
            f"{context}.training.loss is {network.training.loss!r}, but {data}, whose loss is {' or '.join(losses)}: "
            "name that, or none."
        )
    if getattr(network, "samples", None):
        check_samples(network, context, data)
    for name, kind in AUGMENTED.items():
        if network.training and getattr(network.training, name) and network.kind != kind:
            raise InputError(f"{context}.training.{name} is of {kind}, but {data}: remove it.")
    if isinstance(network, Cnn) and network.kind != "images":
        raise InputError(f"{context} has convolutions of images, but {data}: describe another, or `build` one.")
    if isinstance(network, Mlp) and network.kind == "tokens":
        raise InputError(f"{context} has layers that take numbers, but {data}: `build` one that embeds tokens.")
    if network.normalize and network.kind == "tokens":
        raise InputError(f"{context}.normalize is of numbers, but {data}: remove it.")
    if network.normalize_targets and network.task != "regression":
        raise InputError(f"{context}.normalize_targets is of the numbers of a regression, but {data}: remove it.")


def check_samples(network, context, data):
    """Refuse tokens as samples of data that have none, and units that are not their channels."""
    if network.kind == "images":
        raise InputError(f"{context}.samples is tokens, but {data}: remove it.")
    if network.units != "flatten":
        raise InputError(
            f"{context}.units is {network.units!r}, but with samples: tokens each channel is a unit: remove one of them."
        )


def check_input(network, shape):
    """Refuse an input that data of `shape` cannot be brought to (images are padded and repeated), or that pooling shrinks to
    nothing, and a `normalize` of other channels or features."""
    context = f"params.yaml: networks.{network.name}"
    if network.kind == "images":
        check_padding(network, shape, context)
    elif network.input != list(shape):
        raise InputError(
            f"{context}.input is {network.input}, but {network.dataset} has {network.kind} of {list(shape)}: remove it."
        )
    of_what = "channels" if network.kind == "images" else "features"
    for name, values in network.normalize or ():
        if len(values) not in (1, network.input[-1]):
            raise InputError(
                f"{context}.normalize.{name} has {len(values)} numbers, but the input {network.input} has "
                f"{network.input[-1]} {of_what}: give one for each, or one for all."
            )


def check_padding(network, shape, context):
    """Refuse an input that images of `shape` cannot be padded and repeated to, or that pooling shrinks to nothing."""
    if len(network.input) != 3:
        raise InputError(f"{context}.input is {network.input}, but should be [height, width, channels].")
    height, width, channels = shape
    repeats = (1, 3) if channels == 1 else (channels,)
    if network.input[0] < height or network.input[1] < width or network.input[2] not in repeats:
        raise InputError(
            f"{context}.input is {network.input}, but {network.dataset} has images of {list(shape)}, which can only be "
            "padded to a larger height and width and, if grey, repeated to 3 channels."
        )
    poolings = len(getattr(network, "convolutions", []))
    if min(network.input[:2]) >> poolings == 0:
        raise InputError(
            f"{context}.convolutions has {poolings} layers, each halving the image, "
            f"too many for the input {network.input}: remove some."
        )


def check_layers(networks, layers):
    """Refuse patterns of `activations.layers` that match no layer of any network, or none of one network.

    What layers a user-defined network has is not known here.
    """
    outlined = [network for network in networks if not isinstance(network, UserDefined)]
    if isinstance(layers, str):
        return
    for pattern in layers if len(outlined) == len(networks) else []:
        if not any(select_layers(network, [pattern]) for network in outlined):
            names = sorted({name for network in outlined for name, _ in network.outline()})
            raise InputError(
                f"params.yaml: activations.layers has {pattern!r}, which no network has; "
                f"there are {enumerated(names, pattern)}."
            )
    for network in outlined:
        if not select_layers(network, layers):
            raise InputError(
                f"params.yaml: activations.layers is {layers}, which picks no layer of {network.name}; "
                f"it has {enumerated(name for name, _ in network.outline())}."
            )


def check_thresholds(network, thresholds):
    """Refuse thresholds, of the analysis or the live display, between the edges that the recorder counts at."""
    edges, watch = network.recorder.edges, f"networks.{network.name}.recorder.watch"
    for parameter, values in (("gradients.thresholds", thresholds), (watch, network.recorder.watch)):
        for value in values:
            if value not in edges:
                raise InputError(
                    f"params.yaml: {parameter} has {value:g}, which is none of {network.name}'s recorder.edges; "
                    f"the nearest are {nearest(value, edges)}."
                )


def check_pairs(networks, pairs):
    """Refuse pairs of `similarity.pairs` that name no network, or networks that cannot have seen the same images."""
    context = "params.yaml: similarity.pairs has"
    for pair in pairs:
        for name in pair:
            if name not in networks:
                raise InputError(
                    f"{context} {name!r}, which is no network; there are {', '.join(networks)}: name others, or set "
                    "similarity.pairs to []."
                )
        datasets = [networks[name].dataset for name in pair]
        if datasets[0] != datasets[1]:
            raise InputError(
                f"{context} {pair}, but {pair[0]} sees {datasets[0]} and {pair[1]} {datasets[1]}: pair networks of one "
                "dataset."
            )


def check_widths(networks, widths):
    """Refuse what `plots.widths` names if it is no network with a squeeze, or named twice, and a name whose figures would lie
    among a network's."""
    for name, group in widths.items():
        if name in networks:
            raise InputError(f"params.yaml: plots.widths has {name!r}, which is a network: give it a name of its own.")
        for network in group:
            if network not in networks:
                raise InputError(
                    f"params.yaml: plots.widths.{name} has {network!r}, which is no network; there are "
                    f"{', '.join(networks)}: name others, or set plots.widths to {{}}."
                )
            if group.count(network) > 1:
                raise InputError(f"params.yaml: plots.widths.{name} has {network!r} twice: name each network once.")
            if not networks[network].squeezes():
                raise InputError(
                    f"params.yaml: plots.widths.{name} has {network!r}, which squeezes nowhere: name networks with layers "
                    "like [8, 256], or set plots.widths to {}."
                )


def check_replays(networks, replays):
    """Refuse replays of what is no network that is trained here, and the name of a network."""
    for name, window in replays.items():
        if name in networks:
            raise InputError(f"params.yaml: replays has {name!r}, which is a network: give it a name of its own.")
        if window.network not in networks or networks[window.network].pretrained():
            trained = [key for key, network in networks.items() if not network.pretrained()]
            raise InputError(
                f"params.yaml: replays.{name}.network is {window.network!r}, which is no network that is trained here; there "
                f"are {', '.join(trained)}: name one of them, or set replays to {{}}."
            )


def check_files(networks, datasets, pairs, widths, replays):
    """Refuse names that stand for one file or folder, where a file system takes no notice of capitals too."""
    data = [(name, f"datasets.{name}") for name in datasets]
    data += [(f"{name}_augmented", f"what is augmented of datasets.{name}") for name in datasets]
    reports = [(name, f"networks.{name}") for name in networks] + [(name, f"plots.widths.{name}") for name in widths]
    reports += [(name, f"replays.{name}") for name in replays]
    reports += [("--".join(pair), f"the pair {pair} of similarity.pairs") for pair in pairs]
    for folder, files in (("data", data), ("reports", reports)):
        found = {}
        for name, context in files:
            other = found.setdefault(name.lower(), context)
            if other is not context:
                raise InputError(
                    f"params.yaml: {other} and {context} would both be {folder}/{name}, for some file systems take no "
                    "notice of capitals: rename or remove one."
                )


def check_titles(networks):
    """Refuse a title that another network has too, or for a name."""
    called = {name: f"networks.{name}" for name in networks}
    for name, network in networks.items():
        if network.title and network.title != name:
            other = called.setdefault(network.title, f"networks.{name}.title")
            if other != f"networks.{name}.title":
                raise InputError(
                    f"params.yaml: networks.{name}.title is {network.title!r}, which {other} is called too: choose another, "
                    "for readers tell networks apart by their titles."
                )


def nearest(value, edges):
    """The edges on both sides of `value`, as text."""
    below, above = [e for e in edges if e < value], [e for e in edges if e > value]
    return " and ".join(f"{e:g}" for e in below[-1:] + above[:1])
