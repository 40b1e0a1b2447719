"""python -m benchmarks.recorder : what recording every gradient costs, beside bare training and a list-based callback.

Two minutes on 2 cores. Bare and recorded training take turns of a few steps and are compared by the
medians over turns, for other work on the machine slows both alike. Images are noise, brighter for a higher label.
"""

import multiprocessing
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from drillcore.recording.recorder import GradientRecorder
from stages.rig.card import Cnn, Mlp
from stages.rig.training.history import History

BATCH, STEPS, TURNS = 128, 16, 30
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


def timing(recorder):
    """The list, empty yet, of what each step will take `recorder`."""
    times, record = [], recorder.record

    def timed_record(*arguments):
        with timed(times):
            record(*arguments)

    recorder.record = timed_record
    return times


@contextmanager
def timed(times):
    """Append to `times` the milliseconds that the block takes: by the clock, and of processor time in all threads."""
    clock, processor = time.perf_counter(), time.process_time()
    yield
    times.append([(time.perf_counter() - clock) * 1e3, (time.process_time() - processor) * 1e3])


class ListRecorder:
    """The peer, after the original study's callback: turns every gradient and weight into a Python float at every step,
    and goes through the lists for each statistic. No averages, no other thresholds."""

    def __init__(self):
        self.before, self.times = None, []

    def record(self, gradients, weights):
        with timed(self.times):
            now = [[value for array in arrays for value in array.flatten().tolist()] for arrays in (gradients, weights)]
            if self.before:
                self.statistics = [list_statistics(*self.before, *now, threshold) for threshold in SETTINGS["watch"]]
            self.before = now


def list_statistics(g_before, w_before, g_now, w_now, threshold):
    """Zeros, retained, released, flips, minima, maxima, and how far the weights of the retained moved."""
    near_before = [abs(g) <= threshold for g in g_before]
    near_now = [abs(g) <= threshold for g in g_now]
    retained = [before and now for before, now in zip(near_before, near_now, strict=True)]
    released = [before and not now for before, now in zip(near_before, near_now, strict=True)]
    gradient_steps = [now - before for before, now in zip(g_before, g_now, strict=True)]
    weight_steps = [now - before for before, now in zip(w_before, w_now, strict=True)]
    flips = [kept and before * now < 0 for kept, before, now in zip(retained, g_before, g_now, strict=True)]
    slopes = [dw * dg for dw, dg in zip(weight_steps, gradient_steps, strict=True)]
    minima = sum(flip and slope > 0 for flip, slope in zip(flips, slopes, strict=True))
    maxima = sum(flip and slope < 0 for flip, slope in zip(flips, slopes, strict=True))
    moved = sum(dw * dw for dw, kept in zip(weight_steps, retained, strict=True) if kept) ** 0.5
    return sum(near_now), sum(retained), sum(released), sum(flips), minima, maxima, moved


def compare_keras():
    """Milliseconds: turns (TURNS, 2, 2) of a step of the bare and the recorded `fit`; the recorder's and the peer's."""
    from drillcore.frameworks.keras import keras, tf
    from stages.rig.keras.network import build
    from stages.rig.keras.training import OptimizationInsightCallback

    def compiled(model):
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss, metrics=["accuracy"], jit_compile=False)
        return model

    tf.config.experimental.enable_op_determinism()
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 10, BATCH * STEPS)
    images = (
        generator.random((len(labels), *CNN.input), np.float32) * (labels.reshape(-1, 1, 1, 1) + 1) / np.float32(10)
    )
    bare, recorded = compiled(build(CNN, 10)), compiled(build(CNN, 10))
    fit = {"x": images, "y": labels, "batch_size": BATCH, "shuffle": False, "verbose": 0}
    lists = ListRecorder()
    with tempfile.TemporaryDirectory() as folder:
        insight = OptimizationInsightCallback(f"{folder}/keras.h5", History(Path(folder), TURNS), **SETTINGS)
        insight.set_model(recorded)
        insight.on_train_begin()
        end, times = insight.on_train_end, timing(insight.recorder)
        # Once for all turns, for the training step is compiled there.
        insight.on_train_begin = insight.on_train_end = lambda logs=None: None
        turns = take_turns(
            lambda turn: bare.fit(**fit),
            lambda turn: recorded.fit(**fit, callbacks=[insight], initial_epoch=turn, epochs=turn + 1),
        )
        fit |= {"x": images[:BATCH], "y": labels[:BATCH]}
        for _ in range(4):
            weights = [weight.numpy() for weight in recorded.trainable_weights]
            recorded.fit(**fit)
            lists.record([gradient.numpy() for gradient in insight.gradients.values()], weights)
        end()
    return turns, times[STEPS:], lists.times[1:]


