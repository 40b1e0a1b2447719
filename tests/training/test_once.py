"""The first layer multiplies each pixel once: what it gives is that of the plain layer."""

import numpy as np
import pytest
import torch

from stages.rig.card import Normalize
from stages.rig.images import seen
from stages.rig.torch.network import build, to_input
from stages.rig.torch.once import take_pixels_once
from tests.training.test_torch_training import toy_split


def padded(card, **settings):
    """A small perceptron that sees grey images of 28 x 28 pixels in an uneven frame, three times."""
    return card.model_copy(update={"input": [31, 33, 3], **settings})


def pass_through(card, split, change):
    """The outputs and gradients of the network of `card` that `change` was called with, for five images."""
    model = build(card, 2)
    change(model, card, split)
    inputs, targets = seen(card, split.inputs[:5], split.targets[:5])
    outputs = model(to_input(inputs))
    torch.nn.functional.cross_entropy(outputs, torch.from_numpy(targets)).backward()
    return [outputs.detach().numpy(), *(weight.grad.numpy() for weight in model.parameters())]


def plain(model, card, split):
    """Change nothing."""


def test_outputs_and_gradients_are_those_of_the_plain_layer(small_mlp):
    card, split = padded(small_mlp), toy_split()
    for found, expected in zip(
        pass_through(card, split, take_pixels_once), pass_through(card, split, plain), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)
        assert found.flags.c_contiguous


def test_with_weights_summed_they_are_but_for_rounding(small_mlp):
    card, split = padded(small_mlp, batch_norm=False), toy_split()

    def change(*arguments):
        take_pixels_once(*arguments, sum_weights=True)

    for found, expected in zip(pass_through(card, split, change), pass_through(card, split, plain), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("case", ["normalised", "cropped", "of its size", "coloured"])
def test_other_images_are_taken_as_they_are(small_mlp, case):
    cropped = small_mlp.training.model_copy(update={"augmentation": ["crop"]})
    card = {
        "normalised": padded(small_mlp, normalize=Normalize(mean=[0.5], std=[0.5])),
        "cropped": padded(small_mlp, training=cropped),
        "of its size": small_mlp,
        "coloured": padded(small_mlp),
    }[case]
    model = build(card, 2)
    take_pixels_once(model, card, toy_split(shape=(28, 28, 3 if case == "coloured" else 1)))
    assert "forward" not in vars(model.layer1.linear)
