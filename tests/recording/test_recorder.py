"""The gradient recorder against pure Python and NumPy oracles, and against closed forms."""

import math
import signal
import tracemalloc
from fractions import Fraction

import h5py
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drillcore.artifacts.gradients import SCALARS, Gradients
from drillcore.base.errors import InputError
from drillcore.recording.kernel import BLOCK, SMALLEST_NORMAL
from drillcore.recording.recorder import PIECE, GradientRecorder, transitions
from drillcore.recording.threshold import statistics
from tests.processes import run

DECADES = [float(f"1e{k}") for k in range(-10, 1)]
CLOSE = [1e-45, 1e-7, 1.0, 1.0 + 2**-52, 1.0000001, 1.0000002, 3e38, 1e300]  # many in one cell of the table
BEYOND = [float("inf"), float("nan"), 0.0, -0.0, 1e-45, 1e-40, 3.4e38]


def single(value):
    with np.errstate(over="ignore"):
        return np.float32(value)


def specials(edges):
    """Every edge in float32, the numbers beside it, and what else may go wrong, of both signs."""
    beside = [single(edge) for edge in edges if edge < 3.4e38]
    beside += [np.nextafter(edge, np.float32(to)) for edge in beside for to in (0, np.inf)]
    return sorted({float(sign * value) for value in [*beside, *map(single, BEYOND)] for sign in (1, -1)}, key=repr)


def bin_in_python(gradient, edges):
    return 0 if gradient == 0 else 1 + sum(edge < abs(gradient) for edge in edges)


def transitions_in_python(g_before, g_now, w_before, w_now, edges):
    """The contract's words, one parameter at a time, signs in exact arithmetic."""
    bins = len(edges) + 2
    counts, changes = np.zeros((bins, bins, 4), int), [[([], []) for _ in range(bins)] for _ in range(bins)]
    for g0, g1, w0, w1 in zip(*(map(float, values) for values in (g_before, g_now, w_before, w_now)), strict=True):
        if math.isnan(g0) or math.isnan(g1) or not math.isfinite(w1 - w0):
            continue
        row, column = bin_in_python(g0, edges), bin_in_python(g1, edges)
        crossing = 0
        if g0 < 0 < g1 or g1 < 0 < g0:
            product = (Fraction(w1) - Fraction(w0)) * (1 if g1 > g0 else -1)
            crossing = 3 if product == 0 else 1 if product > 0 else 2
        counts[row, column, crossing] += 1
        changes[row][column][0].append(abs(w1 - w0))
        changes[row][column][1].append((w1 - w0) ** 2)
    return counts, np.array([[[math.fsum(terms) for terms in cell] for cell in row] for row in changes])


def transitions_in_numpy(g_before, g_now, w_before, w_now, edges):
    """The same on float64 arrays, for what is too long for Python."""
    bins, rows, columns = len(edges) + 2, *(bins_in_numpy(g, edges) for g in (g_before, g_now))
    change = w_now - w_before
    flipped = np.sign(g_before) * np.sign(g_now) < 0
    product = np.sign(change) * np.sign(g_now - g_before)
    crossing = np.where(flipped, np.select([product > 0, product < 0], [1, 2], 3), 0)
    counts, weight_change = np.zeros((bins, bins, 4), int), np.zeros((bins, bins, 2))
    np.add.at(counts, (rows, columns, crossing), 1)
    np.add.at(weight_change, (rows, columns), np.stack([np.abs(change), change**2], 1))
    return counts, weight_change


def bins_in_numpy(gradients, edges):
    return np.searchsorted([0.0, *edges], np.abs(gradients), side="left")


def random_training(steps, sizes, seed=0, zeros=0.2):
    """Gradients and weights (steps) of lists of float32 arrays, many gradients exactly zero."""
    generator = np.random.default_rng(seed)

    def tensor(size):
        gradient = generator.normal(size=size) * 10.0 ** generator.uniform(-11, 1, size)
        return (gradient * (generator.random(size) > zeros)).astype(np.float32)

    gradients = [[tensor(size) for size in sizes] for _ in range(steps)]
    weights = [[generator.normal(size=size).astype(np.float32) for size in sizes] for _ in range(steps)]
    return gradients, weights


