"""python -m benchmarks.activations [rates] [stages] : what extraction costs beside a bare forward pass, and analyses' memory.

Five minutes on 2 cores. `rates`: images per second from uint8 images to files, each contestant in a process of its own,
where it takes turns with a bare forward pass, for other work on the machine slows both alike; and its peak memory, of the
frameworks too. `stages`: time and peak memory of each analysis of files as large as ResNet-18's. A thingsvision that is
missing is skipped.
"""

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import yaml

from stages.activations.extract import BATCH, outputs, store_outputs
from stages.activations.units import Units
from stages.shared.base.store import create, new_group, write
from stages.shared.images import prepare

THREADS = os.environ.setdefault("OMP_NUM_THREADS", str(os.cpu_count()))
IMAGES, TURNS, MAX_UNITS = 2000, 7, 256
SAMPLES, EPOCHS = 2000, ("000", "001")
KERNELS = [(64, 27)] + [
    shape
    for width, inputs in ((64, 64), (128, 64), (256, 128), (512, 256))
    for shape in [(width, 9 * inputs), (width, 9 * width), (width, 9 * width), (width, 9 * width)]
    + [(width, inputs)] * (width != inputs)
]
"""ResNet-18's convolutions, (outputs, inputs)."""


def main():
    parts = {"rates": rates, "stages": stages}
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("parts", nargs="*", default=list(parts), metavar="|".join(parts))
    parser.add_argument("--contest", nargs=2, metavar=("NETWORK", "CONTESTANT"), help="of `rates`, in this process")
    arguments = parser.parse_args()
    if arguments.contest:
        contest(*arguments.contest)
        return
    print(f"{THREADS} threads, {IMAGES} images of 32x32 in batches of {BATCH}, at most {MAX_UNITS} units of a layer")
    for part in arguments.parts:
        print(f"\n## {part}\n")
        parts[part]()


# Rates


