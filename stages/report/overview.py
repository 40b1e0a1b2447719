"""What each network is and how it did, and what makes the run one that can be made again."""

import csv
import platform
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from stages.shared.base.names import readable
from stages.shared.base.parameters import dump
from stages.shared.base.store import read
from stages.shared.card import LOSSES, Built, read_card
from stages.shared.colours import DENSE_HUES, HUES

ROOT = Path(__file__).parents[2]
RECIPE = ["stages", "dvc.yaml", "params.yaml", "requirements.txt"]
COLOURS = [*HUES, *DENSE_HUES]


def network(artifacts, name, live=False):
    """What the overview says of the network `name`; `live` reads an unfinished training too.

    What does not exist yet is None or empty.
    """
    folder = artifacts / name
    about = {"name": name, "card": None, "history": {}, "unfinished": False, "source": None, "ranks": {}}
    if (folder / "network.yaml").exists():
        card = read_card(folder / "network.yaml")
        about |= {"card": card.model_dump(), "width": card.squeeze_width(), "family": family(card)}
        about["loss"] = LOSSES[card.loss()]
    history = folder / "history.csv"
    if live and (folder / "training" / "history.csv").exists():
        history, about["unfinished"] = folder / "training" / "history.csv", True
    if history.exists():
        about["history"] = read_history(history)
    if (folder / "activations.h5").exists():
        with read(folder / "activations.h5") as file:
            about["source"] = str(file.attrs["source"])
    if (folder / "svd.h5").exists():
        about["ranks"] = last_ranks(folder / "svd.h5")
    if (folder / "gradients.h5").exists():
        with read(folder / "gradients.h5") as file:
            about["parameters"] = int(np.sum(file.attrs["sizes"]))
    return about


def family(card):
    """What a network shares with those that differ from it in the widths of their squeezes alone, as text."""
    if isinstance(card, Built):
        return card.name
    layers = [["squeeze", layer[1]] if isinstance(layer, list) else layer for layer in getattr(card, "layers", [])]
    return str([card.framework, card.dataset, card.input, card.normalize, layers, card.training.model_dump()])


def read_history(path):
    """The columns of a history.csv, None for an empty cell."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) if row[name] else None for row in rows] for name in rows[0]} if rows else {}


def last_ranks(path):
    """The effective rank, of the singular values and of the variances, of every layer's features at the last epoch."""
    with read(path) as file:
        group = file[f"features/{max(file['features'], key=int)}"]
        return {
            readable(layer): {
                rank: float(group[layer].attrs[rank]) for rank in ("effective_rank", "effective_rank_of_variances")
            }
            for layer in file.attrs["layers"]
        }


def provenance(parameters):
    """Commit, versions and parameters: nothing that another run with equal inputs on this machine would change.

    The commit is the last that changed the recipe, and its time is the only one here: a clock's would make another page
    of the same inputs. When the page itself was written, the browser reads from the file.
    """
    names = re.findall(r"^[\w.-]+(?===)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    return {
        "commit": git("log", "-1", "--format=%H %cI", "--", *RECIPE),
        "changed": git("status", "--porcelain", "--", *RECIPE),
        "parameters": dump(parameters, width=110),
        "data": str(parameters.get("data")),
        "python": platform.python_version(),
        "machine": f"{platform.system()}, {platform.machine()}",
        "versions": {name: installed(name) for name in names},
    }


def installed(name):
    """The installed version of a package."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def git(*arguments):
    """What git prints in this folder; None where it is no checkout."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
