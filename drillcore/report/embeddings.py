"""The two-dimensional maps of every layer, and the images, labels and predictions that belong to their points."""

import numpy as np

from drillcore.base.arrays import evenly
from drillcore.base.errors import InputError
from drillcore.base.names import readable
from drillcore.base.store import read
from drillcore.colours import class_colours
from drillcore.report.pack import colours, single, thumbnails

MOST_POINTS, MOST_LAYERS, MOST_MARKS = 1000, 24, 12_000
"""So many points of so many layers are kept, and of many layers fewer points: no more than MOST_MARKS together."""
UNKNOWN = -1
"""The prediction where the last layer is not stored, or not finite."""


def maps(folder):
    """`embedding` and `pca` float32 (layers, samples, 2), and `predictions` int16 (samples): the last layer's largest."""
    with read(folder / "tsne.h5") as file, read(folder / "activations.h5") as activations:
        named, epoch = list(file.attrs["layers"]), file.attrs["epoch"]
        colour = dict(zip(named, colours(list(map(readable, named))), strict=True))
        layers = evenly(named, MOST_LAYERS)
        count = kept_points(file)
        if not np.array_equal(file["sample"][:], activations["sample"][: len(file["sample"])]):
            raise InputError(f"{folder} holds maps of other samples than its activations: run `dvc repro`.")
        meta = {
            "layers": list(map(readable, layers)),
            "all_layers": len(named),
            "colours": [colour[layer] for layer in layers],
            "epoch": int(epoch),
            "all": len(file["labels"]),
            "status": [str(file[layer].attrs["status"]) for layer in layers],
            "trustworthiness": [float(file[layer].attrs["trustworthiness"]) for layer in layers],
        }
        arrays = {name: single([file[f"{layer}/{name}"][:count] for layer in layers]) for name in ("embedding", "pca")}
        outputs = activations.get(f"epochs/{epoch}/{named[-1]}")
        classes = len(activations.attrs["classes"])
        found = outputs is not None and outputs.shape[1] == classes
        arrays["predictions"] = predicted(outputs[:count]) if found else np.full(count, UNKNOWN, np.int16)
    return meta, arrays


def kept_points(file):
    """Of how many of the samples of an open tsne.h5 the page has points."""
    layers = min(len(file.attrs["layers"]), MOST_LAYERS)
    return min(len(file["labels"]), MOST_POINTS, MOST_MARKS // layers)


def predicted(outputs):
    """The class with the largest of `outputs` (samples, classes), UNKNOWN where one is not finite."""
    return np.where(np.isfinite(outputs).all(1), outputs.argmax(1), UNKNOWN).astype(np.int16)


def probe(folder):
    """The images and labels of the maps' points."""
    with read(folder / "tsne.h5") as file, read(folder / "activations.h5") as activations:
        rows = slice(kept_points(file))
        classes = [str(name) for name in activations.attrs["classes"]]
        arrays = {name: activations[name][rows].astype(np.int32) for name in ("labels", "sample")}
        arrays["images"] = thumbnails(activations["images"][rows])
    return {"classes": classes, "colours": class_colours(len(classes))}, arrays
