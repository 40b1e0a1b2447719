"""python -m stages.download DATASET : params.yaml (data) -> data/DATASET.h5"""

from pathlib import Path

from stages.download.dataset import write_dataset
from stages.download.folder import load_folder
from stages.download.full import load_full
from stages.download.sample import load_sample
from stages.shared.base.command import InputError, command
from stages.shared.base.parameters import load
from stages.shared.card import DATASETS


def main(dataset):
    """Write data/DATASET.h5 from the source that `data` in params.yaml names."""
    if dataset not in DATASETS:
        raise InputError(f"there is no data set {dataset!r}, but {' and '.join(DATASETS)}.")
    write_dataset(Path("data", f"{dataset}.h5"), dataset, load_source(dataset, load("params.yaml").get("data")))


def load_source(dataset, data):
    """Return the `Dataset` from the source `data`: sample, full or the path of a folder."""
    if not isinstance(data, str) or not data.strip():
        raise InputError(f"params.yaml: data is {data!r}, but should be sample, full or the path of a folder.")
    if data == "sample":
        return load_sample(dataset)
    if data == "full":
        return load_full(dataset, Path("data", "raw"))
    return load_folder(dataset, data)


if __name__ == "__main__":
    command(main)