def record(path, gradients, weights, edges=DECADES, epoch_length=10**9, **settings):
    tensors = {f"tensor{index}": array.size for index, array in enumerate(gradients[0])}
    with GradientRecorder(tensors, path, edges, **settings) as recorder:
        for index, arrays in enumerate(zip(gradients, weights, strict=True)):
            epoch = 1 + index // epoch_length
            recorder.record(1 + index, epoch, index / 8, *arrays)
            if (index + 1) % epoch_length == 0:
                recorder.end_epoch(epoch)
    return path


def doubles(arrays):
    return [array.astype(np.float64) for array in arrays]


@st.composite
def steps_of_parameters(draw):
    edges = draw(st.sampled_from([DECADES, CLOSE, [1e-5]]))
    values = st.sampled_from(specials(edges)) | st.floats(width=32)
    length = draw(st.integers(0, 30))
    arrays = [draw(st.lists(values, min_size=length, max_size=length)) for _ in range(4)]
    return edges, [np.array(array, np.float32) for array in arrays]


@given(steps_of_parameters())
@settings(max_examples=300, deadline=None)
def test_transitions_are_those_of_the_definition(step):
    edges, arrays = step
    counts, weight_change = transitions(*arrays, edges)
    expected_counts, expected_change = transitions_in_python(*arrays, edges)
    assert counts.dtype == np.uint32 and weight_change.dtype == np.float64
    np.testing.assert_array_equal(counts, expected_counts)
    np.testing.assert_allclose(weight_change, expected_change, rtol=1e-13)


@pytest.mark.parametrize("edges", [DECADES, CLOSE, [1e-5]], ids=["decades", "close", "one"])
def test_every_edge_and_its_neighbours_fall_right(edges):
    values = np.array([value for value in specials(edges) if value == value], np.float32)
    counts, _ = transitions(values, values, *np.zeros((2, len(values)), np.float32), edges)
    expected = np.bincount([bin_in_python(float(value), edges) for value in values], minlength=len(edges) + 2)
    np.testing.assert_array_equal(counts[..., 0].diagonal(), expected)
    assert counts.sum() == expected.sum()


def test_tiny_moves_still_have_a_sign():
    tiny = np.float32([1e-45])
    counts, weight_change = transitions(-tiny, tiny, 0 * tiny, tiny, DECADES)
    assert counts[1, 1].tolist() == [0, 1, 0, 0]
    assert weight_change[1, 1, 1] == float(tiny[0]) ** 2 > 0


def test_long_tensors_agree_with_numpy_and_lose_nothing():
    size = 3 * BLOCK + 17
    (before, now), (w_before, w_now) = random_training(2, [size])
    arrays = [before[0], now[0], w_before[0], w_now[0]]
    counts, weight_change = transitions(*arrays, DECADES)
    expected_counts, expected_change = transitions_in_numpy(*doubles(arrays), DECADES)
    np.testing.assert_array_equal(counts, expected_counts)
    np.testing.assert_allclose(weight_change, expected_change, rtol=1e-12)
    assert counts.sum() == size and np.count_nonzero(counts) > 100


@pytest.mark.parametrize(
    "arguments, words",
    [
        (([0.0], [0.0], [0.0], [0.0]), "g_before should hold 1 float32 values, but holds 1 of float64"),
        ((np.float32([1, 2]), *np.float32([[1], [1], [1]])), "g_before should hold 1 float32 values, but holds 2"),
    ],
)
def test_wrong_arrays_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        transitions(*arguments, DECADES)


@pytest.mark.parametrize("edges", [[], [1e-5, 1e-7], [0.0, 1.0], [1.0, 1.0], [1.0, math.inf], [math.nan]])
def test_wrong_edges_are_refused(edges):
    with pytest.raises(ValueError, match="bin edges must be"):
        transitions(*np.zeros((4, 1), np.float32), edges)


