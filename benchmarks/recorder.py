"""python -m benchmarks.recorder : what recording every gradient costs, beside bare training and a list-based callback.

Two minutes on 2 cores. Bare and recorded training take turns, an epoch of the sample each, and are compared by the
medians over turns, for other work on the machine slows both alike. Images and labels are random.
"""

import multiprocessing
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from stages.shared.card import Cnn, Mlp
from stages.train.history import History
from stages.train.recorder import GradientRecorder

BATCH, STEPS, TURNS = 128, 32, 10
CNN = Cnn(
    name="cifar10-cnn",
    framework="keras",
    dataset="cifar10",
    input=[32, 32, 3],
    convolutions=[32, 64, 128],
    dense=[256],
    seed=0,
)
MLP = Mlp(
    name="mnist-mlp",
    framework="torch",
    dataset="mnist",
    input=[28, 28, 1],
    layers=[512, 256, 128],
    batch_norm=True,
    seed=0,
)
SETTINGS = CNN.recorder.model_dump()


class TimedRecorder(GradientRecorder):
    """A recorder that notes how many milliseconds each step takes it."""

    def __init__(self, *arguments, **settings):
        super().__init__(*arguments, **settings)
        self.milliseconds = []

    def record(self, *step):
        begin = time.perf_counter()
        super().record(*step)
        self.milliseconds.append((time.perf_counter() - begin) * 1e3)


class ListRecorder:
    """The peer, after the original study's callback: turns every gradient and weight into a Python float at every step,
    and compares them one by one. No averages, no other edges."""

    def __init__(self):
        self.before, self.milliseconds = None, []

    def record(self, gradients, weights):
        begin = time.perf_counter()
        now = [[value for array in arrays for value in array.flatten().tolist()] for arrays in (gradients, weights)]
        if self.before:
            self.counts = [count_lists(*self.before, *now, threshold) for threshold in SETTINGS["watch"]]
            self.milliseconds.append((time.perf_counter() - begin) * 1e3)
        self.before = now


def count_lists(g_before, w_before, g_now, w_now, threshold):
    """Zeros, retained, released, minima and maxima of the retained, and their weights' movement, element by element."""
    zeros = retained = released = minima = maxima = 0
    moved = 0.0
    for g0, w0, g1, w1 in zip(g_before, w_before, g_now, w_now, strict=True):
        zeros += abs(g1) <= threshold
        if abs(g0) <= threshold:
            if abs(g1) > threshold:
                released += 1
                continue
            retained += 1
            moved += (w1 - w0) ** 2
            if g0 * g1 < 0:
                slope = (w1 - w0) * (g1 - g0)
                minima += slope > 0
                maxima += slope < 0
    return zeros, retained, released, minima, maxima, moved**0.5


def compare_keras():
    """Milliseconds: turns (TURNS, 2, 2) of a step of the bare and the recorded `fit`; the recorder's and the peer's own."""
    from stages.shared.keras_network import build, keras, tf
    from stages.train.keras_training import OptimizationInsightCallback

    def compiled(model):
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss, metrics=["accuracy"], jit_compile=False)
        return model

    tf.config.experimental.enable_op_determinism()
    generator = np.random.default_rng(0)
    images = generator.random((BATCH * STEPS, *CNN.input), np.float32)
    labels = generator.integers(0, 10, len(images))
    plain, recorded = build(CNN, 10), compiled(build(CNN, 10))
    bare = compiled(keras.Model(plain.inputs, plain.outputs))
    recorded.keep_gradients()
    recorded.keep_gradients = lambda: None  # once for all turns: the training step is compiled with them
    sizes = {weight.path.replace("/", "."): int(np.prod(weight.shape)) for weight in recorded.trainable_weights}
    fit = {"x": images, "y": labels, "batch_size": BATCH, "shuffle": False, "verbose": 0}
    with tempfile.TemporaryDirectory() as folder, TimedRecorder(f"{folder}/keras.h5", sizes, **SETTINGS) as recorder:
        insight = OptimizationInsightCallback(recorder, History(Path(folder), TURNS))
        turns = take_turns(
            lambda turn: bare.fit(**fit),
            lambda turn: recorded.fit(**fit, callbacks=[insight], initial_epoch=turn, epochs=turn + 1),
        )
    lists = ListRecorder()
    fit |= {"x": images[:BATCH], "y": labels[:BATCH]}
    for _ in range(4):
        weights = [weight.numpy() for weight in recorded.trainable_weights]
        recorded.fit(**fit)
        lists.record([gradient.numpy() for gradient in recorded.step_gradients], weights)
    return turns, recorder.milliseconds[STEPS:], lists.milliseconds


