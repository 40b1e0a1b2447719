"""The first layer of a perceptron on images that are padded and grey ones repeated: each pixel is multiplied once.

Of MNIST in the shape of CIFAR-10 three quarters of all inputs are zeros around the images, or a second and third channel that
equals the first. Its weights all get their gradients, which are zeros or equal too: they are computed once, and copied. The
products of a batch's outer dimension are summed as in the whole matrix, so that they are the same to the last bit.
"""

from functools import partial, reduce
from operator import add

import torch
from torch import nn

from stages.rig.card import Mlp
from stages.rig.images import padding_of


def take_pixels_once(model, card, split, sum_weights=False):
    """Have the first layer of `model`, that of `card`, multiply no pixel of the images of a `Split` twice, where it would.

    With `sum_weights` the weights of a pixel's channels are added before they are multiplied with it, so that the forward
    pass is four times cheaper too; the last bits of its outputs differ.
    """
    if not repeats_pixels(card, split):
        return
    first = next(module for module in model.modules() if isinstance(module, nn.Linear))
    settings = tuple(card.input), padding_of(split.inputs.shape[1:], card.input), sum_weights
    first.forward = partial(forward, first, settings)


def repeats_pixels(card, split):
    """Whether the perceptron of `card` sees grey images of `split` padded or repeated, and otherwise as they are."""
    return (
        isinstance(card, Mlp)
        and card.kind == "images"
        and card.normalize is None
        and not card.training.augmentation
        and card.training.precision == "float32"
        and split.inputs.shape[3] == 1
        and list(split.inputs.shape[1:]) != list(card.input)
    )


def forward(layer, settings, inputs):
    """What `layer` makes of flat `inputs`."""
    return Once.apply(inputs, layer.weight, layer.bias, *settings)


class Once(torch.autograd.Function):
    """inputs W^T + b, for inputs (n, channels * height * width) whose `channels` are equal if the stored images are grey.

    `shape` is (height, width, channels), `padding` the zeros above, below, left and right.
    """

    @staticmethod
    def forward(ctx, inputs, weight, bias, shape, padding, sum_weights):
        height, width, channels = shape
        (above, below), (left, right) = padding
        inside = slice(above, height - below), slice(left, width - right)
        pixels = inputs.view(-1, channels, height, width)[:, 0, *inside].flatten(1)
        ctx.save_for_backward(pixels)
        ctx.shape, ctx.padding = shape, padding
        if not sum_weights:
            return nn.functional.linear(inputs, weight, bias)
        summed = reduce(add, weight.unflatten(1, (channels, -1)).unbind(1))
        return nn.functional.linear(pixels, summed.unflatten(1, (height, width))[:, *inside].flatten(1), bias)

    @staticmethod
    def backward(ctx, gradient):
        (pixels,), (height, width, channels) = ctx.saved_tensors, ctx.shape
        (above, below), (left, right) = ctx.padding
        part = (gradient.t() @ pixels).unflatten(1, (height - above - below, width - left - right))
        whole = nn.functional.pad(part, (left, right, above, below))
        repeated = whole[:, None].expand(-1, channels, -1, -1).flatten(1)
        return None, repeated, gradient.sum(0), None, None, None
