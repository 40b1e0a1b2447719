"""python -m benchmarks.real_size CIFAR10 : ResNet-18 through every stage, with each stage's time and memory.

CIFAR10 is a zip of train/<class>/ and test/<class>/. One epoch on 5,000 of its images, then every analysis on 2,000 test
images, at the 21 layers of torchvision's ResNet-18 that have weights (but for batch norms), before and after training.
"""

import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import psutil

from stages.rig.base.parameters import dump, load

ROOT = Path(__file__).resolve().parents[1]
STAGES = ["define", "train", "activations", "correlations", "similarity", "gradients", "svd", "tsne", "plots"]
TRAIN, TEST = 500, 200
"""Images of each class."""

NETWORK = {
    "build": "torchvision:resnet18",
    "dataset": "images",
    "layers": ["conv1", "layer*.conv?", "layer*.downsample.0", "fc"],
    "training": {"epochs": 1, "batch_size": 128},
}


def main(source):
    """Print a row for each stage: seconds, and the peak of the resident memory of all its processes."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        shutil.copytree(ROOT / "stages", project / "stages", ignore=shutil.ignore_patterns("__pycache__"))
        write_subset(source, project / "images.zip")
        write_parameters(project)
        print("| stage | seconds | peak memory, MB |\n| --- | --- | --- |", flush=True)
        begin = time.monotonic()
        for stage, name in [("download", "images"), ("augment", "images"), *((stage, "resnet18") for stage in STAGES)]:
            seconds, peak = measure([sys.executable, "-m", f"stages.{stage}", name], project)
            print(f"| {stage} | {seconds:.0f} | {peak / 1e6:.0f} |", flush=True)
        made = sum(
            path.stat().st_size for part in ("data", "artifacts", "reports") for path in (project / part).rglob("*")
        )
        print(f"\nAll stages: {time.monotonic() - begin:.0f} s; {made / 1e6:.0f} MB in data, artifacts and reports.")


def write_subset(source, path):
    """Copy the first images of every class to a zip of their own."""
    with zipfile.ZipFile(source) as images, zipfile.ZipFile(path, "w") as subset:
        names = sorted(name for name in images.namelist() if name.count("/") == 2 and not name.endswith("/"))
        for folder, members in itertools.groupby(names, lambda name: name.rpartition("/")[0]):
            for name in itertools.islice(members, TRAIN if folder.startswith("train") else TEST):
                subset.writestr(name, images.read(name))


def write_parameters(project):
    """The project's own parameters, with ResNet-18 as the only network."""
    parameters = load(ROOT / "params.yaml")
    parameters["datasets"] = {"images": "images.zip"}
    parameters["networks"] = {"resnet18": NETWORK}
    parameters["activations"]["samples"] = TEST * 10
    parameters["similarity"]["pairs"] = []
    parameters["plots"]["widths"] = {}
    (project / "params.yaml").write_text(dump(parameters))
    (project / "models").mkdir()


def measure(command, folder):
    """Run a command in `folder`; returns its seconds and the peak of its processes' resident memory in bytes."""
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    begin, peak = time.monotonic(), 0
    with subprocess.Popen(command, cwd=folder, env=environment) as process:
        root = psutil.Process(process.pid)
        while process.poll() is None:
            peak = max(peak, resident(root))
            time.sleep(0.02)
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    return time.monotonic() - begin, peak


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
    main(sys.argv[1])