def test_file_holds_the_contract(tmp_path):
    sizes = [PIECE + 3 * BLOCK + 5, 1, 30]
    gradients, weights = random_training(7, sizes)
    with h5py.File(record(tmp_path / "gradients.h5", gradients, weights, epoch_length=3, watch=[1e-7])) as file:
        assert file.attrs["bin_edges"].tolist() == DECADES
        assert list(file.attrs["tensors"]) == ["tensor0", "tensor1", "tensor2"]
        assert file.attrs["sizes"].tolist() == sizes
        assert file["loss"][:].tolist() == [step / 8 for step in range(7)]
        for kind in ("raw", "ema"):
            assert file[f"{kind}/step"][:].tolist() == [2, 3, 4, 5, 6, 7]
            assert file[f"{kind}/epoch"][:].tolist() == [1, 1, 2, 2, 2, 3]
            assert file[f"{kind}/counts"].dtype == np.uint32 and file[f"{kind}/weight_change"].dtype == np.float64
            assert file[f"{kind}/counts"].shape == (6, 3, 13, 13, 4)
            assert file[f"{kind}/weight_change"].shape == (6, 3, 13, 13, 2)
            np.testing.assert_array_equal(file[f"{kind}/counts"][:].sum((2, 3, 4)), [sizes] * 6)
        for step in range(1, 7):
            for tensor in range(3):
                arrays = [values[t][tensor] for values in (gradients, weights) for t in (step - 1, step)]
                counts, weight_change = transitions_in_numpy(*doubles(arrays), DECADES)
                np.testing.assert_array_equal(file["raw/counts"][step - 1, tensor], counts)
                np.testing.assert_allclose(file["raw/weight_change"][step - 1, tensor], weight_change, rtol=1e-12)
        assert sorted(file["snapshots"]) == ["001", "002"]
        for epoch, step in (("001", 2), ("002", 5)):
            for tensor in range(3):
                values = gradients[step][tensor]
                snapshot = file[f"snapshots/{epoch}/tensor{tensor}"]
                assert snapshot.dtype == np.int8
                np.testing.assert_array_equal(snapshot[:], np.sign(values) * bins_in_numpy(values, DECADES))


def test_a_snapshot_is_of_the_last_step_where_that_is_not_counted(tmp_path):
    gradients, weights = random_training(5, [BLOCK + 5])
    with h5py.File(record(tmp_path / "gradients.h5", gradients, weights, epoch_length=5, every=4)) as file:
        assert file["raw/step"][:].tolist() == [4]
        expected = np.sign(gradients[4][0]) * bins_in_numpy(gradients[4][0], DECADES)
        np.testing.assert_array_equal(file["snapshots/001/tensor0"][:], expected)


def test_averages_are_the_recursion(tmp_path):
    gradients, weights = random_training(15, [400], zeros=0.5)
    averages = []
    for values in (gradients, weights):
        mean = values[0][0].astype(np.float64)
        averages.append([mean])
        for (value,) in values[1:]:
            mean = 0.9 * mean + 0.1 * value.astype(np.float64)
            averages[-1].append(mean)
    with h5py.File(record(tmp_path / "gradients.h5", gradients, weights)) as file:
        crossings = file["ema/counts"][:].sum((0, 1, 2, 3))
        assert crossings[1] > 50 and crossings[2] > 50
        for step in range(1, 15):
            arrays = [values[t] for values in averages for t in (step - 1, step)]
            counts, weight_change = transitions_in_numpy(*arrays, DECADES)
            np.testing.assert_array_equal(file["ema/counts"][step - 1, 0], counts)
            np.testing.assert_allclose(file["ema/weight_change"][step - 1, 0], weight_change, rtol=1e-9)


def test_a_dead_gradients_average_ends_at_zero_and_never_in_slow_numbers(tmp_path):
    means, weight = [], np.float32([0])
    with GradientRecorder({"dead": 1}, tmp_path / "gradients.h5", DECADES) as recorder:
        for step in range(7000):
            recorder.record(step, 1, 0.0, [np.float32([step == 0])], [weight])
            means.append(recorder.states[0].average_gradient[0])
    assert means[-1] == 0
    assert min(mean for mean in means if mean) >= SMALLEST_NORMAL
    np.testing.assert_allclose(means[:2000], 0.9 ** np.arange(2000), rtol=1e-12)


@pytest.mark.parametrize(("every", "starts"), [(1, [6, 11, 16]), (2, [6, 11, 16]), (3, [6, 11, 16]), (7, [11])])
def test_epochs_start_where_they_did_whichever_steps_were_recorded(tmp_path, every, starts):
    gradients, weights = random_training(20, [3])
    with Gradients(record(tmp_path / "gradients.h5", gradients, weights, epoch_length=5, every=every)) as file:
        assert file.epoch_starts.tolist() == starts


def test_epochs_of_several_lengths_start_at_their_first_recorded_step(tmp_path):
    gradients, weights = random_training(7, [3])
    with GradientRecorder({"a": 3}, tmp_path / "gradients.h5", every=2) as recorder:
        for step, (gradient, weight) in enumerate(zip(gradients, weights, strict=True), 1):
            recorder.record(step, 1 if step < 3 else 2, 0.5, gradient, weight)
    with Gradients(tmp_path / "gradients.h5") as file:
        assert (file.step().tolist(), file.epoch_starts.tolist()) == ([2, 4, 6], [4])


