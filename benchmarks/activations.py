"""python -m benchmarks.activations : what extraction costs beside a bare forward pass and a plain loop of hooks.

Seven minutes on 2 cores. Images per second from uint8 images to files, each contestant in a process of its own, where it
takes turns with a bare forward pass, for other work on the machine slows both alike; and its peak memory, of the frameworks
too. thingsvision is skipped where it is not installed, as thingsvision.txt says.
"""

import argparse
import contextlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from drillcore.artifacts.layers import store_outputs
from drillcore.base.store import create, new_group, write
from drillcore.extraction.all_units import AllUnits
from drillcore.extraction.units import Units
from stages.activations import BATCH, outputs
from stages.rig.card import Network
from stages.rig.images import prepare
from stages.rig.predictions import TOKENS

THREADS = os.environ.setdefault("OMP_NUM_THREADS", str(os.cpu_count()))
IMAGES, TURNS, MAX_UNITS = 2000, 7, 256
TEXTS, LENGTH, VOCABULARY = 128, 128, 96


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--contest", nargs=2, metavar=("NETWORK", "CONTESTANT"), help="one of them, in this process")
    arguments = parser.parse_args()
    if arguments.contest:
        contest(*arguments.contest)
    else:
        rates()


def rates():
    """Print a row for each contestant on each network."""
    print(f"{THREADS} threads, {IMAGES} images of 32x32 in batches of {BATCH}, at most {MAX_UNITS} units of a layer\n")
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
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (IMAGES, 32, 32, 3), np.uint8)
    if make is transformer:
        images = random.integers(0, VOCABULARY, (TEXTS, LENGTH), np.int32)
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
    rate, (share, processor) = len(images) / np.median(own[:, 0]), np.median(bare / own, axis=0)
    memory = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024
    print(
        f"| {network} | {contestant} | {rate:.0f} | {share:.0%} | {processor:.0%} | {memory:.0f} | {size / 1e6:.0f} |"
    )


def clocks():
    """Seconds by the clock, and of processor time in all threads, which other work on the machine leaves alone."""
    return time.perf_counter(), time.process_time()


def batches(to_input, images):
    """The prepared batches that every contestant feeds, of texts as many as hold as many tokens as `activations` takes."""
    size = BATCH if images.ndim == 4 else TOKENS // LENGTH
    for begin in range(0, len(images), size):
        yield to_input(prepare(images[begin : begin + size], (32, 32, 3)))


def bare_torch(model, to_input, images, names, folder):
    import torch

    with torch.no_grad():
        for batch in batches(to_input, images):
            model(batch)


def bare_keras(model, to_input, images, names, folder):
    """Compiled anew, as the extraction from each checkpoint is."""
    from drillcore.frameworks.keras import tf

    forward = tf.function(lambda batch: model(batch, training=False), autograph=False, reduce_retracing=True)
    for batch in batches(to_input, images):
        forward(tf.convert_to_tensor(batch))


def drillcore(how):
    def run(model, to_input, images, names, folder):
        units = Units(how, MAX_UNITS)
        with create(folder / "activations.h5") as file:
            streamed = outputs(model, to_input, images, CARD if images.ndim == 4 else OF_TOKENS, names, units)
            store_outputs(new_group(file, "layers"), streamed, len(images), units)

    return run


def all_units(model, to_input, images, names, folder):
    """As the stage does by default: with the coordinates that have the inner products over all units."""
    units = Units("flatten", MAX_UNITS)
    gathered = AllUnits(units, len(images), folder)
    with create(folder / "activations.h5") as file:
        streamed = outputs(model, to_input, images, CARD, names, gathered.streamed)
        store_outputs(new_group(file, "layers"), gathered.kept(streamed), len(images), units)
        for name, coordinates in gathered.bases():
            write(file, f"all_units/{name}", coordinates)


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
    from drillcore.frameworks.keras import keras

    extractor = keras.Model(model.input, [model.get_layer(name).output for name in names])
    parts = [[np.array(output) for output in extractor(batch, training=False)] for batch in batches(to_input, images)]
    for name, outputs_of_batches in zip(names, zip(*parts, strict=True), strict=True):
        np.save(folder / f"{name}.npy", np.concatenate(outputs_of_batches))


