"""What each sample of the maps should give, and what the network returned: numbers, the next token, the input itself."""

import numpy as np

from drillcore.artifacts.dataset import kind_of
from drillcore.colours import class_colours
from drillcore.next_tokens import as_classes, class_names, most_common, next_tokens, texts_of
from drillcore.report.shown import shown


def answers(activations, card, rows):
    """Of the samples `rows` what the task asks for and the network returned at the last epoch, as a dict that JSON can hold
    and one of arrays: `targets` and `returned` (samples) of a regression; the texts `next` and `predicted` of tokens, with
    the most frequent as `groups` to colour by, `next_group` and `predicted_group` (samples); and what a sample was made
    again as, as `shown` has it. What is not stored is left out."""
    stored = activations.at(activations.layers[-1])
    of_task = {"regression": numbers, "next_token": following, "reconstruction": again}.get(card.task)
    return of_task(activations, card, rows, stored[rows]) if of_task else ({}, {})


def numbers(activations, card, rows, outputs):
    targets, scale = activations.targets[rows], card.values.get("normalize_targets")
    if targets.ndim != 2:
        return {}, {}
    found = {"targets": targets[:, 0].astype(np.float32)}
    if outputs.shape == targets.shape:
        mean, deviation = (scale["mean"][0], scale["std"][0]) if scale else (0, 1)
        found["returned"] = (outputs[:, 0] * float(deviation) + float(mean)).astype(np.float32)
    return {}, found


def following(activations, card, rows, outputs):
    wanted = next_tokens(activations, card, rows)
    if wanted is None:
        return {}, {}
    texts, common = texts_of(activations, card), most_common(wanted)
    names = class_names(common, texts)
    found = {"next": [texts[token] if token >= 0 else None for token in wanted]}
    found["groups"] = {"names": names, "colours": class_colours(len(names))}
    arrays = {"next_group": as_classes(wanted, common).astype(np.int32)}
    if outputs.shape[1] == len(texts):
        predicted = outputs.argmax(1)
        found["predicted"] = [texts[token] for token in predicted]
        arrays["predicted_group"] = as_classes(predicted, common).astype(np.int32)
    return found, arrays


def again(activations, card, rows, outputs):
    inputs = (activations.inputs if activations.images is None else activations.images)[rows]
    if outputs.size != inputs.size or kind_of(inputs) == "tokens":
        return {}, {}
    about, arrays = shown(unprepared(outputs, inputs, card), activations, like=inputs)
    return {"again": about["texts"]}, {f"again_{name}": array for name, array in arrays.items()}


def unprepared(outputs, inputs, card):
    """Flat `outputs` of a network as inputs that are stored: standardised no more, images as bytes and with channels last."""
    shape, normalize = inputs.shape, card.values.get("normalize")
    channels_first = kind_of(inputs) == "images" and card.framework == "torch"
    made = outputs.reshape((len(outputs), shape[3], *shape[1:3]) if channels_first else shape).astype(np.float64)
    made = np.moveaxis(made, 1, 3) if channels_first else made
    if normalize:
        made = made * np.array(normalize["std"], float) + np.array(normalize["mean"], float)
    return np.rint(255 * made.clip(0, 1)).astype(np.uint8) if kind_of(inputs) == "images" else made.astype(np.float32)