@pytest.mark.parametrize("every", [2, 3, 7])
def test_every_kth_step_is_a_subset_of_every_step(tmp_path, every):
    gradients, weights = random_training(20, [50, 3])
    whole = record(tmp_path / "whole.h5", gradients, weights, epoch_length=5)
    part = record(tmp_path / "part.h5", gradients, weights, epoch_length=5, every=every)
    with h5py.File(whole) as whole, h5py.File(part) as part:
        rows = np.flatnonzero(whole["raw/step"][:] % every == 0)
        assert part["raw/step"][:].tolist() == list(range(every, 21, every))
        for kind in ("raw", "ema"):
            for name in ("counts", "weight_change", "step", "epoch"):
                np.testing.assert_array_equal(part[f"{kind}/{name}"][:], whole[f"{kind}/{name}"][:][rows])
        np.testing.assert_array_equal(part["loss"][:], whole["loss"][:])
        for epoch in ("001", "002", "003", "004"):
            np.testing.assert_array_equal(part[f"snapshots/{epoch}/tensor0"][:], whole[f"snapshots/{epoch}/tensor0"][:])


def test_same_input_gives_the_same_bytes_with_any_number_of_threads(tmp_path):
    gradients, weights = random_training(45, [2 * PIECE + 100, 10, PIECE])
    paths = [
        record(tmp_path / f"{threads}-{run}.h5", gradients, weights, epoch_length=5, threads=threads)
        for threads in (1, 2, 3)
        for run in (1, 2)
    ]
    assert len({path.read_bytes() for path in paths}) == 1


def test_read_only_arrays_are_read_and_none_is_kept(tmp_path):
    gradients, weights = random_training(10, [50000])
    kept = record(tmp_path / "kept.h5", gradients, weights)
    with GradientRecorder({"tensor0": 50000}, tmp_path / "overwritten.h5", DECADES) as recorder:
        for step in range(10):
            arrays = gradients[step] + weights[step]
            for array in arrays:
                array.flags.writeable = False
            recorder.record(step + 1, 1, step / 8, arrays[:1], arrays[1:])
            for array in arrays:
                array.flags.writeable = True
                array[:] = np.nan
    assert kept.read_bytes() == (tmp_path / "overwritten.h5").read_bytes()


def test_more_steps_than_a_chunk_are_all_there(tmp_path):
    gradients, weights = random_training(5, [20])
    path = record(tmp_path / "gradients.h5", gradients * 160, weights * 160)
    with h5py.File(path) as file:
        counts = file["raw/counts"]
        assert counts.chunks[0] < len(counts) == 799
        np.testing.assert_array_equal(counts[5:], counts[:-5])
        assert (counts[:].sum((1, 2, 3, 4)) == 20).all() and counts[0].tolist() != counts[1].tolist()


@pytest.mark.parametrize("steps", [0, 1])
def test_a_training_without_a_transition_leaves_an_empty_record(tmp_path, steps):
    gradients, weights = random_training(1, [4])
    with GradientRecorder({"weight": 4}, tmp_path / "gradients.h5", DECADES, watch=[1e-7]) as recorder:
        for step in range(steps):
            recorder.record(step + 1, 1, 0.5, gradients[0], weights[0])
        assert recorder.watched() == {}
    with h5py.File(tmp_path / "gradients.h5") as file:
        assert file["raw/counts"].shape == (0, 1, 13, 13, 4) and file["raw/step"].shape == (0,)
        assert file["raw/nonfinite"].shape == (0, 1) and file["loss"].shape == (steps,)


def test_not_a_number_is_counted_apart_and_poisons_nothing(tmp_path, caplog):
    good, nan, inf = np.float32([5e-4, -5e-4, 5e-4]), np.float32(np.nan), np.float32(np.inf)
    gradients = [good, np.float32([nan, -5e-4, inf]), np.float32([5e-4, -inf, 5e-4]), good, good]
    weights = [np.float32([step, step, nan if step == 4 else step]) for step in range(5)]
    path = record(tmp_path / "gradients.h5", [[g] for g in gradients], [[w] for w in weights], epoch_length=2)
    with h5py.File(path) as file:
        assert file["raw/nonfinite"][:].tolist() == [[2], [1], [0], [0]]
        assert file["raw/counts"][:].sum((1, 2, 3, 4)).tolist() == [2, 2, 3, 2]
        assert file["raw/counts"][0, 0, 8, 12].tolist() == [1, 0, 0, 0]  # 5e-4 to infinity
        assert file["ema/counts"][:].sum((1, 2, 3, 4)).tolist() == [
            3,
            3,
            3,
            2,
        ]  # averages skip the gradients, not the weight
        assert np.isfinite(file["raw/weight_change"][:]).all() and np.isfinite(file["ema/weight_change"][:]).all()
        assert file["snapshots/001/tensor0"][:].tolist() == [-128, -8, 12]
    assert caplog.messages == [
        "step 2: 2 of the gradients are NaN or Inf, first in tensor0; they are counted, not fatal"
    ]


