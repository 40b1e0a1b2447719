"""The same batch once more at the new weights: what is counted, against closed forms, and that no training notices."""

import copy
import random

import numpy as np
import pytest
import torch
from torch import nn

import drillcore
from drillcore.artifacts.gradient_stats import GradientStats
from drillcore.base.errors import InputError
from drillcore.base.store import read
from drillcore.recording.recorder import GradientRecorder, transitions
from tests.processes import run

EDGES = [1e-3, 1.0]
CURVATURES = torch.tensor([0.5, 2.0, 8.0])
TARGETS = torch.randn(30, 3, generator=torch.Generator().manual_seed(0))


class Loss(nn.Module):
    """A model of three weights that returns its loss."""

    def __init__(self, loss):
        super().__init__()
        self.weights, self.loss = nn.Parameter(torch.tensor([3.0, -2.0, 1.0])), loss

    def forward(self, batch):
        return self.loss(self.weights, batch)


def quadratic(weights, batch):
    return (CURVATURES * (weights - batch) ** 2).sum() / 2


def noise(weights, batch):
    return (weights * batch).sum()


def descend(path, model, rate, batches, **settings):
    """Gradient descent, recorded; returns the gradients and weights of each step."""
    optimizer, seen = torch.optim.SGD(model.parameters(), rate), []
    with GradientRecorder(model, path, EDGES, **settings) as recorder:
        for batch in batches:
            optimizer.zero_grad()
            model(batch).backward()
            recorder.step()
            seen.append([values.detach().numpy().copy() for values in (model.weights.grad, model.weights)])
            optimizer.step()
            recorder.same_batch(lambda batch=batch: model(batch).backward())
    return seen


def crossings(path, kind="same_batch"):
    """How many parameters crossed in each way, over all steps."""
    with drillcore.open(path) as file:
        return file.counts(kind)[:].sum((0, 1, 2, 3)).tolist()


@pytest.mark.parametrize(("rate", "beyond"), [(0.1, 0), (0.2, 1), (0.7, 2), (2.5, 3)])
def test_descent_on_a_noisy_quadratic_crosses_only_where_the_rate_is_above_the_inverse_curvature(
    tmp_path, rate, beyond
):
    path = tmp_path / "gradients.h5"
    descend(path, Loss(quadratic), rate, TARGETS[:12], same_batch=1)
    steps = 11
    assert crossings(path) == [steps * (3 - beyond), steps * beyond, 0, 0]


def test_raw_gradients_of_that_quadratic_flip_by_noise(tmp_path):
    path = tmp_path / "gradients.h5"
    descend(path, Loss(quadratic), 0.1, TARGETS, same_batch=1)
    stayed, *flips = crossings(path, "raw")
    assert sum(flips) > 20 and crossings(path) == [stayed + sum(flips), 0, 0, 0]


def test_noise_that_the_weights_do_not_change_never_flips(tmp_path):
    path = tmp_path / "gradients.h5"
    descend(path, Loss(noise), 0.1, TARGETS, same_batch=1)
    assert sum(crossings(path, "raw")[1:]) > 20 and crossings(path) == [3 * 29, 0, 0, 0]


@pytest.mark.parametrize(("every", "same_batch"), [(1, 1), (1, 3), (4, 2)])
def test_rows_are_the_transitions_of_the_batch_before_at_every_kth_step(tmp_path, every, same_batch):
    path = tmp_path / "gradients.h5"
    seen = descend(path, Loss(quadratic), 0.2, TARGETS[:10], same_batch=same_batch, every=every)
    steps = [step for step in range(2, 11) if step % same_batch == 0]
    with drillcore.open(path) as file:
        assert file.kinds == ("raw", "ema", "same_batch")
        assert file.step("same_batch").tolist() == steps and file.epoch("same_batch").tolist() == [1] * len(steps)
        assert file.counts("same_batch").dtype == np.uint32 and file.weight_change("same_batch").dtype == np.float64
        for row, step in enumerate(steps):
            (before, old), (_, new) = seen[step - 2], seen[step - 1]
            now = CURVATURES.numpy() * (new - TARGETS[step - 2].numpy())
            counts, weight_change = transitions(before, now, old, new, EDGES)
            np.testing.assert_array_equal(file.counts("same_batch")[row, 0], counts)
            np.testing.assert_array_equal(file.weight_change("same_batch")[row, 0], weight_change)


