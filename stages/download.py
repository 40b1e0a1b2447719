"""python -m stages.download DATASET : params.yaml (data, datasets) -> data/DATASET.h5"""

import os
from pathlib import Path

from drillcore.artifacts.dataset import dataset_path
from drillcore.base.errors import InputError
from stages.rig.base.command import command
from stages.rig.base.parameters import load
from stages.rig.datasets import DATA, read_sources
from stages.rig.sources.arrays import load_arrays
from stages.rig.sources.dataset import STUDIES, write_dataset
from stages.rig.sources.folder import load_folder, load_images
from stages.rig.sources.function import load_function
from stages.rig.sources.sample import load_sample
from stages.rig.sources.table import load_table
from stages.rig.sources.text import LENGTH, load_text
from stages.rig.sources.vision import load_full, load_torchvision

RAW = Path("data", "raw")
"""Where downloaded archives are kept."""


def main(dataset):
    """Write data/DATASET.h5 from the source that `datasets` in params.yaml gives it."""
    values = load("params.yaml")
    sources = read_sources(values.get("datasets"))
    if dataset not in sources:
        raise InputError(f"params.yaml: datasets holds no {dataset!r}; it holds {', '.join(sources)}.")
    settings = sources[dataset]
    loaded = load_data(dataset, values.get("data")) if settings.source == DATA else load_source(dataset, settings)
    if settings.task == "reconstruction":
        loaded = loaded._replace(task=settings.task)
    write_dataset(dataset_path("data", dataset), dataset, loaded)


def load_data(dataset, data):
    """Return the `Dataset` from the source `data` of the studies: sample, full or the path of a folder."""
    if not isinstance(data, str) or not data.strip():
        raise InputError(f"params.yaml: data is {data!r}, but should be sample, full or the path of a folder.")
    if data not in ("sample", "full"):
        return load_folder(dataset, data)
    if dataset not in STUDIES:
        raise InputError(
            f"params.yaml: datasets.{dataset} is {DATA}, but data is {data}, which has {' and '.join(STUDIES)} alone: "
            f"call it {' or '.join(STUDIES)}, or give datasets.{dataset} a source of its own."
        )
    return load_sample(dataset) if data == "sample" else load_full(dataset, RAW)


def load_source(dataset, settings):
    """Return the `Dataset` from a `Source` of its own: a function, table, text, arrays, folder or zip, or a class's name."""
    path = Path(os.path.expanduser(settings.source))
    if settings.form == "function":
        return load_function(dataset, settings.source, settings.arguments, settings.task)
    if settings.form == "table":
        return load_table(dataset, path, settings.target, settings.drop, settings.task)
    if settings.form == "text":
        return load_text(dataset, path, settings.tokens or "characters", settings.length or LENGTH)
    if settings.source.isidentifier() and not os.path.isdir(path):
        return load_torchvision(dataset, settings.source, RAW, settings.arguments, settings.size)
    if settings.arguments:
        raise InputError(
            f"params.yaml: datasets.{dataset} has arguments, but {settings.source!r} is a path, and only a class of "
            "torchvision.datasets or a function takes any: remove them."
        )
    if path.suffix.lower() == ".npz":
        return load_arrays(dataset, path, settings.size)
    return load_images(dataset, path, settings.size)


if __name__ == "__main__":
    command(main)
