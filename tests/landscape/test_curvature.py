"""The curvature of models' losses against closed forms and PyTorch's own Hessian."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss

import drillcore
from drillcore.frameworks.torch_surface import Surface


def samples(count=12, features=5, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((count, features)))


def half_mean_square(outputs, targets):
    return mse_loss(outputs, targets) / 2


def test_linear_regression_has_the_covariance_as_its_hessian():
    inputs, model = samples(), nn.Linear(5, 1, bias=False).double()
    found = drillcore.curvature(model, half_mean_square, inputs, torch.zeros(12, 1).double(), 3, 5, entries=5)
    hessian = (inputs.T @ inputs / 12).numpy()
    values = np.linalg.eigvalsh(hessian)
    np.testing.assert_allclose(found.largest, values[::-1][:3], rtol=1e-10)
    assert found.smallest == pytest.approx(values[0], rel=1e-10)
    assert found.trace.value == pytest.approx(np.trace(hessian), rel=1e-10)
    np.testing.assert_allclose(found.diagonal["weight"], np.diag(hessian), rtol=1e-12)
    assert found.status == "complete"


def test_softmax_regression_in_closed_form():
    inputs, model = samples(), nn.Linear(5, 3, bias=False).double()
    labels = torch.arange(12) % 3
    found = drillcore.curvature(model, cross_entropy, inputs, labels, 3, 15, entries=15)
    shares = torch.softmax(model(inputs), 1).detach().numpy()
    blocks = [np.kron(np.diag(p) - np.outer(p, p), np.outer(x, x)) for p, x in zip(shares, inputs.numpy(), strict=True)]
    hessian = np.mean(blocks, 0)
    np.testing.assert_allclose(found.largest, np.linalg.eigvalsh(hessian)[::-1][:3], rtol=1e-9)
    np.testing.assert_allclose(found.diagonal["weight"], np.diag(hessian), rtol=1e-9)
    assert found.trace.value == pytest.approx(np.trace(hessian), rel=1e-9)


class Small(nn.Module):
    """Batch norm and dropout, so that evaluation mode counts, and a weight that nothing reaches."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Dropout(0.5), nn.Linear(4, 3))
        self.unused = nn.Parameter(torch.ones(2))

    def forward(self, inputs):
        return self.body(inputs)


def test_a_small_network_has_the_hessian_of_torch_func():
    torch.manual_seed(0)
    model, inputs, labels = Small().double(), samples(), torch.arange(12) % 3
    model(inputs)  # running statistics
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    found = drillcore.curvature(model, cross_entropy, inputs, labels, 3, 49, entries=100)
    assert model.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    model.eval()
    names, sizes = zip(*((name, weight.numel()) for name, weight in model.named_parameters()), strict=True)

    def loss(vector):
        parts = dict(zip(names, vector.split(sizes), strict=True))
        shaped = {name: parts[name].view_as(weight) for name, weight in model.named_parameters()}
        return cross_entropy(torch.func.functional_call(model, shaped, inputs), labels)

    start = torch.cat([weight.detach().flatten() for weight in model.parameters()])
    hessian, gradient = torch.func.hessian(loss)(start).numpy(), torch.func.grad(loss)(start).numpy()
    values = np.linalg.eigvalsh(hessian)
    np.testing.assert_allclose(found.largest, values[::-1][:3], rtol=1e-8)
    assert found.smallest == pytest.approx(values[0], rel=1e-8)
    assert found.smallest < 0
    assert found.trace.value == pytest.approx(np.trace(hessian), rel=1e-8)
    np.testing.assert_allclose(np.concatenate([*found.diagonal.values()]), np.diag(hessian), atol=1e-12)
    assert found.gradient_norm == pytest.approx(np.linalg.norm(gradient), rel=1e-12)
    surface = Surface(model, cross_entropy)
    singles = [surface.gradient(inputs[i : i + 1], labels[i : i + 1])[1] for i in range(12)]
    np.testing.assert_allclose(surface.squared_norms(inputs, labels), np.square(singles).sum(1), rtol=1e-12)
    np.testing.assert_allclose(np.mean(singles, 0), gradient, atol=1e-14)


def test_the_networks_of_the_studies_are_convex_along_every_weight():
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
    found = drillcore.curvature(model, cross_entropy, samples().float(), torch.arange(12) % 3, entries=1000)
    diagonal = np.concatenate([*found.diagonal.values()])
    assert diagonal.min() > -1e-9
    assert found.smallest < -1e-3


@pytest.mark.parametrize("weight", [np.nan, np.inf])
def test_weights_that_diverged_are_nan_with_the_reason(weight):
    model = nn.Linear(5, 3)
    with torch.no_grad():
        model.weight[0, 0] = weight
    found = drillcore.curvature(model, cross_entropy, samples().float(), torch.arange(12) % 3)
    assert found.status == "the loss or its gradient is not finite"
    assert np.isnan([*found.largest, found.smallest, *found.trace, *found.diagonal["weight"], found.noise.scale]).all()


class Once(torch.autograd.Function):
    """A square whose derivative says that it has none."""

    @staticmethod
    def forward(context, inputs):
        context.save_for_backward(inputs)
        return inputs.square()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(context, gradient):
        return 2 * context.saved_tensors[0] * gradient