def test_all_else_in_the_file_is_as_without(tmp_path):
    for name, same_batch in (("with", 2), ("without", 0), ("absent", None)):
        settings = {} if same_batch is None else {"same_batch": same_batch}
        descend(tmp_path / name, Loss(quadratic), 0.2, TARGETS, **settings)
    assert (tmp_path / "without").read_bytes() == (tmp_path / "absent").read_bytes()
    with read(tmp_path / "with") as one, read(tmp_path / "without") as other:
        assert set(one) == {*other, "same_batch"}
        for name in ("raw", "ema"):
            assert set(one[name]) == set(other[name])
            assert all(np.array_equal(one[name][part], other[name][part]) for part in other[name])
    with drillcore.open(tmp_path / "without") as file:
        assert file.kinds == ("raw", "ema")
        with pytest.raises(InputError, match="has no gradients of kind 'same_batch'; it has raw, ema"):
            file.counts("same_batch")


def test_statistics_are_those_of_the_same_batch_where_it_was_recorded(tmp_path):
    path = tmp_path / "gradients.h5"
    descend(path, Loss(quadratic), 0.7, TARGETS[:12] / 10, same_batch=4)
    with drillcore.open(path) as file:
        stats = GradientStats.of(tmp_path / "gradient_stats.json", drillcore.summarise(file, [1e-3, 1.0]))
        counts = file.counts("same_batch")[:].sum(1)
        assert file.to_xarray().same_batch_counts.dims[0] == "same_batch_step"
    found = stats.by_step(1.0, "same_batch")
    assert found["step"].tolist() == [4, 8, 12] and stats.kinds == ("raw", "ema", "same_batch")
    assert found["retained"].tolist() == counts[:, :3, :3].sum((1, 2, 3)).tolist()
    assert found["flips"].tolist() == found["minima"].tolist() == counts[:, :3, :3, 1].sum((1, 2)).tolist() != [0, 0, 0]
    arrays = stats.to_xarray()
    assert arrays.same_batch_flips.sel(threshold=1.0).values.tolist() == found["flips"].tolist()
    assert arrays.same_batch_step.values.tolist() == [4, 8, 12] and arrays.flips.shape == (2, 2, 11)
    table = stats.to_pandas()
    assert table[(table.kind == "same_batch") & (table.threshold == 1.0)].flips.tolist() == found["flips"].tolist()
    assert len(table) == 2 * (11 + 11 + 3)