def test_an_average_starts_at_the_first_finite_gradient(tmp_path):
    gradients = [[np.float32([value])] for value in (np.nan, np.inf, 5e-4, -1.0)]
    path = record(tmp_path / "gradients.h5", gradients, [[np.float32([step])] for step in range(4)])
    with h5py.File(path) as file:
        assert file["ema/counts"][:].sum((1, 2, 3, 4)).tolist() == [0, 0, 1]
        assert file["ema/counts"][2, 0, 8, 10].tolist() == [0, 0, 1, 0]  # 0.9 5e-4 - 0.1 is in (1e-2, 1e-1], weight up


@pytest.mark.parametrize("rate, flips", [(0.5, False), (0.99, False), (1.5, True), (1.9, True)])
@pytest.mark.parametrize("curvature", [1.0, -1.0], ids=["minimum", "maximum"])
def test_descent_on_a_quadratic_flips_beyond_the_inverse_curvature(tmp_path, rate, flips, curvature):
    scale = curvature * np.float32([0.25, 1, 8])
    weight, gradients, weights = np.float32([1, -2, 3]), [], []
    for _ in range(20):
        gradients.append([scale * weight])
        weights.append([weight])
        weight = weight - np.float32(rate) * weight  # every coordinate at rate / curvature, uphill to a maximum
    with h5py.File(record(tmp_path / "gradients.h5", gradients, weights)) as file:
        crossings = file["raw/counts"][:].sum((1, 2, 3))
    expected = [0, 3, 0, 0] if curvature > 0 else [0, 0, 3, 0]
    assert crossings.tolist() == [expected if flips else [3, 0, 0, 0]] * 19


def test_noise_flips_half_the_time_and_turns_at_two_thirds(tmp_path):
    """The signs of iid noise are coin flips; the differences of iid noise flip at its turning points, of which n points
    have 2 (n - 2) / 3 on average with variance (16 n - 29) / 90 (Bienayme)."""
    points, size = 60, 500
    noise = np.random.default_rng(0).normal(size=(points, size)).astype(np.float32)
    rising = [[np.full(size, step, np.float32)] for step in range(points)]
    with h5py.File(record(tmp_path / "noise.h5", [[row] for row in noise], rising)) as file:
        flips = file["raw/counts"][..., 1:].sum()
    tosses = size * (points - 1)
    assert abs(flips - tosses / 2) < 4 * math.sqrt(tosses / 4)
    differences = [[row] for row in np.diff(noise, axis=0)]
    with h5py.File(record(tmp_path / "differences.h5", differences, rising[1:])) as file:
        minima, maxima, still = file["raw/counts"][..., 1:].sum((0, 1, 2, 3)).tolist()
    deviation = math.sqrt(size * (16 * points - 29) / 90)
    assert abs(minima + maxima - size * 2 * (points - 2) / 3) < 4 * deviation
    assert abs(minima - maxima) <= size and still == 0  # along a rising path minima and maxima alternate


def test_watched_are_the_statistics_of_the_last_recorded_step(tmp_path):
    gradients, weights = random_training(5, [300, 40])
    watched = []
    with GradientRecorder({"a": 300, "b": 40}, tmp_path / "gradients.h5", every=2, watch=[1e-7, 1e-5]) as recorder:
        for step in range(5):
            recorder.record(step + 1, 1, 0.0, gradients[step], weights[step])
            watched.append(recorder.watched())
    assert [bool(values) for values in watched] == [False, True, False, True, False]
    assert "near_zero_1e-07/flips" in watched[1]
    with h5py.File(tmp_path / "gradients.h5") as file:
        counts, change = file["raw/counts"][1].sum(0), file["raw/weight_change"][1].sum(0)
        norm = np.sqrt(sum(np.sum(np.float64(gradient) ** 2) for gradient in gradients[3]))
        np.testing.assert_allclose(watched[3].pop("step_scalars/gradient_norm"), norm, rtol=1e-12)
        assert [tag for tag in watched[3] if "step_scalars/" in tag] == [f"step_scalars/{name}" for name in SCALARS[1:]]
    for tag, value in watched[3].items():
        if tag.startswith("step_scalars/"):
            continue
        threshold, name = tag.removeprefix("near_zero_").split("/")
        assert value == statistics(counts, change, DECADES, float(threshold))[name]


