"""The gradient of a batch as transformers are trained, against PyTorch's own of the whole batch."""

import copy

import pytest
import torch
from torch import nn
from transformers import get_cosine_schedule_with_warmup

from stages.rig.card import Training
from stages.rig.torch.gradient import Gradient, in_precision
from stages.rig.training.schedule import learning_rate, varies

INPUTS = torch.randn(10, 6, generator=torch.Generator().manual_seed(0))
TARGETS = torch.arange(10) % 3


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))


def gradients(model, **settings):
    """What a `Gradient` leaves in a copy of `model`, with its outputs and loss."""
    model, training = copy.deepcopy(model), Training(**settings)
    outputs, loss = Gradient(model, nn.functional.cross_entropy, training)(INPUTS.to(model[0].weight.dtype), TARGETS)
    return [weight.grad for weight in model.parameters()], outputs, loss


def whole(model):
    model = copy.deepcopy(model)
    outputs = model(INPUTS.to(model[0].weight.dtype))
    loss = nn.functional.cross_entropy(outputs, TARGETS)
    loss.backward()
    return [weight.grad for weight in model.parameters()], outputs, loss


@pytest.mark.parametrize("size", [3, 4, 9, 10])  # parts of 3, 3 and 4, of 4, 4 and 2, of all 10, and one part
def test_parts_add_up_to_the_whole_batch(model, size):
    model.double()
    for found, expected in zip(gradients(model, batch_size=size, accumulate=4), whole(model), strict=True):
        torch.testing.assert_close(found, expected)


def test_one_part_has_the_bytes_of_a_plain_backward_pass(model):
    for found, expected in zip(gradients(model)[0], whole(model)[0], strict=True):
        assert torch.equal(found, expected)


@pytest.mark.parametrize("clip", [0.1, 100.0])
def test_a_norm_that_is_too_large_is_clipped_to_the_bound(model, clip):
    expected, _, _ = whole(model)
    norm = torch.cat([gradient.flatten() for gradient in expected]).norm()
    factor = min(1.0, clip / norm)
    for found, gradient in zip(gradients(model, clip=clip)[0], expected, strict=True):
        torch.testing.assert_close(found, gradient * factor, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(
    ("precision", "dtype", "tolerance"),
    [
        ("float32", torch.float32, 0),
        ("float64", torch.float64, 1e-6),
        ("bfloat16", torch.bfloat16, 0.05),
        ("mixed", torch.float32, 0.05),
    ],
)
def test_weights_and_gradients_have_the_precision_of_the_training(model, precision, dtype, tolerance):
    expected, _, _ = whole(model)
    training = Training(precision=precision)
    found, outputs, _ = gradients(in_precision(model, training), precision=precision)
    assert {gradient.dtype for gradient in found} == {dtype}
    assert outputs.dtype == (torch.float64 if precision == "float64" else torch.float32)
    for gradient, reference in zip(found, expected, strict=True):
        torch.testing.assert_close(gradient.double(), reference.double(), rtol=0, atol=tolerance)
    if precision == "mixed":
        assert not torch.equal(found[0], expected[0])


def test_a_warmed_up_cosine_is_that_of_transformers():
    training = Training(learning_rate=0.3, schedule="cosine", warmup=5)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.3)
    scheduler = get_cosine_schedule_with_warmup(optimizer, 5, 40)
    for step in range(1, 41):
        if step > 5:
            assert learning_rate(training, step, 40) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9)
        optimizer.step()
        scheduler.step()
    assert [round(learning_rate(training, step, 40), 6) for step in range(1, 6)] == [0.06, 0.12, 0.18, 0.24, 0.3]
    assert [varies(one) for one in (training, Training(warmup=1), Training())] == [True, True, False]


def test_a_card_has_what_is_not_by_default_and_nothing_else():
    assert set(Training().model_dump()).isdisjoint({"warmup", "weight_decay", "precision", "accumulate", "clip"})
    values = {"warmup": 3, "weight_decay": 0.1, "precision": "mixed", "accumulate": 2, "clip": 1.0}
    assert Training(**values).model_dump() | values == Training(**values).model_dump()
