"""What of all that a PyTorch model returns is its answer: one tensor, whatever lies beside it."""

from contextlib import contextmanager

import torch

from drillcore.base.errors import InputError
from drillcore.frameworks.layers import tensors_in

LOGITS = "[logits]"
"""Where Hugging Face's models have their answer; they return others beside it, and losses before it."""


def answering(model, card):
    """Return `model`, which from now on returns its answer alone, whoever calls it: the tensor that `output` of the `card`
    names, the logits, or else the first that is no single number, as a loss is."""
    model.register_forward_hook(Answer(card))
    return model


class Answer:
    """The hook that leaves of all that a model returns its answer. Of a model that is `whole` it leaves all, and keeps the
    answer of the first call."""

    def __init__(self, card):
        self.card, self.whole, self.first = card, False, None

    def __call__(self, model, inputs, output):
        found = answer(self.card, output)
        if not self.whole:
            return found
        self.first = found if self.first is None else self.first
        return output


@contextmanager
def whole(model):
    """Let a `model` that is `answering` return all that it returns; yields the `Answer`, which keeps the first."""
    hook = next(hook for hook in model._forward_hooks.values() if isinstance(hook, Answer))
    hook.whole, hook.first = True, None
    try:
        yield hook
    finally:
        hook.whole = False


def answer(card, output):
    """The answer among all that a model returned; what holds no tensor is returned as it is."""
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
    arrays = sorted(found.values(), key=lambda tensor: tensor.ndim == 0)
    return found.get(LOGITS, next(iter(arrays), output))