def rates():
    """Print a row for each contestant on each network."""
    columns = ["network", "contestant", "images/s", "of bare", "by processor time", "peak memory, MB", "written, MB"]
    print(f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|")
    for network, (_, contestants) in NETWORKS.items():
        for contestant in contestants:
            command = [sys.executable, "-m", "benchmarks.activations", "--contest", network, contestant]
            print(subprocess.run(command, check=True, capture_output=True, text=True).stdout, end="", flush=True)


def contest(network, contestant):
    """Print the row of one contestant: medians over turns of its rate, and its share of the bare rate by two clocks."""
    if contestant == "thingsvision" and not importlib.util.find_spec("thingsvision"):
        print(f"| {network} | thingsvision | not installed | | | | |")
        return
    make, contestants = NETWORKS[network]
    model, to_input, names = make()
    images = np.random.default_rng(0).integers(0, 256, (IMAGES, 32, 32, 3), np.uint8)
    run, times, size = contestants[contestant], [], 0
    for _ in range(TURNS + 1):
        with tempfile.TemporaryDirectory() as folder:
            turn = [clocks()]
            for forward in (contestants["bare"], run):
                forward(model, to_input, images, names, Path(folder))
                turn.append(clocks())
            times.append(np.diff(turn, axis=0))
            size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    bare, own = np.moveaxis(times[1:], 1, 0)  # each (turns, clocks); one turn to warm up
    rate, (share, processor) = IMAGES / np.median(own[:, 0]), np.median(bare / own, axis=0)
    memory = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024
    print(
        f"| {network} | {contestant} | {rate:.0f} | {share:.0%} | {processor:.0%} | {memory:.0f} | {size / 1e6:.0f} |"
    )


def clocks():
    """Seconds by the clock, and of processor time in all threads, which other work on the machine leaves alone."""
    return time.perf_counter(), time.process_time()


def batches(to_input, images):
    """The prepared batches that every contestant feeds."""
    for begin in range(0, len(images), BATCH):
        yield to_input(prepare(images[begin : begin + BATCH], (32, 32, 3)))


def bare_torch(model, to_input, images, names, folder):
    import torch

    with torch.no_grad():
        for batch in batches(to_input, images):
            model(batch)


def bare_keras(model, to_input, images, names, folder):
    """Compiled anew, as the extraction from each checkpoint is."""
    from stages.shared.keras_network import tf

    forward = tf.function(lambda batch: model(batch, training=False), autograph=False, reduce_retracing=True)
    for batch in batches(to_input, images):
        forward(tf.convert_to_tensor(batch))


def drillcore(how):
    def run(model, to_input, images, names, folder):
        units = Units(how, MAX_UNITS)
        with create(folder / "activations.h5") as file:
            streamed = outputs(model, to_input, images, (32, 32, 3), names, units)
            store_outputs(new_group(file, "layers"), streamed, len(images), units)

    return run


def hooks(model, to_input, images, names, folder):
    """What one writes by hand: hooks that keep all of every output, and NumPy to save it."""
    import torch

    kept, modules = {name: [] for name in names}, dict(model.named_modules())
    handles = [
        modules[name].register_forward_hook(lambda _, inputs, output, name=name: kept[name].append(output.clone()))
        for name in names
    ]
    with torch.no_grad():
        for batch in batches(to_input, images):
            model(batch)
    for handle in handles:
        handle.remove()
    for name, parts in kept.items():
        np.save(folder / f"{name}.npy", torch.cat(parts).flatten(1).numpy())


def submodel(model, to_input, images, names, folder):
    """What one writes by hand in Keras: a model of all outputs, and NumPy to save them whole."""
    from stages.shared.keras_network import keras

    extractor = keras.Model(model.input, [model.get_layer(name).output for name in names])
    parts = [[np.array(output) for output in extractor(batch, training=False)] for batch in batches(to_input, images)]
    for name, outputs_of_batches in zip(names, zip(*parts, strict=True), strict=True):
        np.save(folder / f"{name}.npy", np.concatenate(outputs_of_batches))


def thingsvision(model, to_input, images, names, folder):
    """Untested where it is not installed; it keeps all of every output, as the loop above."""
    from thingsvision import get_extractor_from_model

    extractor = get_extractor_from_model(model=model, device="cpu", backend="pt")
    features = extractor.extract_features(list(batches(to_input, images)), module_names=names, flatten_acts=True)
    for name, array in features.items():
        np.save(folder / f"{name}.npy", array)


def resnet18():
    import torch
    from torchvision.models import resnet18 as make

    from stages.shared.torch_network import layer_names, to_input

    torch.manual_seed(0)
    model = make(num_classes=10).eval()
    return model, to_input, [name for name, kind in layer_names(model).items() if kind in ("module", "both")]


def convolutions():
    import torch

    model, to_input, names = resnet18()
    return model, to_input, [name for name in names if isinstance(model.get_submodule(name), torch.nn.Conv2d)]


def mlp():
    from stages.shared.card import Mlp, select_layers
    from stages.shared.torch_network import build, to_input

    card = Mlp(framework="torch", layers=[512, 256, 128], batch_norm=True, **COMMON)
    return build(card, 10).eval(), to_input, select_layers(card, "all")


def cnn():
    from stages.shared.card import Cnn, select_layers
    from stages.shared.keras_network import build, to_input

    card = Cnn(framework="keras", convolutions=[32, 64, 128], dense=[256], **COMMON)
    return build(card, 10), to_input, select_layers(card, "all")


COMMON = {"name": "small", "dataset": "cifar10", "input": [32, 32, 3], "seed": 0}
DRILLCORE = {"Drillcore, flatten": drillcore("flatten"), "Drillcore, pool": drillcore("pool")}
IN_TORCH = {"bare": bare_torch} | DRILLCORE | {"hooks and numpy.save": hooks, "thingsvision": thingsvision}
IN_KERAS = {"bare": bare_keras} | DRILLCORE | {"model of all outputs and numpy.save": submodel}
NETWORKS = {
    "ResNet-18, its 20 convolutions": (convolutions, IN_TORCH),
    "ResNet-18, all 52 layers": (resnet18, IN_TORCH),
    "MLP, 10 layers": (mlp, IN_TORCH),
    "Keras CNN, 9 layers": (cnn, IN_KERAS),
}


# Stages


def stages():
    """Print the time and peak memory of each analysis of activations of ResNet-18's size."""
    print("| stage | seconds | peak memory, MB |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as root:
        write_artifacts(Path(root, "artifacts", "resnet18"))
        Path(root, "params.yaml").write_text(yaml.safe_dump({"similarity": {"samples": 500}, "tsne": {"samples": 300}}))
        for stage in ("correlations", "similarity", "svd", "tsne"):
            begin = time.perf_counter()
            environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
            process = subprocess.Popen([sys.executable, "-m", f"stages.{stage}", "resnet18"], cwd=root, env=environment)
            _, status, usage = os.wait4(process.pid, 0)
            assert status == 0, stage
            print(f"| {stage} | {time.perf_counter() - begin:.1f} | {usage.ru_maxrss / 1024:.0f} |", flush=True)


def write_artifacts(folder):
    """Files as `activations` writes them: rectified, of low rank and noise, and one unit in 40 dead; and a card."""
    random, layers = np.random.default_rng(0), [f"conv{number}" for number in range(1, len(KERNELS) + 1)]
    folder.mkdir(parents=True)
    (folder / "network.yaml").write_text(yaml.safe_dump({"framework": "torch", "layers": [3], **COMMON}))
    with create(folder / "activations.h5") as file, create(folder / "weights.h5") as weights:
        write(file, "sample", np.arange(SAMPLES))
        write(file, "labels", np.arange(SAMPLES) % 10)
        write(file, "images", random.integers(0, 256, (SAMPLES, 32, 32, 3), np.uint8))
        file.attrs.update(classes=[str(label) for label in range(10)], layers=layers)
        weights.attrs["tensors"] = layers
        for epoch in EPOCHS:
            signal = random.normal(size=(SAMPLES, 60))
            for layer, shape in zip(layers, KERNELS, strict=True):
                write(file, f"epochs/{epoch}/{layer}", features(random, signal))
                write(weights, f"epochs/{epoch}/{layer}", random.normal(size=shape).astype(np.float32))
    with create(folder / "augmented.h5") as file:
        file.attrs["layers"] = layers
        for layer in layers:
            write(file, f"layers/{layer}", features(random, signal[:300]))


def features(random, signal):
    """Activations (samples, units) that the directions of `signal` (samples, directions) run through."""
    linear = signal @ random.normal(0, 1 / 8, (signal.shape[1], MAX_UNITS)) + random.normal(
        size=(len(signal), MAX_UNITS)
    )
    activations = np.maximum(linear - random.uniform(0, 2, MAX_UNITS), 0)
    activations[:, ::40] = 0
    return activations.astype(np.float32)


if __name__ == "__main__":
    main()
