"""What chance alone gives, through the recorder: against noise whose flips are chance alone, closed forms and curvature."""

import itertools
import logging

import numpy as np
import pytest
import torch

import drillcore
from drillcore.base.errors import InputError
from drillcore.recording.decay import decay_of
from drillcore.recording.recorder import AVERAGED, PIECE, GradientRecorder
from drillcore.recording.threshold import near_zero

NOISE = {
    "gaussian": lambda random, scale: random.standard_normal(len(scale)) * scale,
    "laplace": lambda random, scale: random.laplace(size=len(scale)) * scale,
    "zeros": lambda random, scale: random.standard_normal(len(scale)) * scale * (random.random(len(scale)) < 0.2),
    "mixture": lambda random, scale: (
        random.standard_normal(len(scale)) * scale * 10.0 ** random.integers(-2, 2, len(scale))
    ),
}


def updates(optimizer, rate):
    """A function of gradient and step that returns the change of the weights, as PyTorch's optimisers define them."""
    average, squares = 0.0, 0.0

    def update(gradient, step):
        nonlocal average, squares
        if optimizer == "adam":
            average, squares = 0.9 * average + 0.1 * gradient, 0.999 * squares + 0.001 * gradient**2
            return -rate * average / (1 - 0.9**step) / (np.sqrt(squares / (1 - 0.999**step)) + 1e-30)
        average = gradient + (0.9 * average if optimizer == "momentum" else 0.0)
        return -rate * average

    return update


def train(path, steps, scale, optimizer, noise="gaussian", curvature=0.0, rate=1e-3, **settings):
    """Record a training on a quadratic of `curvature` and on `noise` of the size `scale` (parameters)."""
    random, weights, update = np.random.default_rng(1), np.zeros(len(scale)), updates(optimizer, rate)
    with GradientRecorder({"weight": len(scale)}, path, threads=1, **settings) as recorder:
        for step in range(1, steps + 1):
            gradient = (curvature * weights + NOISE[noise](random, scale)).astype(np.float32)
            recorder.record(step, 1, 0.5, [gradient], [weights.astype(np.float32)])
            weights += update(gradient.astype(np.float64), step)
    return drillcore.open(path)


def shares(file, kind, threshold, rows=slice(None)):
    """Minima of the flips observed and by chance at a threshold, and the standard error of their difference if all flips
    were independent."""
    near = near_zero(file.edges, threshold)
    minima, maxima = file.counts(kind)[rows].sum((0, 1))[near, near, 1:3].sum((0, 1)).astype(float)
    null_minima, null_flips = (
        float(counts[rows].sum((0, 1))[near, near].sum()) for counts in (file.null_minima(kind), file.null_flips(kind))
    )
    share, null = minima / (minima + maxima), null_minima / null_flips
    return share, null, np.sqrt(share * (1 - share) / (minima + maxima) + null * (1 - null) / null_flips)


@pytest.mark.parametrize(("noise", "optimizer"), itertools.product(NOISE, ["sgd", "momentum", "adam"]))
def test_noise_alone_gives_the_null_at_every_threshold(tmp_path, noise, optimizer):
    scale = 10.0 ** np.random.default_rng(0).uniform(-8, 0, 4000)
    decay = 0.0 if optimizer == "sgd" else 0.9
    with train(tmp_path / "gradients.h5", 150, scale, optimizer, noise, decay=decay) as file:
        for kind, threshold in itertools.product(["raw", "ema"], [1e-7, 1e-4, 1.0]):
            share, null, error = shares(file, kind, threshold)
            if kind == "ema" and optimizer == "sgd":
                share, null, error = shares(file, kind, threshold, slice(AVERAGED, None))
                assert null == 1.0 and share > 0.99  # what is left of the first gradient's weight
            else:
                assert abs(share - null) <= 6 * error + 1e-12, (kind, threshold)  # ten steps share their gradients


@pytest.mark.parametrize("decay", [0.5, 0.9])
def test_the_null_of_gaussian_noise_is_the_closed_form(tmp_path, decay):
    with train(tmp_path / "gradients.h5", 40, np.ones(40_000), "sgd", decay=decay) as file:
        for row, step in [(0, 2), (1, 3), (3, 5), (38, 40)]:
            rho = np.sqrt((1 - decay**2) / (1 - decay ** (2 * (step - 1))))
            expected = 0.5 + np.arcsin(min(rho, 1.0)) / np.pi
            flips = file.null_flips()[row].sum()
            error = np.sqrt(expected * (1 - expected) / flips)
            assert abs(file.null_minima()[row].sum() / flips - expected) <= 4 * error
        assert file.decay == decay