class Squared(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(5, 3)

    def forward(self, inputs):
        return Once.apply(self.linear(inputs))


def test_a_layer_without_a_second_derivative_is_named_in_one_sentence():
    found = drillcore.curvature(Squared(), cross_entropy, samples().float(), torch.arange(12) % 3)
    reason = "a function in it is differentiable once only"
    assert found.status == f"The loss cannot be differentiated twice ({reason}): its Hessian is not known."
    assert np.isfinite([found.loss, found.gradient_norm, found.noise.variance]).all()
    assert np.isnan(found.largest).all()


def test_attention_and_a_loss_that_is_linear_in_the_weights_are_no_trouble():
    torch.manual_seed(0)
    attention = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True).double()
    found = drillcore.curvature(
        attention, lambda outputs, targets: outputs.square().mean(), samples(6, 12).view(6, 3, 4), torch.zeros(6)
    )
    assert found.status == "complete"
    linear = drillcore.curvature(nn.Linear(5, 1), lambda outputs, targets: outputs, samples().float(), torch.zeros(12))
    assert [*linear.largest[:1], linear.smallest, linear.trace.value] == [0, 0, 0]


@pytest.mark.parametrize(
    "settings, said",
    [
        ({"eigenvalues": 4, "iterations": 4}, "eigenvalues is 4, but should be from 1 to below iterations, 4"),
        ({"eigenvalues": 0}, "eigenvalues is 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, said):
    with pytest.raises(drillcore.InputError, match=said):
        drillcore.curvature(nn.Linear(5, 3), cross_entropy, samples().float(), torch.arange(12) % 3, **settings)


def test_samples_and_weights_that_are_missing_are_refused():
    with pytest.raises(drillcore.InputError, match="1 inputs and 1 targets"):
        drillcore.curvature(nn.Linear(5, 3), cross_entropy, samples(1).float(), torch.zeros(1).long())
    with pytest.raises(drillcore.InputError, match="None of the model's weights is trainable"):
        drillcore.curvature(
            nn.Linear(5, 3).requires_grad_(False), cross_entropy, samples().float(), torch.arange(12) % 3
        )


def perceptron():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 4), nn.ReLU(inplace=True), nn.Linear(4, 3, bias=False))


def test_linear_layers_tell_the_norm_of_each_samples_gradient_in_one_pass():
    surface, inputs, labels = Surface(perceptron(), cross_entropy), samples().float(), torch.arange(12) % 3
    singles = [surface.gradient(inputs[i : i + 1], labels[i : i + 1])[1] for i in range(12)]
    found = surface.linear_norms(inputs, labels)
    np.testing.assert_allclose(found, np.square(singles).sum(1), rtol=1e-5)
    np.testing.assert_array_equal(surface.squared_norms(inputs, labels), found)


class Branched(nn.Module):
    """A network of linear layers of vectors, one of which is `used` otherwise than to be called for the loss."""

    def __init__(self, used):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.other = nn.Linear(5, 4), nn.Linear(4, 3), nn.Linear(5, 4)
        self.used = used
        if used == "hook":
            self.other.register_forward_hook(lambda module, inputs, output: 2 * output)

    def forward(self, inputs):
        hidden = self.first(inputs)
        with torch.no_grad() if self.used == "without gradients" else nullcontext():
            other = self.other(inputs)
        if self.used != "aside":
            hidden = hidden + other
        if self.used == "weight":
            hidden = hidden + nn.functional.linear(inputs, self.first.weight).tanh()
        if self.used == "bias":
            hidden = hidden * self.first.bias.exp()
        return self.second(hidden.relu())


@pytest.mark.parametrize(
    ("used", "at_once"),
    [("aside", True), ("without gradients", True), ("weight", False), ("bias", False), ("hook", False)],
)
def test_the_norm_of_each_samples_gradient_is_right_whatever_a_layer_is_for(used, at_once):
    surface, inputs, labels = Surface(Branched(used), cross_entropy), samples().float(), torch.arange(12) % 3
    singles = [surface.gradient(inputs[i : i + 1], labels[i : i + 1])[1] for i in range(12)]
    np.testing.assert_allclose(surface.squared_norms(inputs, labels), np.square(singles).sum(1), rtol=1e-5)
    assert (surface.linear_norms(inputs, labels) is not None) == at_once


def test_samples_taken_in_parts_have_the_derivatives_of_the_whole(monkeypatch):
    model, inputs, labels = perceptron().double(), samples(11), torch.arange(11) % 3
    surface, random = Surface(model, cross_entropy), np.random.default_rng(0)
    whole, vector, entries = surface.hessian(inputs, labels), random.standard_normal(36), [[0, 19], [3], [11]]
    expected = surface.gradient(inputs, labels), surface.squared_norms(inputs, labels)
    monkeypatch.setattr("drillcore.frameworks.torch_surface.GRAPH_BYTES", 4 * surface.sample_bytes)
    parts = surface.hessian(inputs, labels)
    assert [len(hessian.parts) for hessian in (whole, parts)] == [1, 3]
    np.testing.assert_allclose(parts.product(vector), whole.product(vector), rtol=1e-12, atol=1e-15)
    for one, other in zip(parts.diagonal(entries), whole.diagonal(entries), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-15)
    (loss, gradient), norms = expected
    assert surface.gradient(inputs, labels)[0] == pytest.approx(loss, rel=1e-12)
    np.testing.assert_allclose(surface.gradient(inputs, labels)[1], gradient, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(surface.squared_norms(inputs, labels), norms, rtol=1e-12)