def test_any_shape_and_layout_is_read(tmp_path):
    gradients, weights = random_training(3, [24])
    flat = record(tmp_path / "flat.h5", gradients, weights)

    def shaped(arrays):
        spread = np.zeros((4, 6, 2), np.float32)
        spread[..., 0] = arrays[0].reshape(4, 6)
        return [spread[..., 0]]

    shaped_path = record(tmp_path / "shaped.h5", list(map(shaped, gradients)), list(map(shaped, weights)))
    assert flat.read_bytes() == shaped_path.read_bytes()


def test_a_step_allocates_nothing_of_the_parameters_size(tmp_path):
    size = 1 << 18
    gradients, weights = random_training(3, [size])
    with GradientRecorder({"weight": size}, tmp_path / "gradients.h5", DECADES) as recorder:
        for step in range(2):
            recorder.record(step, 1, 0.0, gradients[step], weights[step])
        tracemalloc.start()
        recorder.record(2, 1, 0.0, gradients[2], weights[2])
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < size / 4


def test_mistakes_are_refused_and_leave_no_file(tmp_path):
    path, one = tmp_path / "gradients.h5", [np.zeros(3, np.float32)]
    with pytest.raises(InputError, match="take 1e-07 and 1e-06"):
        GradientRecorder({"weight": 3}, path, DECADES, watch=[5e-7])
    for arguments, words in (
        (
            (2, 1, 0.0, [np.zeros(3)], one),
            "the gradient of weight should hold 3 float32 values, but holds 3 of float64",
        ),
        ((2, 1, 0.0, one, [np.zeros(2, np.float32)]), "the weight weight should hold 3 float32 values, but holds 2"),
        ((2, 1, 0.0, one * 2, one), "argument"),
        ((3, 1, 0.0, one, one), "step 3 comes after step 1"),
    ):
        with pytest.raises(ValueError, match=words), GradientRecorder({"weight": 3}, path, DECADES) as recorder:
            recorder.record(1, 1, 0.0, one, one)
            recorder.record(*arguments)
        assert list(tmp_path.iterdir()) == []


def test_a_killed_training_leaves_no_file_under_its_final_name(tmp_path):
    path = tmp_path / "gradients.h5"
    killed = run("tests.recording.child_killed_recorder", path)
    assert killed.returncode == -signal.SIGKILL
    assert not path.exists()


def test_a_fresh_process_compiles_nothing_and_loads_no_framework(tmp_path):
    for _ in range(2):  # the first may have to compile
        fresh = run("tests.recording.child_fresh_recorder", tmp_path / "gradients.h5")
    assert fresh.stdout.split() == ["0", "0"]


@given(st.integers(0, 2**32 - 1))
@example(0)
@settings(max_examples=20, deadline=None)
def test_what_is_left_out_is_what_is_not_finite(seed):
    generator = np.random.default_rng(seed)
    arrays = generator.normal(size=(4, 200)).astype(np.float32)
    arrays[generator.random(arrays.shape) < 0.1] = np.nan
    counts, _ = transitions(*arrays, DECADES)
    assert counts.sum() == np.isfinite(arrays).all(0).sum()


def test_recorder_says_what_it_holds(tmp_path):
    recorder = GradientRecorder({"<w>": 1200, "b": 3}, tmp_path / "g.h5")
    assert repr(recorder).endswith("state: not begun, tensors: 2, parameters: 1,203, steps: 0, epochs: 0)")
    gradients = [np.zeros(1200, np.float32), np.zeros(3, np.float32)]
    with recorder:
        for step in (1, 2):
            recorder.record(step, 1, 0.5, gradients, gradients)
        recorder.end_epoch(1)
        assert "state: open" in repr(recorder) and "steps: 2, epochs: 1" in repr(recorder)
    assert f"path: {tmp_path / 'g.h5'}, state: closed" in repr(recorder)
    assert "<th>parameters</th><td>1,203</td>" in recorder._repr_html_()
