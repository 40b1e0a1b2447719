"""python -m benchmarks.conformance : which implementation of CKA passes which check, on the same activations.

Half a minute. Peers (pip install --no-deps pytorch-cka==1.1.3 torch_cka==0.21) that are missing are skipped. Each gets
the activations in float32, through hooks on a model that replays them, and answers with a matrix of all pairs.
"""

import os
import sys
import warnings

import numpy as np
import torch
from torch import nn

from benchmarks.similarity import importable
from drillcore import debiased_cka, get_intermediate_outputs, minibatch_matrix

CLOSE = 1e-5


class Drillcore:
    """This project."""

    name = "Drillcore"

    def matrix(self, layers, batch):
        return minibatch_matrix(layers, batch)

    def captured(self, model, images):
        outputs = get_intermediate_outputs(model, images)
        return minibatch_matrix([output.reshape(len(output), -1) for output in outputs.values()], len(images))


class Peer:
    """A peer that takes a model and batches of its input."""

    def matrix(self, layers, batch):
        model = Replay([torch.from_numpy(layer) for layer in layers])
        return self.compare(model, [(rows,) for rows in torch.arange(len(layers[0])).split(batch)])

    def captured(self, model, images):
        return self.compare(model, [(images,)])


class PytorchCka(Peer):
    name = "pytorch-cka 1.1.3"
    compute = staticmethod(importable("cka", "compute_cka") or (lambda *_: None))

    def compare(self, model, batches):
        loader = torch.utils.data.DataLoader(batches, batch_size=None)
        return self.compute(model, model, loader, device="cpu", progress=False)[0].numpy()


class TorchCka(Peer):
    name = "torch_cka 0.21"
    CKA = importable("torch_cka", "CKA")

    def compare(self, model, batches):
        names = [name for name, _ in model.named_children()]
        peer = self.CKA(model, model, "a", "b", names, names)
        loader = torch.utils.data.DataLoader(batches, batch_size=None)
        with open(os.devnull, "w") as nowhere:  # its progress bar cannot be turned off
            before, sys.stderr = sys.stderr, nowhere
            try:
                with torch.no_grad():
                    peer.compare(loader, loader)
            finally:
                sys.stderr = before
        return peer.hsic_matrix.numpy()


class Replay(nn.Module):
    """A model whose children output stored activations of the samples that it is called with."""

    def __init__(self, layers):
        super().__init__()
        self.layers = layers
        for number in range(len(layers)):
            self.add_module(f"layer{number}", nn.Identity())

    def forward(self, rows):
        for child, layer in zip(self.children(), self.layers, strict=True):
            child(layer[rows])


def noise(samples, *widths, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((samples, width)).astype(np.float32) for width in widths]


def related(samples=100):
    X, Y = noise(samples, 20, 20)
    return X, X + Y


def exact(X, Y):
    return debiased_cka(X.astype(np.float64), Y.astype(np.float64))


def the_reference_constant(one):
    state = np.random.RandomState(1337)
    X = state.randn(100, 10)
    layers = [X.astype(np.float32), (state.randn(100, 10) + X).astype(np.float32)]
    return abs(one.matrix(layers, 100)[0, 1] - 0.51346) < CLOSE


def scale_changes_nothing(one):
    X, Y = related()
    return all(abs(one.matrix([factor * X, Y], 100)[0, 1] - exact(X, Y)) < CLOSE for factor in (1e-12, 1e-3, 1e12))


def rotation_changes_nothing(one):
    X, Y = related()
    turn = np.linalg.qr(noise(20, 20, seed=1)[0])[0].astype(np.float32)
    return abs(one.matrix([X @ turn, Y], 100)[0, 1] - exact(X, Y)) < CLOSE


def a_mean_of_300_deviations_changes_nothing(one):
    X, Y = related()
    shifted = X + np.float32(300)
    return abs(one.matrix([shifted, Y], 100)[0, 1] - exact(shifted, Y)) < CLOSE


def negative_values_are_kept(one):
    layers = noise(60, *[40] * 12)
    values = one.matrix(layers, 60)
    return min(exact(x, y) for x in layers for y in layers) < -0.02 and values.min() < -0.02


def a_dead_layer_is_nan(one):
    X, Y = related()
    values = one.matrix([X, np.full_like(X, 0.5), Y], 100)
    return bool(np.isnan(values[1]).all())


def a_dead_layer_leaves_the_others_alone(one):
    X, Y = related()
    return abs(one.matrix([X, np.full_like(X, 0.5), Y], 100)[0, 2] - exact(X, Y)) < CLOSE


def nan_activations_leave_the_others_alone(one):
    X, Y = related()
    broken = X.copy()
    broken[3, 2] = np.nan
    values = one.matrix([X, broken, Y], 100)
    return bool(np.isnan(values[1]).all()) and abs(values[0, 2] - exact(X, Y)) < CLOSE


def all_batches_count(one):
    X, Y = related(200)
    Y = Y.copy()
    Y[100:] = noise(100, 20, seed=5)[0]
    both, last = one.matrix([X, Y], 100)[0, 1], one.matrix([X[100:], Y[100:]], 100)[0, 1]
    swapped = one.matrix([np.roll(X, 100, 0), np.roll(Y, 100, 0)], 100)[0, 1]
    return abs(both - swapped) < CLOSE and abs(both - last) > 0.1


def a_rest_of_three_samples_is_no_error(one):
    X, Y = related(103)
    return abs(one.matrix([X, Y], 100)[0, 1] - exact(X[:100], Y[:100])) < CLOSE


def an_in_place_relu_does_not_rewrite_what_was_captured(one):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(10, 10), nn.ReLU(inplace=True)).eval()
    images = torch.from_numpy(noise(100, 10)[0])
    with torch.no_grad():
        before = model[0](images).numpy()
    return abs(one.captured(model, images)[0, 1] - exact(before, np.maximum(before, 0))) < CLOSE


CHECKS = [
    the_reference_constant,
    scale_changes_nothing,
    rotation_changes_nothing,
    a_mean_of_300_deviations_changes_nothing,
    negative_values_are_kept,
    a_dead_layer_is_nan,
    a_dead_layer_leaves_the_others_alone,
    nan_activations_leave_the_others_alone,
    all_batches_count,
    a_rest_of_three_samples_is_no_error,
    an_in_place_relu_does_not_rewrite_what_was_captured,
]


def outcome(check, one):
    """How `one` fares: "passes", "fails", or the exception that it raises."""
    try:
        return "passes" if check(one) else "fails"
    except Exception as error:
        return f"raises {type(error).__name__}"


def main():
    warnings.simplefilter("ignore")
    present = [
        Drillcore(),
        *(peer() for peer, module in ((PytorchCka, "cka"), (TorchCka, "torch_cka")) if module in sys.modules),
    ]
    print("| check | " + " | ".join(one.name for one in present) + " |\n" + "| --- " * (len(present) + 1) + "|")
    for check in CHECKS:
        print(f"| {check.__name__.replace('_', ' ')} | " + " | ".join(outcome(check, one) for one in present) + " |")
    print("\nSVCCA, PWCCA, Procrustes, RSA, p-values and streaming are offered by none of the peers here.")


if __name__ == "__main__":
    main()
