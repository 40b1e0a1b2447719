"""What each network is and how it did."""

import csv

import numpy as np

from drillcore.artifacts.network import LOSSES, read_network
from drillcore.base.names import readable
from drillcore.base.store import read
from drillcore.colours import DENSE_HUES, HUES

COLOURS = [*HUES, *DENSE_HUES]


def network(artifacts, name, live=False):
    """What the overview says of the network `name`; `live` reads an unfinished training too.

    What does not exist yet is None or empty.
    """
    folder = artifacts / name
    about = {"name": name, "card": None, "history": {}, "unfinished": False, "source": None, "ranks": {}}
    if (folder / "network.yaml").exists():
        card = read_network(folder / "network.yaml")
        about |= {"card": card.values, "width": card.squeeze_width(), "family": family(card)}
        about["loss"] = LOSSES[card.loss]
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


def family(network):
    """What a network shares with those that differ from it in the widths of their squeezes alone, as text."""
    if network.user_defined:
        return network.name
    card = network.values
    layers = [["squeeze", layer[1]] if isinstance(layer, list) else layer for layer in card.get("layers", [])]
    return str([card["framework"], card["dataset"], card["input"], card["normalize"], layers, card["training"]])


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