def compare_torch():
    """Milliseconds: turns (TURNS, 2, 2) of a step of the bare and the recorded loop; the recorder's."""
    import torch

    from stages.rig.torch.network import build
    from stages.rig.torch.training import GradientCallback, Trainer

    def trainer():
        model = build(MLP, 10)
        return Trainer(model, torch.optim.Adam(model.parameters()))

    generator = torch.Generator().manual_seed(0)
    images = torch.rand((STEPS, BATCH, 1, 28, 28), generator=generator)
    batches = list(zip(images, torch.randint(10, (STEPS, BATCH), generator=generator), strict=True))
    bare, recorded = trainer(), trainer()
    parameters = recorded.model.named_parameters()
    with (
        tempfile.TemporaryDirectory() as folder,
        GradientRecorder(parameters, f"{folder}/torch.h5", **SETTINGS) as recorder,
    ):
        recorded.callbacks.append(GradientCallback(recorder, History(Path(folder), TURNS)))
        times = timing(recorder)
        turns = take_turns(lambda turn: bare.train_epoch(batches), lambda turn: recorded.train_epoch(batches))
    return turns, times[STEPS:]


def take_turns(*contestants):
    """Milliseconds of a step (TURNS, contestants, 2), as `timed` takes them, of contestants who take STEPS steps when
    called with the turn's number, each turn in the other order. A first turn, in which everything is compiled, is left
    out."""
    turns = []
    for turn in range(TURNS + 1):
        times = {contestant: [] for contestant in contestants}
        for contestant in contestants[:: (-1) ** turn]:
            with timed(times[contestant]):
                contestant(turn)
        turns.append([entry for entries in times.values() for entry in entries])
    return np.array(turns)[1:] / STEPS


def in_own_process(function):
    """What `function` returns in a process of its own: TensorFlow and PyTorch in one process crash each other."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function)


def report(name, turns, peers):
    """Print a comparison, medians over its turns and over the steps of its `peers`; returns the table's medians."""
    bare, recorded = np.median(turns, 0)
    rows = {
        "bare step": bare,
        "step with every gradient recorded": recorded,
        "overhead in %": 100 * (recorded / bare - 1),
    }
    rows |= {peer: np.median(times, 0) for peer, times in peers.items()}
    print(f"{f'{name}, batch {BATCH}, {TURNS} turns of {STEPS} steps: milliseconds':<70} clock  processor time")
    for row, (clock, processor) in rows.items():
        print(f"    {row:<60} {clock:10.2f} {processor:15.2f}")
    return rows


def main():
    """Run the comparisons and print them; ends with status 1 if a bar is missed."""
    turns, own, lists = in_own_process(compare_keras)
    torch_turns, torch_own = in_own_process(compare_torch)
    rows = report("Keras, cifar10-cnn", turns, {"recorder": own, "list-based callback": lists})
    report("PyTorch, mnist-mlp", torch_turns, {"recorder": torch_own})
    overhead, cheaper = rows["overhead in %"][0], rows["list-based callback"][0] / rows["recorder"][0]
    bars = {
        f"overhead in Keras {overhead:.1f} %, at most 10 %": overhead <= 10,
        f"{cheaper:.0f} times cheaper than the list-based callback, at least 100": cheaper >= 100,
    }
    for bar, passed in bars.items():
        print(f"{'pass' if passed else 'FAIL'}: {bar}")
    sys.exit(not all(bars.values()))


if __name__ == "__main__":
    main()