def thingsvision(model, to_input, images, names, folder):
    """It keeps all of every output, as the loop above, and flattens none whose channels are last in memory."""
    np.AxisError = np.exceptions.AxisError  # which it looks for where NumPy 1 had it
    from thingsvision import get_extractor_from_model

    contiguous = [batch.contiguous() for batch in batches(to_input, images)]
    with contextlib.redirect_stdout(sys.stderr):
        extractor = get_extractor_from_model(model=model, device="cpu", backend="pt")
        features = extractor.extract_features(contiguous, module_names=names, flatten_acts=True)
    for name, array in features.items():
        np.save(folder / f"{name}.npy", array)


def resnet18():
    import torch
    from torchvision.models import resnet18 as make

    from drillcore.frameworks.torch import observe
    from stages.rig.torch.network import to_input

    torch.manual_seed(0)
    model = make(num_classes=10).eval()
    layers = observe(model, torch.zeros(3, 3, 32, 32)).layers
    return model, to_input, [layer.name for layer in layers if layer.kind in ("module", "both")]


def convolutions():
    import torch

    model, to_input, names = resnet18()
    return model, to_input, [name for name in names if isinstance(model.get_submodule(name), torch.nn.Conv2d)]


def transformer():
    """The six blocks of a model of GPT-2's kind of 10.7 million parameters."""
    import torch

    from benchmarks.gpt import make
    from stages.rig.torch.network import to_input

    torch.manual_seed(0)
    blocks = [f"transformer.h.{number}" for number in range(6)]
    return make(VOCABULARY, LENGTH).eval(), lambda tokens, kind="tokens": to_input(tokens, "tokens"), blocks


def mlp():
    from stages.rig.card import Mlp, select_layers
    from stages.rig.torch.network import build, to_input

    card = Mlp(framework="torch", layers=[512, 256, 128], batch_norm=True, **COMMON)
    return build(card, 10).eval(), to_input, select_layers(card, "all")


def cnn():
    from stages.rig.card import Cnn, select_layers
    from stages.rig.keras.network import build, to_input

    card = Cnn(framework="keras", convolutions=[32, 64, 128], dense=[256], **COMMON)
    return build(card, 10), to_input, select_layers(card, "all")


COMMON = {"name": "small", "dataset": "cifar10", "input": [32, 32, 3], "seed": 0}
CARD = Network(**COMMON)
OF_TOKENS = Network(**{**COMMON, "input": [LENGTH], "kind": "tokens", "vocabulary": VOCABULARY})
DRILLCORE = {"Drillcore, flatten": drillcore("flatten"), "Drillcore, pool": drillcore("pool")}
IN_TORCH = {"bare": bare_torch} | DRILLCORE | {"hooks and numpy.save": hooks}
CONVOLUTIONAL = IN_TORCH | {"thingsvision": thingsvision}  # it ended the perceptron's process with a segmentation fault
IN_KERAS = {"bare": bare_keras} | DRILLCORE | {"model of all outputs and numpy.save": submodel}
NETWORKS = {
    "ResNet-18, its 20 convolutions": (convolutions, CONVOLUTIONAL | {"Drillcore, flatten, all units": all_units}),
    "ResNet-18, all 52 layers": (resnet18, CONVOLUTIONAL),
    "Transformer, its 6 blocks": (transformer, CONVOLUTIONAL),
    "MLP, 10 layers": (mlp, IN_TORCH),
    "Keras CNN, 9 layers": (cnn, IN_KERAS),
}


if __name__ == "__main__":
    main()
