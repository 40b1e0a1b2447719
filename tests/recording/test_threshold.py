"""The statistics of counted transitions against the same taken from the gradients themselves."""

import numpy as np
import pytest

from drillcore.base.errors import InputError
from drillcore.recording.recorder import transitions
from drillcore.recording.threshold import near_zero, statistics

EDGES = [float(f"1e{k}") for k in range(-10, 1)]


def random_step(size=4000, seed=0):
    """Gradients before and now, weights before and now: many near zero twice, many exactly zero."""
    generator = np.random.default_rng(seed)
    magnitudes = 10.0 ** generator.uniform(-11, 1, size)
    before, now = (magnitudes * generator.normal(size=size) * (generator.random(size) > 0.1) for _ in range(2))
    weights = generator.normal(size=(2, size))
    weights[1, ::5] = weights[0, ::5]
    return [array.astype(np.float32) for array in (before, now, *weights)]


def statistics_of_arrays(before, now, w_before, w_now, threshold):
    before, now, change = before.astype(float), now.astype(float), w_now.astype(float) - w_before.astype(float)
    near_before, near_now = abs(before) <= threshold, abs(now) <= threshold
    retained, released = near_before & near_now, near_before & ~near_now
    flipped = retained & (np.sign(before) * np.sign(now) == -1)
    slope = np.sign(change) * np.sign(now - before)
    return {
        "counted": len(now),
        "exact_zeros": (now == 0).sum(),
        "zeros": near_now.sum(),
        "retained": retained.sum(),
        "released": released.sum(),
        "fraction_released": released.sum() / near_before.sum(),
        "flips": flipped.sum(),
        "fraction_flipped": flipped.sum() / retained.sum(),
        "minima": (flipped & (slope > 0)).sum(),
        "maxima": (flipped & (slope < 0)).sum(),
        "weight_change": np.linalg.norm(change[retained]),
        "mean_abs_change": abs(change[retained]).mean(),
    }


@pytest.mark.parametrize("threshold", EDGES)
def test_statistics_at_every_edge_are_those_of_the_gradients(threshold):
    step = random_step()
    found = statistics(*transitions(*step, EDGES), EDGES, threshold)
    expected = statistics_of_arrays(*step, threshold)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-12), name
    assert found["minima"] > 5 and found["maxima"] > 5 and found["flips"] > found["minima"] + found["maxima"]


def test_leading_axes_are_kept():
    singles = [transitions(*random_step(200, seed), EDGES) for seed in range(6)]
    counts, weight_change = (np.stack(arrays).reshape(2, 3, *arrays[0].shape) for arrays in zip(*singles, strict=True))
    together = statistics(counts, weight_change, EDGES, 1e-5)
    for position, single in zip(np.ndindex(2, 3), singles, strict=True):
        for name, value in statistics(*single, EDGES, 1e-5).items():
            assert together[name][position] == value


def test_a_fraction_of_none_is_not_a_number():
    step = np.float32([[1.0], [2.0], [0.0], [0.0]])
    found = statistics(*transitions(*step, EDGES), EDGES, 1e-7)
    assert found["zeros"] == found["retained"] == found["released"] == found["weight_change"] == 0
    assert all(np.isnan(found[name]) for name in ("fraction_released", "fraction_flipped", "mean_abs_change"))


def test_sums_beyond_32_bits_do_not_wrap():
    counts, weight_change = np.zeros((3, 3, 4), np.uint32), np.zeros((3, 3, 2))
    counts[:2, :2] = 2**31
    found = statistics(counts, weight_change, [1e-7], 1e-7)
    assert found["zeros"] == found["retained"] == 16 * 2**31 and found["flips"] == 12 * 2**31


@pytest.mark.parametrize(
    "threshold, nearest",
    [(5e-7, "take 1e-07 and 1e-06,"), (1e-11, "take 1e-10,"), (2.0, "take 1,"), (np.nextafter(1e-7, 1), "1e-07 and")],
)
def test_a_threshold_on_no_edge_is_refused_with_the_nearest(threshold, nearest):
    with pytest.raises(InputError, match=nearest):
        near_zero(EDGES, threshold)
