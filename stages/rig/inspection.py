"""A user-defined network, built once to inspect it: its framework, its layers, and whether it fits its images."""

import hashlib

from drillcore.base.errors import InputError
from drillcore.extraction.units import Units
from drillcore.frameworks import MODEL, name_of
from drillcore.frameworks.layers import KINDS, enumerated, pick
from stages.rig.card import Built, Training, UserDefined, check_training, select_layers
from stages.rig.frameworks import module
from stages.rig.named_files import named_files
from stages.rig.pretrained import axis_of, pretrained_files, shards
from stages.rig.user_defined import (
    MODELS,
    check_no_linked_folder,
    construct,
    imported,
    noting_files,
    user_loss,
)

HEADINGS = "layer", "picked", "output shape", "parameters"


def see(card, classes, layers):
    """Return the card (a `Built`) of a network (a `UserDefined`) for images of `classes` classes.

    `layers` is `activations.layers`, which holds where the network says nothing itself.

    Raises
    ------
    InputError
        If it cannot be built, does not take images of its input to one output for each class, or lacks a layer.
    """
    with noting_files() as opened:
        framework, modules, scored = inspected(card, classes)
    check_untrained(card)
    settings = card.model_dump()
    if (axis := axis_of(card)) != "epoch":
        settings["axis"] = axis
    if card.device == "auto":
        settings["device"] = module(framework, "inspection").best_device()
    if not card.pretrained():
        settings["training"] = (card.training or Training()).model_dump() | ({"loss": None} if card.loss else {})
    built = Built(**settings, framework=framework, modules=modules, scored=scored, files=digests(card, opened))
    check_layers(built, layers)
    check_token(built, layers)
    if "input" in select_layers(built, layers):
        raise InputError(
            f"{card.name} has a layer 'input', which is what the images' pixels are called here: rename it."
        )
    return built


def inspected(card, classes):
    """Build the network of `card`; returns its framework, its layers, and whether its outputs can be scored."""
    model = construct(card, classes)
    framework = name_of(model)
    check_training(card, framework)
    if not framework:
        raise InputError(
            f"params.yaml: networks.{card.name}.build is {card.build!r}, which returns {type(model).__name__}: "
            f"return a {MODEL}."
        )
    models = module(framework, "inspection")
    modules = models.inspect(model, card, classes)
    if card.loss is None:
        return framework, modules, True
    user_loss(card)
    return framework, modules, models.scored(model, card, classes)


def check_untrained(card):
    """Refuse an `untrained` that is none of the epochs of a network's checkpoints."""
    checkpoints, axis = pretrained_files(card), axis_of(card)
    if card.untrained is not None and card.untrained not in checkpoints:
        raise InputError(
            f"params.yaml: networks.{card.name}.untrained is {card.untrained}, but {card.checkpoints} has the {axis}s "
            f"{', '.join(map(str, checkpoints))}: name the one from before training, or remove it."
        )


def digests(card, opened):
    """SHA-256 by path of each file below models/ that the network depends on: its pretrained weights and their shards, the
    modules that were imported, the files that were `opened` while it was built, and those that its code names."""
    weights = [*pretrained_files(card).values()]
    parts = [part.relative_to(MODELS) for file in weights for part in shards(MODELS / file)]
    read = opened | named_files(imported(), card.arguments)
    files = dict.fromkeys([*weights, *parts, *imported(), *sorted(read)])
    for file in files:
        check_no_linked_folder(file, f"params.yaml: networks.{card.name}")
    return {file.as_posix(): digest(file) for file in files}


def digest(file):
    """SHA-256 of the content of a file below models/."""
    with open(MODELS / file, "rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def check_layers(card, layers):
    """Refuse a choice of layers that picks none, and names and patterns of the network's own `layers` that match none."""
    context, patterns = (
        ("activations.layers", []) if card.layers is None else (f"networks.{card.name}.layers", card.layers)
    )
    names, shapes = (
        [name for name, _ in card.outline()],
        {layer.name: card.reason_against(layer) for layer in card.modules},
    )
    if not names:
        raise InputError(
            f"params.yaml: networks.{card.name} builds a model without layers to look into: make what it computes with "
            "modules of its own, as in torch.nn.Sequential."
        )
    for pattern in patterns if isinstance(patterns, list) else []:
        if not select_layers(card.model_copy(update={"layers": [pattern]}), layers):
            matched = [f"{name} of {card.name}, but that {shapes[name]}" for name in pick(shapes, [pattern])]
            raise InputError(
                f"params.yaml: {context} has {pattern!r}, which matches {(matched or [f'no layer of {card.name}'])[0]}; "
                f"it has {enumerated(names, pattern)}."
            )
    if not select_layers(card, layers):
        raise InputError(
            f"params.yaml: {context} is {card.layers or layers}, which picks no layer of {card.name}; "
            f"it has {enumerated(names)}."
        )


def check_token(card, layers):
    """Refuse `units` of a token that one of the layers picked does not have."""
    units, shapes = Units(card.units), {layer.name: layer.shape for layer in card.modules}
    for name in select_layers(card, layers) if units.how == "token" else []:
        if len(shapes[name]) == 2 and not units.has_token(shapes[name][0]):
            raise InputError(
                f"params.yaml: networks.{card.name}.units.token is {units.token}, but the layer {name} has {shapes[name][0]} "
                "tokens, counted from 0: choose one of them, or other layers."
            )


def left_out(card, layers):
    """A line that says which layers of `card` the word "blocks" or "all" means, but cannot pick, and why; or nothing."""
    chosen = card.layers or layers
    reasons = [
        f"{layer.name}, which {reason}"
        for layer in card.modules
        if (reason := card.reason_against(layer)) and layer.kind in KINDS.get(str(chosen), ())
    ]
    return f"{card.name}: `layers: {chosen}` leaves out {enumerated(reasons)}" if reasons else ""


def listing(card, classes, layers):
    """A table, as text, of the layers of any network: which of them are picked, their shapes, their parameters."""
    if isinstance(card, UserDefined):
        card = see(card.model_copy(update={"layers": None}), classes, "all").model_copy(update={"layers": card.layers})
        modules = card.modules
    else:
        models = module(card.framework, "inspection")
        modules = models.inspect(models.build(card, classes), card, classes)
    picked = set(select_layers(card, layers))
    rows = [
        (
            layer.name,
            "*" * (layer.name in picked),
            layer.shape if isinstance(layer.shape, str) else " x ".join(map(str, layer.shape)),
            f"{layer.parameters:,}",
        )
        for layer in modules
    ]
    widths = [max(len(row[column]) for row in (HEADINGS, *rows)) for column in range(len(HEADINGS))]
    lines = [
        f"{name:<{widths[0]}}  {mark:<{widths[1]}}  {shape:<{widths[2]}}  {count:>{widths[3]}}"
        for name, mark, shape, count in (HEADINGS, *rows)
    ]
    return "\n".join(lines)
