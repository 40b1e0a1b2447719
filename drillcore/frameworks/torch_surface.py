"""The loss of a PyTorch model as a function of its weights, and its first and second derivatives.

What a second derivative keeps of all samples may be larger than memory, so that samples are taken in parts, whose
derivatives, weighted by their samples, add up to that of the mean over all.
"""

import sys
from contextlib import ExitStack, contextmanager, suppress

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from drillcore.frameworks import GRAPH_BYTES, LossOfModel, NotTwiceDifferentiable, parts_of
from drillcore.frameworks.layers import uncompiled
from drillcore.frameworks.torch import as_input, evaluating


class Surface:
    """The loss of a PyTorch model as a function of its trainable weights: see the protocol of that name.

    `loss` maps outputs and targets to the mean loss, or to each sample's, as `torch.nn.functional.cross_entropy` does, or is
    a `LossOfModel`, of which nobody knows whether it is a mean over samples: these are then taken all at once.
    """

    def __init__(self, model, loss):
        self.model, self.loss = model, loss
        named = {uncompiled(name): weight for name, weight in model.named_parameters() if weight.requires_grad}
        self.weights, self.shapes = list(named.values()), {name: tuple(weight.shape) for name, weight in named.items()}
        self.sample_bytes = None

    @contextmanager
    def evaluating(self):
        """In the block the model is in evaluation mode; what torch.compile has compiled runs as it was before, which can be
        differentiated twice, as can attention that is written out."""
        with ExitStack() as stack:
            stack.enter_context(evaluating(self.model))
            stack.enter_context(sdpa_kernel(SDPBackend.MATH))
            if "torch._dynamo" in sys.modules:
                stack.enter_context(torch.compiler.set_stance("force_eager"))
            yield

    def derivatives(self, inputs, targets, create_graph=False):
        """The mean loss and its gradient by every weight, as tensors."""
        with self.evaluating():
            loss = self.answered(as_input(inputs, self.model), as_input(targets, self.model))[1]
        return loss, torch.autograd.grad(loss, self.weights, create_graph=create_graph, materialize_grads=True)

    def answered(self, inputs, targets):
        """What the model answers, nothing where it is no answer or only the loss is differentiated, and the mean loss."""
        if not isinstance(self.loss, LossOfModel):
            outputs = self.model(inputs)
            return outputs, self.loss(outputs, targets).mean()
        wanted = self.loss.answers and not torch.is_grad_enabled()
        return self.model(inputs) if wanted else torch.empty(0), self.loss(self.model, inputs, targets)

    def parts(self, inputs, targets):
        """Triples of inputs, targets and their share of all samples, so few that what is kept of a part fits in memory."""
        if isinstance(self.loss, LossOfModel):
            return [(inputs, targets, 1.0)]
        if self.sample_bytes is None:
            self.sample_bytes = graph_bytes(lambda: self.derivatives(inputs[:1], targets[:1], True), self.weights)
        return parts_of(inputs, targets, max(1, GRAPH_BYTES // max(1, self.sample_bytes)))

    def position(self):
        """The weights (parameters), copied."""
        return flat(self.weights)

    def gradient(self, inputs, targets):
        """The mean loss, and its gradient (parameters)."""
        loss, gradient = 0.0, None
        for *samples, share in self.parts(inputs, targets):
            of_part, gradients = self.derivatives(*samples)
            loss, gradient = loss + share * float(of_part.detach()), added(gradient, gradients, share)
        return loss, gradient

    @torch.no_grad()
    def evaluate(self, inputs, targets):
        """The mean loss, and the model's outputs as an array."""
        with evaluating(self.model):
            outputs, loss = self.answered(as_input(inputs, self.model), as_input(targets, self.model))
        return float(loss), outputs.float().cpu().numpy()

    def squared_norms(self, inputs, targets):
        """The squared norm of the gradient of each sample's loss, float64 (samples)."""
        norms = [self.linear_norms(*part[:2]) for part in self.parts(inputs, targets)]
        if all(norm is not None for norm in norms):
            return np.concatenate(norms)
        norms = []
        for sample in range(len(inputs)):
            _, gradients = self.derivatives(inputs[sample : sample + 1], targets[sample : sample + 1])
            norms.append(sum(float(torch.linalg.vector_norm(one, dtype=torch.float64)) ** 2 for one in gradients))
        return np.array(norms)

    def linear_norms(self, inputs, targets):
        """Squared norms of the gradients of some samples, None where not every weight is that of a linear layer of vectors
        alone.

        Such a layer's gradient of a sample is the outer product of what goes in and of the loss's derivative d by what comes
        out, so its norm is the product of theirs (Goodfellow 2015, "Efficient Per-Example Gradient Computations", arXiv
        1510.01799): one backward pass serves all samples. Weights that are used elsewhere too, or whose layer returns what a
        hook makes of it, have another gradient than these products add up to.
        """
        layers = [module for module in self.model.modules() if type(module) is torch.nn.Linear]
        weights = [weight for layer in layers for weight in (layer.weight, layer.bias) if weight is not None]
        if sorted(map(id, weights)) != sorted(map(id, self.weights)) or isinstance(self.loss, LossOfModel):
            return None
        with self.evaluating(), seeing(layers) as (taken, returned):
            outputs, targets = self.model(as_input(inputs, self.model)), as_input(targets, self.model)
            samples = range(len(inputs))
            loss = torch.stack([self.loss(outputs[i : i + 1], targets[i : i + 1]).mean() for i in samples]).sum()
            if any(len(arrays) != 1 or arrays[0].ndim != 2 for arrays in taken.values()):
                return None
            gradients = torch.autograd.grad(loss, weights, materialize_grads=True)
        of_weights = factors(layers, taken, returned)
        if not all(are_products(one, *both) for one, both in zip(gradients, of_weights, strict=True)):
            return None
        of_layers = [(taken[layer][0], returned[layer]) for layer in layers]
        biased = [layer.bias is not None for layer in layers]
        norms = [(squares(x) + one) * squares(d) for (x, d), one in zip(of_layers, biased, strict=True)]
        return sum(norms).cpu().numpy()

    def hessian(self, inputs, targets):
        """The `Hessian` of the mean loss."""
        return Hessian(self, self.parts(inputs, targets))

    def twice(self, inputs, targets):
        """The gradient by every weight, with the graph by which it can be differentiated again."""
        with twice_differentiable():
            gradients = self.derivatives(inputs, targets, create_graph=True)[1]
            check_graph(gradients)
            return gradients

    @torch.no_grad()
    def move(self, step):
        """Add a vector (parameters) to the weights."""
        for weight, change in zip(self.weights, split(step, self.weights), strict=True):
            weight += change


class Hessian:
    """Second derivatives by reverse mode: the graph of the gradients by the weights is kept and differentiated again or, of
    several parts, made anew for every product."""

    def __init__(self, surface, parts):
        self.surface, self.parts = surface, parts
        self.kept = [surface.twice(*samples) for *samples, _ in parts] if len(parts) == 1 else None

    def of_parts(self, function):
        """Yield what `function` makes of the gradients of each part, and its share of all samples; a part's graph is gone
        before the next one's is made."""
        for number, (*samples, share) in enumerate(self.parts):
            yield function(self.kept[number] if self.kept else self.surface.twice(*samples)), share

    def product(self, vector):
        """The Hessian times a vector (parameters)."""
        weights, found = self.surface.weights, None
        along = split(vector, weights)

        def of_part(gradients):
            curved = [
                (gradient, part)
                for gradient, part in zip(gradients, along, strict=True)
                if gradient.requires_grad  # else the loss is linear in this weight
            ]
            return differentiate(Along.apply([part for _, part in curved], *(one for one, _ in curved)), weights)

        for product, share in self.of_parts(of_part):
            found = added(found, product, share)
        return found

    def diagonal(self, entries):
        """The second derivatives by single weights, float64 (entries) of each tensor; `entries` are positions in each."""

        def of_tensor(gradient, weight, positions):
            if not gradient.requires_grad:
                return np.zeros(len(positions))
            rows = (differentiate(gradient.flatten()[position], [weight])[0] for position in positions)
            return np.array([float(row.flatten()[at]) for row, at in zip(rows, positions, strict=True)])

        def of_part(gradients):
            return [of_tensor(*each) for each in zip(gradients, self.surface.weights, entries, strict=True)]

        parts = [[share * found for found in of_tensors] for of_tensors, share in self.of_parts(of_part)]
        return [sum(of_tensor) for of_tensor in zip(*parts, strict=True)]


class Along(torch.autograd.Function):
    """A scalar whose gradient by some tensors is `along`, one each: as `grad_outputs` of `torch.autograd.grad`, which loads
    SymPy to compare their shapes."""

    @staticmethod
    def forward(ctx, along, *tensors):
        ctx.along = along
        return torch.zeros(())

    @staticmethod
    def backward(ctx, _):
        return None, *ctx.along


def differentiate(scalar, weights):
    """The derivatives of a `scalar` by `weights`, zeros where it does not depend on one; its graph is kept."""
    if not scalar.requires_grad:  # as of no tensors
        return [torch.zeros_like(weight) for weight in weights]
    with twice_differentiable():
        return torch.autograd.grad(scalar, weights, retain_graph=True, materialize_grads=True)


@contextmanager
def seeing(layers):
    """In the block note by layer what it takes, a list, and the derivative of a loss by what it last returned."""
    taken, returned = {layer: [] for layer in layers}, {}

    def look(layer, inputs, output):
        taken[layer].append(inputs[0].detach())
        returned[layer] = torch.zeros_like(output)  # as it stays where the loss does not depend on it
        if output.requires_grad:  # on the tensor as it is now: an in-place ReLU makes another of it
            output.register_hook(lambda gradient: returned.__setitem__(layer, gradient))

    hooks = [layer.register_forward_hook(look) for layer in layers]
    try:
        yield taken, returned
    finally:
        for hook in hooks:
            hook.remove()


def factors(layers, taken, returned):
    """What the gradient of each weight and bias of linear layers is the product of: of a bias, ones go in."""
    for layer in layers:
        yield taken[layer][0], returned[layer]
        if layer.bias is not None:
            yield torch.ones_like(taken[layer][0][:, :1]), returned[layer]


def are_products(gradient, taken, returned):
    """Whether the `gradient` of a linear layer's weight, summed over samples, is that of what it has `taken` and of the
    derivative by what it `returned`, but for rounding."""
    off = torch.linalg.vector_norm(gradient - (returned.T @ taken).view_as(gradient), dtype=torch.float64)
    largest = (squares(taken) * squares(returned)).sqrt().sum()
    return bool(off <= torch.finfo(gradient.dtype).eps ** 0.5 * largest)


def squares(rows):
    """The squared norms of rows (n, features), float64."""
    return torch.linalg.vector_norm(rows, dim=1, dtype=torch.float64).square()


def graph_bytes(function, weights):
    """How many bytes of tensors the graph keeps that `function` makes, but for `weights`."""
    known, found = {weight.untyped_storage().data_ptr() for weight in weights}, {}

    def note(tensor):
        storage = tensor.untyped_storage()
        found[storage.data_ptr()] = storage.nbytes()
        return tensor

    hooks = torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor)
    with suppress(RuntimeError, NotImplementedError), hooks:  # the second derivative raises them again, and says why
        function()
    return sum(size for storage, size in found.items() if storage not in known)


def added(total, tensors, share):
    """`total` (parameters), None at first, and `share` of `tensors`, one after the other."""
    if total is None:
        total = flat(tensors)
        total *= share
        return total
    begin = 0
    for tensor in tensors:
        part = flat([tensor])
        total[begin : begin + len(part)] += share * part
        begin += len(part)
    return total


@contextmanager
def twice_differentiable():
    """Say in one sentence what PyTorch says of a layer that has no second derivative."""
    try:
        yield
    except (RuntimeError, NotImplementedError) as error:
        raise NotTwiceDifferentiable(error) from None


def check_graph(gradients):
    """Raise what PyTorch has left in the graph of `gradients` where a function has no second derivative: what is
    differentiated by weights before it never gets there, and is zero."""
    waiting, seen = [gradient.grad_fn for gradient in gradients], set()
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting += [following for following, _ in node.next_functions]
            if node.name().endswith("::Error"):
                raise RuntimeError("a function in it is differentiable once only")


def flat(tensors):
    """Tensors one after the other as an array (parameters), float32 or float64."""
    joined = torch.cat([tensor.detach().flatten() for tensor in tensors])
    return (joined if joined.dtype == torch.float64 else joined.float()).cpu().numpy()


def split(vector, weights):
    """The parts of a vector (parameters) as tensors like the `weights`."""
    parts = torch.as_tensor(vector).split([weight.numel() for weight in weights])
    return [part.view(weight.shape).to(weight) for part, weight in zip(parts, weights, strict=True)]