def test_the_null_counts_the_flips_over_minima_and_maxima_of_each_pair_of_bins(tmp_path):
    scale = 10.0 ** np.random.default_rng(0).uniform(-8, 0, PIECE + 1000)
    random, weights = np.random.default_rng(1), np.zeros(len(scale), np.float32)
    with GradientRecorder({"weight": len(scale)}, tmp_path / "gradients.h5") as recorder:
        for step in range(1, 5):
            recorder.record(step, 1, 0.5, [NOISE["zeros"](random, scale).astype(np.float32)], [weights])
            weights = weights + random.integers(-1, 2, len(scale)).astype(np.float32)  # a third does not move
    with drillcore.open(tmp_path / "gradients.h5") as file:
        counts, minima, flips = file.counts()[:], file.null_minima()[:], file.null_flips()[:]
        assert counts[..., 3].sum() > 0
        np.testing.assert_array_equal(flips, counts[..., 1] + counts[..., 2])
        assert (minima <= flips).all() and 0 < minima[1:].sum() < flips[1:].sum()
        np.testing.assert_array_equal(minima[0], flips[0])  # step 2: all of the update is the last gradient
        assert not file.null_flips("ema")[:].any()  # for the averages it begins later


@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
def test_curvature_is_above_the_null(tmp_path, optimizer):
    settings = {"curvature": 2.0, "rate": 0.05, "optimizer": optimizer}
    with train(tmp_path / "gradients.h5", 60, np.full(4000, 0.1), **settings) as file:
        share, null, error = shares(file, "raw", 1.0, slice(20, None))
        assert share - null > 20 * error


def test_signs_are_new_at_every_step_and_parameter_and_the_same_with_any_threads(tmp_path):
    scale = np.ones(PIECE + 500)
    contents = []
    for threads in (1, 3):
        random = np.random.default_rng(1)
        with GradientRecorder({"weight": len(scale)}, tmp_path / "gradients.h5", threads=threads) as recorder:
            sums = []
            for step in range(1, 5):
                gradient = np.ones(len(scale), np.float32)
                recorder.record(step, 1, 0.5, [gradient], [random.standard_normal(len(scale)).astype(np.float32)])
                sums.append(recorder.states[0].surrogate.copy())
        contents.append((tmp_path / "gradients.h5").read_bytes())
    assert contents[0] == contents[1]
    signs = [sums[1], sums[2] - np.float32(0.9) * sums[1], sums[3] - np.float32(0.9) * sums[2]]
    for one, other in [
        *itertools.combinations(signs, 2),
        (signs[0][1:], signs[0][:-1]),
        (signs[0][PIECE:], signs[0][:500]),
    ]:
        assert set(np.round(one)) == {-1, 1} and abs(np.mean(one)) < 0.15 and abs(np.mean(one * other)) < 0.15


def test_what_is_not_finite_leaves_the_surrogate_finite(tmp_path):
    with GradientRecorder({"weight": 3}, tmp_path / "gradients.h5") as recorder:
        for step in range(1, 20):
            gradient = np.float32([np.inf, np.nan, 3e38 if step % 2 else -3e38])
            recorder.record(step, 1, 0.5, [gradient], [np.full(3, step, np.float32)])
            assert np.isfinite(recorder.states[0].surrogate).all()
            assert np.isfinite(recorder.states[0].surrogate_change).all()


@pytest.mark.parametrize("decay", [1.0, -0.1, float("nan")])
def test_a_decay_that_is_none_is_refused(tmp_path, decay):
    with pytest.raises(InputError, match=r"decay is .*: take the momentum or the first beta"):
        GradientRecorder({"weight": 1}, tmp_path / "gradients.h5", decay=decay)


@pytest.mark.parametrize(
    ("optimizer", "settings", "decay"),
    [
        (torch.optim.SGD, {}, 0.0),
        (torch.optim.SGD, {"momentum": 0.8}, 0.8),
        (torch.optim.Adam, {"betas": (0.7, 0.9)}, 0.7),
        (torch.optim.AdamW, {}, 0.9),
        (torch.optim.Adagrad, {}, 0.0),
    ],
)
def test_an_optimiser_says_its_decay(optimizer, settings, decay):
    assert decay_of(optimizer([torch.zeros(1)], lr=0.1, **settings)) == decay


def test_a_file_of_an_earlier_version_says_that_it_has_no_null(tmp_path):
    train(tmp_path / "gradients.h5", 4, np.ones(3), "sgd").close()
    strip(tmp_path / "gradients.h5")
    with drillcore.open(tmp_path / "gradients.h5") as file:
        for asked in (file.null_minima, file.null_flips, lambda: file.decay):
            with pytest.raises(InputError, match="has no null: it was recorded by an earlier version; train again"):
                asked()
        with pytest.raises(InputError, match="has no step scalars"):
            _ = file.scalars
        assert "raw_counts" in file.variables() and "raw_null_minima" not in file.variables()
        assert file.facts()["decay"] == "not recorded"