def compare_torch():
    """Milliseconds: turns (TURNS, 2, 2) of a step of the bare and the recorded loop; the recorder's own."""
    import torch

    from stages.shared.torch_network import build
    from stages.train.torch_training import GradientCallback, Trainer

    def trainer(*callbacks):
        model = build(MLP, 10)
        return Trainer(model, torch.optim.Adam(model.parameters()), callbacks)

    generator = torch.Generator().manual_seed(0)
    images = torch.rand((STEPS, BATCH, 1, 28, 28), generator=generator)
    batches = list(zip(images, torch.randint(10, (STEPS, BATCH), generator=generator), strict=True))
    sizes = {name: parameter.numel() for name, parameter in build(MLP, 10).named_parameters()}
    with tempfile.TemporaryDirectory() as folder, TimedRecorder(f"{folder}/torch.h5", sizes, **SETTINGS) as recorder:
        bare, recorded = trainer(), trainer(GradientCallback(recorder, History(Path(folder), TURNS)))
        turns = take_turns(lambda turn: bare.train_epoch(batches), lambda turn: recorded.train_epoch(batches))
    return turns, recorder.milliseconds[STEPS:]


def take_turns(*contestants):
    """Milliseconds of a step (TURNS, contestants, 2) by the clock and of processor time, summed over threads.

    Each contestant takes STEPS steps when called with the turn's number; a first turn, in which everything is
    compiled, is left out.
    """
    return np.array([[measure(contestant, turn) for contestant in contestants] for turn in range(TURNS + 1)])[1:]


def measure(contestant, turn):
    clock, processor = time.perf_counter(), time.process_time()
    contestant(turn)
    return (time.perf_counter() - clock) / STEPS * 1e3, (time.process_time() - processor) / STEPS * 1e3


def in_own_process(function):
    """What `function` returns in a process of its own: TensorFlow and PyTorch in one process crash each other."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function)


def report_pair(name, turns, own):
    """Print a comparison, and return the overhead by the clock in percent."""
    medians = np.median(turns, 0)
    overhead = 100 * (medians[1] / medians[0] - 1)
    print(f"{name}, batch {BATCH}, a step in ms: medians of {TURNS} turns    by the clock   processor time")
    for line, (clock, processor) in zip(("bare", "every gradient recorded"), medians, strict=True):
        print(f"    {line:<55} {clock:13.2f} {processor:16.2f}")
    print(f"    {'overhead in %':<55} {overhead[0]:13.1f} {overhead[1]:16.1f}")
    print(f"    {'of it in GradientRecorder.record':<55} {np.median(own):13.2f}")
    return overhead[0]


def main():
    """Run the comparisons and print them; ends with status 1 if a bar is missed."""
    turns, own, lists = in_own_process(compare_keras)
    torch_results = in_own_process(compare_torch)
    overhead = report_pair("Keras, cifar10-cnn", turns, own)
    cheaper = np.median(lists) / np.median(own)
    print(f"    {f'in a list-based callback, {cheaper:.0f} times as much':<55} {np.median(lists):13.2f}")
    report_pair("PyTorch, mnist-mlp", *torch_results)
    bars = {"Keras overhead at most 10 %": overhead <= 10, "lists at least 100 times the recorder": cheaper >= 100}
    for bar, passed in bars.items():
        print(f"{'pass' if passed else 'FAIL'}: {bar}")
    sys.exit(not all(bars.values()))


if __name__ == "__main__":
    main()
