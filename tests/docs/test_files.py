"""The page of the files has every dataset and attribute of real files, and nothing that no file has."""

import csv
import html
import json
import re
from pathlib import Path

import h5py
import numpy as np
import pytest

from drillcore.artifacts.folder import FILES
from drillcore.artifacts.svd import RANKS
from drillcore.geometry.catalogue import MEASURES as SCORES
from drillcore.similarity.catalogue import MEASURES
from stages.rig.base.parameters import load

ROOT = Path(__file__).resolve().parents[2]
NETWORKS = "squeeze", "cifar10-cnn"
ROW = re.compile(r"^\| `(?P<name>[^`]+)` \| (?P<kind>\w+) \| (?P<axes>.*?) ?\| (?P<meaning>.+) \|$", re.MULTILINE)
PLACEHOLDERS = {
    "epoch": r"\d+",
    "measure": "|".join(MEASURES),
    "kind": "raw|ema|same_batch",
    "over": "step|epoch|tensor/[^/]+",
    "part": "features|weights",
    "score": "|".join(SCORES),
    "rank": "|".join(set(RANKS) - {"components"}),
}
"""What stands for the parts in angle brackets; for others, any one part of a path."""
TEXTS = {"label", "likely", "predicted"}
"""Columns of a table that name classes, which may be digits."""
VARYING = {"dimensions", "draws", "shown", "units", "values", "outputs", "inputs", "parameters", "entries"}
"""Axes whose length another layer, tensor or epoch may have otherwise."""


def sections():
    """By file, as its heading names it, its rows: name, type and axes."""
    titles = re.split(r"^## (.+)$", (ROOT / "docs/files.md").read_text(), flags=re.MULTILINE)[1:]
    return {
        html.unescape(title): {
            row["name"]: (row["kind"], list(filter(None, row["axes"].split(", ")))) for row in ROW.finditer(text)
        }
        for title, text in zip(titles[::2], titles[1::2], strict=True)
    }


PAGE = sections()


@pytest.fixture(scope="module")
def found(made, tmp_path_factory):
    """By file, as the page names it, the real ones of two networks of either framework."""
    project = made.copy(tmp_path_factory.mktemp("files") / "copy")
    project.run("python", "-m", "stages.pairs", "squeeze", "squeeze")
    folder = project.folder
    files = {title: [folder / "artifacts" / network / title for network in NETWORKS] for title in PAGE}
    files["data/<dataset>.h5"] = [folder / "data" / f"{name}.h5" for name in ("mnist", "cifar10")]
    files["data/<dataset>_augmented.h5"] = [
        path.with_stem(f"{path.stem}_augmented") for path in files["data/<dataset>.h5"]
    ]
    files["reports/<network>/suspects.csv"] = [folder / "reports/squeeze/suspects.csv"]
    files["replicates/seed_<seed>/history.csv"] = sorted(folder.glob("artifacts/squeeze/replicates/*/history.csv"))
    files["similarity/<A>--<B>.h5"] = [folder / "artifacts/similarity/squeeze--squeeze.h5"]
    every = "same_batch,curvature,noise,dump,activations"
    window = ["--steps", "2:3", "--with", every, "--tensors", "output.weight"]
    project.run("python", "-m", "stages.replay", "squeeze", *window)
    files["replays/<name>.h5"] = [folder / "artifacts/replays/squeeze-2-3.h5"]
    project.change(lambda parameters: parameters["activations"].update(max_units=4))  # fewer than there are
    project.run("python", "-m", "stages.activations", "squeeze")
    return {title: [path for path in paths if path.exists()] for title, paths in files.items()}


def contents(path):
    """By name, as the page writes it, the type and shape of everything in a file."""
    readers = {".h5": of_hdf5, ".json": of_json, ".csv": of_csv, ".yaml": of_yaml}
    return readers[path.suffix](path)


def of_hdf5(path):
    held = {}
    with h5py.File(path) as file:

        def visit(name, item):
            if isinstance(item, h5py.Dataset):
                held[name] = str(item.dtype), item.shape
            for attribute, value in item.attrs.items():
                values = np.asarray(value)
                held[f"{name}@{attribute}"] = "text" if values.dtype.kind in "OU" else str(values.dtype), values.shape

        visit("", file)
        file.visititems(visit)
    return held


def of_json(path):
    def leaves(value, name):
        if isinstance(value, dict):
            return {key: leaf for part, inner in value.items() for key, leaf in leaves(inner, f"{name}/{part}").items()}
        values = np.array(value, object)
        text = values.size and isinstance(values.flat[0], str)
        return {name[1:]: ("text" if text else "number", values.shape)}

    return leaves(json.loads(path.read_text()), "")


def of_csv(path):
    rows = list(csv.DictReader(path.read_text().splitlines()))
    number = re.compile(r"[-+.e\d]*")
    return {
        name: (
            "number" if name not in TEXTS and all(number.fullmatch(row[name]) for row in rows) else "text",
            (len(rows),),
        )
        for name in rows[0]
    }


def of_yaml(path):
    """What of a card is no parameter."""
    card, parameters = load(path), load(ROOT / "params.yaml")
    defaults = {
        "dataset",
        "input",
        "normalize",
        "device",
        "units",
        "recorder",
        "seed",
        "batch_norm",
        "squeeze_activation",
    }
    known = {key for network in parameters["networks"].values() for key in network} | defaults
    kinds = {str: "text", list: "list"}
    return {
        key: (kinds[type(value)], (len(value),) * isinstance(value, list))
        for key, value in card.items()
        if key not in known
    }


def pattern(name):
    """What the names match that a row's name stands for."""
    parts = re.split(r"<(\w+)>", name)
    return "".join(
        f"(?:{PLACEHOLDERS.get(part, '[^/@]+')})" if number % 2 else re.escape(part)
        for number, part in enumerate(parts)
    )


def row_of(title, name):
    """The name of the one row that stands for a name in a file."""
    rows = [row for row in PAGE[title] if re.fullmatch(pattern(row), name)]
    plain = [row for row in rows if "<" not in row]
    assert len(plain or rows) == 1, f"{title}: {name} is in the rows {rows}"
    return (plain or rows)[0]


def test_every_file_of_a_network_has_its_section():
    assert {reader.FILE for reader in FILES.values()} < PAGE.keys()


@pytest.mark.parametrize("title", PAGE)
def test_the_page_has_all_that_is_in_a_file_and_nothing_else(found, title):
    named = set()
    assert found[title]
    for path in found[title]:
        lengths = {}
        for name, (kind, shape) in contents(path).items():
            row = row_of(title, name)
            named.add(row)
            said, axes = PAGE[title][row]
            assert (kind, len(shape)) == (said, len(axes)), f"{path}: {name}"
            for axis, length in zip(axes, shape, strict=True):
                if axis not in VARYING:
                    assert lengths.setdefault(axis, length) == length, f"{path}: {name}, {axis}"
    assert named == PAGE[title].keys()