class Forgetful(nn.Module):
    """A network with whatever a forward pass may change: masks, statistics, buffers and attributes of its own."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(
            nn.utils.parametrizations.spectral_norm(nn.Linear(5, 8)),
            nn.BatchNorm1d(8),
            nn.Dropout(0.4),
            nn.Linear(8, 1),
        )
        self.register_buffer("seen", torch.zeros(()))
        self.register_buffer("rebound", torch.zeros(8), persistent=False)
        self.calls, self.scale = 0, torch.ones(())

    def forward(self, inputs):
        self.calls += 1
        self.seen += inputs.sum()
        self.rebound = self.rebound + 1
        self.scale = self.scale * 1.01
        drawn = random.random() + np.random.random()
        return self.layers(inputs) * (self.scale + self.calls + drawn) + self.seen + self.rebound[0]


def forget(path, rate, same_batch):
    """Train `Forgetful`; returns all that the training is, and the final gradients."""
    model, losses = Forgetful(), []
    random.seed(0)
    np.random.seed(0)
    optimizer = torch.optim.SGD(model.parameters(), rate, momentum=0.9)
    with GradientRecorder(model, path, same_batch=same_batch) as recorder:
        for batch in torch.randn(6, 7, 5):
            optimizer.zero_grad()
            loss = model(batch).square().mean()
            loss.backward()
            recorder.step()
            optimizer.step()
            recorder.same_batch(lambda batch=batch: model(batch).square().mean().backward())
            losses.append(loss.item())
    tensors = {**model.state_dict(), "rebound": model.rebound, "scale": model.scale, "random": torch.get_rng_state()}
    tensors |= {f"grad {name}": parameter.grad for name, parameter in model.named_parameters()}
    assert not model._forward_pre_hooks
    return tensors, [losses, model.calls, random.random(), np.random.random()]


def test_a_training_does_not_notice_that_its_batches_are_taken_twice(tmp_path):
    (tensors, numbers), (plain, expected) = (forget(tmp_path / f"{k}", 1e-4, k) for k in (1, 0))
    assert numbers == expected
    assert (
        tensors.keys() == plain.keys() and [name for name in plain if not torch.equal(tensors[name], plain[name])] == []
    )


def test_at_weights_that_stay_a_batch_has_the_gradients_of_its_first_time(tmp_path):
    path = tmp_path / "gradients.h5"
    forget(path, 0.0, 1)
    with drillcore.open(path) as file:
        bins = len(file.edges) + 2
        for kind in ("raw", "same_batch"):
            moved = file.counts(kind)[:].sum((0, 1, 4)) * (1 - np.eye(bins, dtype=int))
            assert bool(moved.any()) is (kind == "raw")
        counts = file.counts("same_batch")[:]
        assert counts[..., 0].sum() == counts.sum() == 5 * file.sizes.sum()


def test_in_keras(tmp_path):
    result = run("tests.recording.child_keras_same_batch", tmp_path)
    assert result.returncode == 0, result.stderr


class Interruption(Exception):
    pass


def record(path, epochs, state=None, interrupted=False):
    """Record epochs of three steps, so that step 4, of those that 2 divides, is the first of its epoch."""
    recorder = GradientRecorder({"weight": 3}, path, EDGES, same_batch=2)
    if state:
        recorder.restore(state)
    with recorder:
        for epoch in epochs:
            for number in range(3 * epoch - 2, 3 * epoch + 1):
                first, weights, again = np.random.default_rng(number).normal(size=(3, 1, 3)).astype(np.float32)
                recorder.record(number, epoch, 0.5, first, weights)
                recorder.record_same_batch(again, weights + 1)
            recorder.end_epoch(epoch)
        if interrupted:
            raise Interruption(copy.deepcopy(recorder.state()))


def test_an_interrupted_recording_goes_on_with_what_waits_for_the_next_step(tmp_path):
    record(tmp_path / "whole", (1, 2, 3))
    with pytest.raises(Interruption) as interruption:
        record(tmp_path / "cut", (1,), interrupted=True)
    (state,) = interruption.value.args
    assert set(state["same_batch"]) == {"counts", "weight_change"}
    record(tmp_path / "cut", (2, 3), state)
    assert (tmp_path / "cut").read_bytes() == (tmp_path / "whole").read_bytes()
    with drillcore.open(tmp_path / "cut") as file:
        assert file.step("same_batch").tolist() == [2, 4, 6, 8]
        assert file.epoch("same_batch").tolist() == [1, 2, 2, 3]


@pytest.mark.parametrize("mode", ["called", "returned"])
def test_gradients_may_be_returned(tmp_path, mode):
    model, path = Loss(quadratic), tmp_path / "gradients.h5"
    with GradientRecorder(model, path, EDGES, same_batch=1) as recorder:
        for batch in TARGETS[:12]:
            step(model, recorder, batch)
            with torch.no_grad():
                model.weights -= 0.7 * model.weights.grad
            if mode == "called":
                recorder.same_batch(lambda batch=batch: model(batch).backward())
            else:
                recorder.same_batch(lambda batch=batch: torch.autograd.grad(model(batch), model.parameters()))
    assert crossings(path) == [11, 22, 0, 0]


def step(model, recorder, batch=TARGETS[0]):
    model.zero_grad()
    model(batch).backward()
    recorder.step()


@pytest.mark.parametrize(
    ("make", "take", "words"),
    [
        (lambda model: model, lambda model: model(TARGETS[0]), "call backward in the closure, or return them"),
        (lambda model: model.named_parameters(), lambda model: None, "make the recorder of a PyTorch model, or return"),
        (
            lambda model: model,
            None,
            "step 2 comes before the batch of step 1 was taken once more: call same_batch after",
        ),
    ],
)
def test_what_gives_no_gradients_is_refused(tmp_path, make, take, words):
    model = Loss(quadratic)
    with (
        pytest.raises(ValueError, match=words),
        GradientRecorder(make(model), tmp_path / "gradients.h5", same_batch=1) as recorder,
    ):
        step(model, recorder)
        if take:
            recorder.same_batch(lambda: take(model))
        step(model, recorder)
    assert list(tmp_path.iterdir()) == [] and not model._forward_pre_hooks


def test_a_model_whose_first_pass_was_not_seen_is_refused(tmp_path):
    model = Loss(quadratic)
    with (
        pytest.raises(ValueError, match="the model was not called in training mode in this step"),
        GradientRecorder(model, tmp_path / "gradients.h5", same_batch=1) as recorder,
    ):
        model.forward(TARGETS[0]).backward()
        recorder.step()
        recorder.same_batch(lambda: model(TARGETS[0]).backward())


def test_a_mistake_in_the_closure_leaves_the_model_as_it_was(tmp_path):
    model = Forgetful()
    recorder = GradientRecorder(model, tmp_path / "gradients.h5", same_batch=1)
    with pytest.raises(ZeroDivisionError), recorder:
        model(torch.ones(7, 5)).sum().backward()
        recorder.step()
        before = {name: value.clone() for name, value in model.state_dict().items()}
        gradient = model.layers[3].weight.grad
        recorder.same_batch(lambda: model(torch.ones(7, 5)) / 0 / (0 // 0))
    assert model.layers[3].weight.grad is gradient and model.calls == 1
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
