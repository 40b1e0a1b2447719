"""python -m benchmarks.real_size [CIFAR10] : networks of real size through every stage, with each stage's cost.

A transformer of 10.7 million parameters, for one epoch of 16,000 characters of Python's reference, and every analysis of
1,000 tokens at its 6 blocks, its embeddings and its head, before and after training. And where CIFAR10 is named, a zip of
train/<class>/ and test/<class>/: ResNet-18, for one epoch on 5,000 of its images, and every analysis on 2,000 test images
at the 21 layers of torchvision's ResNet-18 that have weights (but for batch norms).
"""

import itertools
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from contextlib import contextmanager
from pathlib import Path

import psutil

from stages.rig.base.parameters import dump, load

ROOT = Path(__file__).resolve().parents[1]
STAGES = [
    *(
        "define",
        "train",
        "activations",
        "correlations",
        "similarity",
        "gradients",
        "geometry",
        "svd",
        "tsne",
        "curvature",
    ),
    *("plots", "report"),
]
TRAIN, TEST = 500, 200
"""Images of each class."""

TRANSFORMER = {
    "build": "gpt.py:make",
    "dataset": "reference",
    "layers": ["transformer.wte", "transformer.drop", "transformer.h.?", "transformer.ln_f", "lm_head"],
    "samples": "tokens",
    "training": {"epochs": 1, "batch_size": 8},
    "recorder": {"every": 2},
}
REFERENCE = {"source": "topics.py:make", "arguments": {"length": 128, "most": 20_000}}
RESNET = {
    "build": "torchvision:resnet18",
    "dataset": "images",
    "layers": ["conv1", "layer*.conv?", "layer*.downsample.0", "fc"],
    "training": {"epochs": 1, "batch_size": 128},
}


def main(images=None):
    """Run the transformer and, where there are `images`, ResNet-18."""
    with project() as folder:
        for file in (ROOT / "benchmarks" / "gpt.py", ROOT / "examples" / "characters" / "topics.py"):
            shutil.copy(file, folder / "models")
        write_parameters(folder, {"transformer": TRANSFORMER}, {"reference": REFERENCE}, 1000)
        costs(folder, "transformer", "reference")
    if images:
        with project() as folder:
            write_subset(images, folder / "images.zip")
            write_parameters(folder, {"resnet18": RESNET}, {"images": "images.zip"}, TEST * 10)
            costs(folder, "resnet18", "images")


@contextmanager
def project():
    """Yield a folder with the stages, removed in the end."""
    with tempfile.TemporaryDirectory() as folder:
        for part in ("stages", "drillcore"):
            shutil.copytree(ROOT / part, Path(folder, part), ignore=shutil.ignore_patterns("__pycache__"))
        Path(folder, "models").mkdir()
        yield Path(folder)


def costs(folder, network, dataset):
    """Print a row for each stage of the `network`: processor time, and the peak of its resident memory."""
    print(
        f"\n{network}\n\n| stage | seconds | processor time, s | peak memory, MB |\n| --- | --- | --- | --- |",
        flush=True,
    )
    for stage, name in [("download", dataset), ("augment", dataset), *((stage, network) for stage in STAGES)]:
        arguments = [name] * (stage != "report")
        seconds, processor, peak = measure([sys.executable, "-m", f"stages.{stage}", *arguments], folder)
        print(f"| `{stage}` | {seconds:.0f} | {processor:.1f} | {peak / 1e6:.0f} |", flush=True)
    made = sum(path.stat().st_size for part in ("data", "artifacts", "reports") for path in (folder / part).rglob("*"))
    print(f"\n{made / 1e6:.0f} MB in data, artifacts and reports.")


def write_subset(source, path):
    """Copy the first images of every class to a zip of their own."""
    with zipfile.ZipFile(source) as images, zipfile.ZipFile(path, "w") as subset:
        names = sorted(name for name in images.namelist() if name.count("/") == 2 and not name.endswith("/"))
        for folder, members in itertools.groupby(names, lambda name: name.rpartition("/")[0]):
            for name in itertools.islice(members, TRAIN if folder.startswith("train") else TEST):
                subset.writestr(name, images.read(name))


def write_parameters(folder, networks, datasets, samples):
    """The project's own parameters, with other `networks`, `datasets` and number of `samples`."""
    parameters = load(ROOT / "params.yaml")
    parameters |= {"datasets": datasets, "networks": networks}
    parameters["activations"]["samples"] = samples
    parameters["similarity"]["pairs"] = []
    parameters["plots"]["widths"] = {}
    (folder / "params.yaml").write_text(dump(parameters))


def measure(command, folder):
    """Run a command in `folder`; returns its seconds, its processor time and the peak of its processes' memory in bytes."""
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    begin, before, peak = time.monotonic(), processor_time(), 0
    with subprocess.Popen(command, cwd=folder, env=environment) as process:
        root = psutil.Process(process.pid)
        while process.poll() is None:
            peak = max(peak, resident(root))
            time.sleep(0.02)
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    return time.monotonic() - begin, processor_time() - before, peak


def processor_time():
    """Of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def resident(root):
    """The resident memory of a process and all below it."""
    total = 0
    try:
        for process in (root, *root.children(recursive=True)):
            total += process.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return total


if __name__ == "__main__":
    main(*sys.argv[1:])