def strip(path):
    """Take out of a gradients.h5 what earlier versions did not record."""
    import h5py

    with h5py.File(path, "a") as file:
        for name in ("scalars", *(f"{kind}/null_{part}" for kind in ("raw", "ema") for part in ("minima", "flips"))):
            del file[name]
        del file.attrs["decay"]


def scalars_in_numpy(g, g_before, w, w_before):
    g, g_before, w, dw = np.float64(g), np.float64(g_before), np.float64(w), np.float64(w) - np.float64(w_before)
    norm = np.linalg.norm
    cosine = g @ g_before / norm(g) / norm(g_before)
    return norm(g), norm(w), norm(dw), cosine, dw @ g_before, dw @ (g - g_before) / (dw @ dw)


@pytest.mark.parametrize("every", [1, 2])
def test_scalars_are_those_of_numpy(tmp_path, every):
    random, sizes = np.random.default_rng(0), {"a": PIECE + 7, "b": 3}
    steps = [[[random.standard_normal(n).astype(np.float32) for n in sizes.values()] for _ in "gw"] for _ in range(5)]
    with GradientRecorder(sizes, tmp_path / "gradients.h5", every=every) as recorder:
        for step, (gradients, weights) in enumerate(steps, 1):
            recorder.record(step, 1, 0.5, gradients, weights)
    with drillcore.open(tmp_path / "gradients.h5") as file:
        found = np.stack([values[:] for values in file.scalars.values()], -1)
        for row, step in enumerate(file.step()):
            (g, w), (g_before, w_before) = steps[step - 1], steps[step - 2]
            for tensor in range(2):
                expected = scalars_in_numpy(g[tensor], g_before[tensor], w[tensor], w_before[tensor])
                np.testing.assert_allclose(found[row, tensor], expected, rtol=1e-10)


def test_the_curvature_along_steps_of_descent_lies_between_the_eigenvalues(tmp_path):
    eigenvalues, rate = np.linspace(1, 10, 8), 0.19  # the edge is 2 / 10
    weights = np.ones(8)
    with GradientRecorder({"weight": 8}, tmp_path / "gradients.h5", decay=0.0) as recorder:
        for step in range(1, 80):
            recorder.record(step, 1, 0.5, [np.float32(eigenvalues * weights)], [np.float32(weights)])
            weights = weights - rate * eigenvalues * weights
    with drillcore.open(tmp_path / "gradients.h5") as file:
        curvature, descent = file.scalars["curvature_along_step"][:, 0], file.scalars["descent"][:, 0]
    assert (curvature > 1).all() and (curvature < 10 + 1e-3).all() and (descent < 0).all()
    np.testing.assert_allclose(curvature[-1], 10, rtol=1e-3)


def test_scalars_without_a_meaning_are_nan(tmp_path):
    gradients = np.float32([[0, 0], [1, 0], [1, np.nan]])
    with GradientRecorder({"weight": 2}, tmp_path / "gradients.h5") as recorder:
        for step, gradient in enumerate(gradients, 1):
            recorder.record(step, 1, 0.5, [gradient], [np.ones(2, np.float32)])
    with drillcore.open(tmp_path / "gradients.h5") as file:
        scalars = {name: values[:, 0] for name, values in file.scalars.items()}
    np.testing.assert_array_equal(scalars["gradient_cosine"], [np.nan, np.nan])
    np.testing.assert_array_equal(scalars["curvature_along_step"], [np.nan, np.nan])
    np.testing.assert_array_equal(scalars["gradient_norm"], [1, np.nan])
    np.testing.assert_array_equal(scalars["update_norm"], [0, 0])


def test_a_spike_is_said_once_a_step(tmp_path, caplog):
    random = np.random.default_rng(0)
    with caplog.at_level(logging.WARNING), GradientRecorder({"a": 50, "b": 50}, tmp_path / "gradients.h5") as recorder:
        for step in range(1, 180):
            a, b, weights = random.standard_normal((3, 50)).astype(np.float32)
            factor = 100 if step in (40, 150) else 1  # too early at 40
            recorder.record(step, 1, 0.5, [a, b * np.float32(factor)], [weights, weights])
            if step == 140:
                remembered = recorder.spikes.state()
                assert remembered["seen"] == 139
    named = [record.getMessage() for record in caplog.records]
    assert len(named) == len({text.split(":")[0] for text in named})
    at_150 = next(text for text in named if text.startswith("step 150:"))
    assert "gradient_norm of b is" in at_150 and "gradient_norm of a" not in at_150
    assert not any(text.startswith("step 40:") for text in named)
