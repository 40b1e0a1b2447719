"""A copy of the project in a folder of its own, with networks and analyses so small that all of it runs in a minute."""

import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from stages.rig.base.parameters import dump, load

ROOT = Path(__file__).resolve().parents[1]
PROJECT = [
    ".dvc/config",
    ".dvcignore",
    ".gitignore",
    "models/README.md",
    "dvc.yaml",
    "params.yaml",
    "Snakefile",
    "environment.yaml",
]
MADE = ["plots@squeeze", "correlations@cifar10-cnn", "svd@cifar10-cnn"]
"""With the stages before them, what DVC has run of the project that tests copy."""


def small(parameters):
    """The project's parameters with every network and analysis shrunk."""
    for network in parameters["networks"].values():
        network["training"] |= {"epochs": 2, "checkpoint_every": 1, "batch_size": 500}
        if network["framework"] == "torch":
            network["layers"] = [[layer[0], 12] if isinstance(layer, list) else 12 for layer in network["layers"][:2]]
        else:
            network |= {"convolutions": [4, 4], "dense": [8]}
    parameters["threads"] = 1
    parameters["activations"] |= {"samples": 60, "max_units": 20}
    parameters["augment"]["count"] = 12
    parameters["tsne"] |= {"samples": 60, "perplexity": 5.0, "iterations": 20, "neighbors": 5}
    parameters["rewind"] |= {"epochs": 2, "samples": 8}
    parameters["curvature"] |= {"samples": 8, "iterations": 4, "probes": 2}
    parameters["plots"]["dpi"] = 50
    return parameters


def one_network(parameters):
    """Leave `squeeze` alone: the fewer the stages, the sooner either engine starts."""
    parameters["networks"] = {"squeeze": parameters["networks"]["squeeze"]}
    parameters["similarity"]["pairs"] = []
    parameters["plots"]["widths"] = {}


def once(tmp_path_factory, name, make):
    """The folder `name`, filled by `make` once for all workers of a run of the tests; none may change it."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, part = base / name, base / f"{name}.part"
    with open(base / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
            make(part)
            part.rename(folder)
    return folder


class Project:
    """A copy of the project in a folder of its own."""

    def __init__(self, folder, git=True):
        self.folder = folder
        for name in PROJECT:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
        for name in ("drillcore", "stages"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("profiles", "requirements"):
            shutil.copytree(ROOT / name, folder / name)
        self.change(small)
        if git:
            self.run("git", "init", "--quiet")
            self.commit()

    @classmethod
    def at(cls, folder):
        """The project that is in `folder`."""
        project = object.__new__(cls)
        project.folder = folder
        return project

    def copy(self, folder):
        """A copy for a test to change, its cache included: outputs stay links to the copy's own cache."""
        subprocess.run(["cp", "-a", self.folder, folder], check=True)
        return self.at(folder)

    def change(self, edit):
        path = self.folder / "params.yaml"
        parameters = load(path)
        edit(parameters)
        path.write_text(dump(parameters))

    def commit(self):
        self.run("git", "add", "--all")
        self.run("git", "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "--quiet", "--message", "a run")

    def run(self, *command):
        """Run a command in the project; returns all that it printed."""
        with self.start(*command) as process:
            try:
                output = process.communicate(timeout=3000)[0]
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                raise
        assert process.returncode == 0, f"{command}\n{output}"
        return output

    def start(self, *command):
        """Start a command in the project, in a process group of its own; what it prints comes from one pipe."""
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "GIT_CONFIG_COUNT": "2",
            **{"GIT_CONFIG_KEY_0": "user.name", "GIT_CONFIG_VALUE_0": "a"},
            **{"GIT_CONFIG_KEY_1": "user.email", "GIT_CONFIG_VALUE_1": "a@b.c"},
        }
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def planned(self, files):
        """The rules that Snakemake would run for `files`."""
        output = self.run("snakemake", "--dry-run", "--cores", "2", *files)
        return set(re.findall(r"^(?:local)?rule (\w+):", output, re.MULTILINE))

    def outputs(self):
        """The checksums of all outputs in dvc.lock but TensorBoard's, which hold the time: {path: md5}."""
        stages = load(self.folder / "dvc.lock")["stages"]
        checksums = {out["path"]: out["md5"] for stage in stages.values() for out in stage.get("outs", [])}
        return {path: md5 for path, md5 in checksums.items() if not path.endswith("/tensorboard")}


def ran(output):
    return set(re.findall(r"Running stage '([^']+)'", output))
