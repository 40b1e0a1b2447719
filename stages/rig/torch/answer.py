"""What of all that a PyTorch model returns is its answer: one tensor, whatever lies beside it."""

from functools import partial

import torch

from drillcore.base.errors import InputError
from drillcore.frameworks.layers import tensors_in

LOGITS = "[logits]"
"""Where Hugging Face's models have their answer; they return others beside it, and losses before it."""


def answering(model, card):
    """Return `model`, which from now on returns its answer alone, whoever calls it: the tensor that `output` of the `card`
    names, the logits, or else the first."""
    model.register_forward_hook(partial(answer, card))
    return model


def answer(card, model, inputs, output):
    """The answer among all that a `model` returned for some `inputs`; what holds no tensor is returned as it is."""
    if isinstance(output, torch.Tensor) and card.output is None:
        return output
    found = dict(tensors_in(output, torch.is_tensor))
    if card.output is not None:
        named = {place.replace("]", "", 1).removeprefix("["): tensor for place, tensor in found.items()}
        if str(card.output) not in named:
            raise InputError(
                f"params.yaml: networks.{card.name}.output is {card.output!r}, but the network returns "
                f"{', '.join(name or 'one tensor' for name in named) or 'no tensor'}: name one of them, or none."
            )
        return named[str(card.output)]
    return found.get(LOGITS, next(iter(found.values()), output))
