"""What each sample of the maps should give, and what the network returned: numbers, the next token, the input itself."""

import numpy as np

from drillcore.artifacts.dataset import kind_of
from drillcore.extraction.units import token_of
from drillcore.report.shown import shown
from drillcore.texts import token_texts, visible


def tokens_of(activations, card):
    """The position of the token that each sample of `Activations` is, or at which its layers are looked at, (samples); None
    where samples are no tokens, or are looked at as a whole."""
    how, inputs = card.values.get("units"), activations.inputs
    if activations.position is not None or inputs is None or kind_of(inputs) != "tokens" or not isinstance(how, dict):
        return activations.position
    count, token = inputs.shape[1], token_of(how)
    known = any(shape[:1] == [count] for _, _, shape, _ in card.values.get("modules", []) if isinstance(shape, list))
    return np.full(len(inputs), token % count) if known and -count <= token < count else None


def answers(activations, card, rows):
    """Of the samples `rows` what the task asks for and the network returned at the last epoch, as a dict that JSON can hold
    and one of arrays: `targets` and `returned` (samples) of a regression, the texts `next` and `predicted` of tokens,
    and what a sample was made again as, as `shown` has it. What is not stored is left out."""
    stored = activations.at(activations.layers[-1])
    of_task = {"regression": numbers, "next_token": next_tokens, "reconstruction": again}.get(card.task)
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


def next_tokens(activations, card, rows, outputs):
    targets, tokens = activations.targets, tokens_of(activations, card)
    if targets is None or tokens is None:
        return {}, {}
    vocabulary = list(map(visible, token_texts(range(card.values["vocabulary"]), activations.vocabulary)))
    wanted = targets[rows] if targets.ndim == 1 else np.take_along_axis(targets[rows], tokens[rows, None], 1)[:, 0]
    found = {"next": [vocabulary[token] if token >= 0 else None for token in wanted]}
    if outputs.shape[1] == len(vocabulary):
        found["predicted"] = [vocabulary[token] for token in outputs.argmax(1)]
    return found, {}


def again(activations, card, rows, outputs):
    inputs = (activations.inputs if activations.images is None else activations.images)[rows]
    if outputs.size != inputs.size or kind_of(inputs) == "tokens":
        return {}, {}
    about, arrays = shown(unprepared(outputs, inputs, card), activations)
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
