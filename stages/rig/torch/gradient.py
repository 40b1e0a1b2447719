"""The gradient of a step's batch as transformers are trained: in parts, in mixed precision, of a norm that is bounded."""

from contextlib import nullcontext
from itertools import pairwise

import torch
from torch import nn

from stages.rig.torch.losses import answered

PRECISIONS = {"float32": None, "float64": torch.float64, "bfloat16": torch.bfloat16, "mixed": None}
"""By precision the type of the weights; None for that in which a network is built."""


def in_precision(model, training):
    """The `model` with its weights in the precision of a `Training`, which may be None."""
    dtype = PRECISIONS[training.precision] if training else None
    return model if dtype is None else model.to(dtype)


class Gradient:
    """Computes the gradient of the mean loss of a batch, as a `Training` says.

    `loss_function` is one of `losses`. The batch is taken in `accumulate` parts of `batch_size` samples, whose
    gradients, weighted by their samples, add up to that of the whole; batch norm sees a part at a time. In mixed precision
    products of matrices are of bfloat16, weights and gradients of float32, as in PyTorch's autocast, so that no loss has to
    be scaled. A norm of all gradients together that is larger than `clip` is made that large: Pascanu et al. 2013, "On the
    difficulty of training recurrent neural networks", algorithm 1.
    """

    def __init__(self, model, loss_function, training):
        self.model, self.loss_function, self.training = model, loss_function, training

    def __call__(self, inputs, targets):
        """Add the gradients to those that are there, and clip all; returns the outputs and the loss."""
        parts = self.parts(inputs, targets)
        taken = [self.part(*part, len(part[1]) / len(targets)) for part in parts]
        if self.training.clip is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.training.clip)
        if len(taken) == 1:
            return taken[0]
        outputs, losses = zip(*taken, strict=True)
        loss = sum(loss * len(part[1]) for loss, part in zip(losses, parts, strict=True)) / len(targets)
        return None if outputs[0] is None else torch.cat(outputs), loss

    def parts(self, inputs, targets):
        """Pairs of inputs and targets, one for each part; a rest of one sample joins the part before it."""
        if self.training.accumulate == 1:
            return [(inputs, targets)]
        size, count = self.training.batch_size, len(targets)
        begins = [*range(0, count - (count % size == 1 and count > size > 1), size), count]
        return [(inputs[a:b], targets[a:b]) for a, b in pairwise(begins)]

    def part(self, inputs, targets, share):
        """Add `share` times the gradient of some samples; returns their outputs and loss."""
        mixed = self.training.precision == "mixed"
        with torch.autocast(inputs.device.type, torch.bfloat16) if mixed else nullcontext():
            outputs, loss = answered(self.loss_function, self.model, inputs, targets)
        (loss if share == 1 else loss * share).backward()
        return outputs, loss.detach()
