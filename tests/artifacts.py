"""Small synthetic artifacts of a network, written by NumPy and h5py alone."""

import json

import h5py
import numpy as np

from drillcore.base.names import escaped, unescaped
from drillcore.similarity.catalogue import BIASED, MEASURES, TESTED
from stages.rig.base.parameters import check
from stages.rig.card import Built, Mlp
from stages.rig.card import write_card as card_file

EDGES = [float(f"1e{k}") for k in range(-10, 1)]
CLASSES = ["0", "1", "2", "3"]
AUGMENTATIONS = 12


def write_network(
    root,
    name,
    widths,
    epochs=(0, 1, 2),
    steps=3,
    dead=(),
    kinds=None,
    seed=0,
    classes=CLASSES,
    image=(28, 28, 1),
    tensors=None,
    build=None,
    given=False,
):
    """Write artifacts/<name> below `root`: `widths` by layer; `dead` layers have no living unit.

    `steps` are recorded an epoch; `kinds` maps layers to a t-SNE status where it is not "t-SNE"; `classes` are named so,
    and images have the shape `image`. A user-defined network has a `build` and `tensors`, their sizes by name; one
    that is `given` comes trained.
    """
    folder = root / "artifacts" / name
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    trained = [epoch for epoch in epochs if epoch]
    tensors = tensors or studied_tensors(widths)
    if build:
        write_own_card(folder, name, widths, tensors, image, build, given)
    else:
        write_card(folder, name, widths)
    widths, tensors = ({escaped(name): size for name, size in sizes.items()} for sizes in (widths, tensors))
    dead = list(map(escaped, dead))
    outputs = {
        epoch: {layer: random.normal(size=(40, width)) * (layer not in dead) for layer, width in widths.items()}
        for epoch in epochs
    }
    write_history(folder, trained, random, given)
    write_activations(folder, outputs, classes, image, random)
    write_correlations(folder, widths, outputs, random)
    write_similarity(folder / "similarity.h5", widths, epochs, dead, random)
    write_spectra(folder, widths, outputs, tensors, random)
    write_maps(folder, outputs[epochs[-1]], epochs[-1], kinds or {}, classes)
    write_gradients(folder, tensors, [] if given else trained, steps, random)
    return folder


def resnet18(image=(32, 32, 3), classes=10, everything=False):
    """Widths of the layers of torchvision's resnet18, convolutions and `fc` or `everything`, and its tensors' sizes."""
    units, layers, tensors = 16, {}, {}

    def module(name, size=None):
        if size or everything:
            layers[name] = units
        if size:
            tensors[f"{name}.weight"] = size

    def norm(name, channels):
        module(name)
        tensors.update({f"{name}.weight": channels, f"{name}.bias": channels})

    module("conv1", 64 * image[2] * 49)
    norm("bn1", 64)
    for name in ("relu", "maxpool"):
        module(name)
    before = 64
    for stage, channels in enumerate((64, 128, 256, 512), 1):
        for block in (0, 1):
            at = f"layer{stage}.{block}"
            for number in (1, 2):
                module(f"{at}.conv{number}", 9 * channels * (channels if number == 2 else before))
                norm(f"{at}.bn{number}", channels)
                if number == 1:
                    module(f"{at}.relu")
            if before != channels:
                module(f"{at}.downsample.0", before * channels)
                norm(f"{at}.downsample.1", channels)
            before = channels
    module("avgpool")
    layers["fc"] = classes
    return layers, {**tensors, "fc.weight": 512 * classes, "fc.bias": classes}


def mobilenet(classes=10):
    """Widths of all layers, and sizes of all tensors, of a Keras network named like MobileNetV2."""
    layers, tensors = {"Conv1": 16, "bn_Conv1": 16, "Conv1_relu": 16}, {"Conv1.kernel": 864, "bn_Conv1.gamma": 32}
    for block in range(1, 17):
        for part in ("expand", "depthwise", "project"):
            for kind, ending in (("", "kernel"), ("_BN", "gamma"), ("_relu", None)):
                layers[f"block_{block}_{part}{kind}"] = 16
                if ending:
                    tensors[f"block_{block}_{part}{kind}.{ending}"] = 4000 if not kind else 96
    layers |= {"Conv_1": 16, "Conv_1_bn": 16, "out_relu": 16, "predictions": classes}
    return layers, {**tensors, "Conv_1.kernel": 4096, "Conv_1_bn.gamma": 128, "predictions.kernel": 128 * classes}


def write_card(folder, name, widths):
    layers, squeeze = [], None
    for layer, width in widths.items():
        if layer.startswith("squeeze"):
            squeeze = width
        elif layer.startswith("layer"):
            layers.append(width if squeeze is None else [squeeze, width])
            squeeze = None
    card = {
        "name": name,
        "dataset": "mnist",
        "input": [28, 28, 1],
        "seed": 0,
        "framework": "torch",
        "layers": layers or [3],
    }
    card_file(folder / "network.yaml", check(Mlp, card, name))


def write_own_card(folder, name, widths, tensors, image, build, given):
    parameters = {
        layer: sum(size for name, size in tensors.items() if name.rsplit(".", 1)[0] == layer) for layer in widths
    }
    card = {
        "name": name,
        "dataset": "mine",
        "input": list(image),
        "seed": 0,
        "framework": "keras" if build.startswith("keras") else "torch",
        "device": "cpu",
        "build": build,
        "arguments": {"weights": None},
        "checkpoint": "trained.pth" if given else None,
        "training": None if given else {"optimizer": "momentum", "schedule": "cosine", "augmentation": ["flip"]},
        "files": {"trained.pth": "0" * 64} if given else {},
        "modules": [[layer, "module", [width, 4, 4], parameters[layer]] for layer, width in widths.items()],
    }
    card_file(folder / "network.yaml", check(Built, card, name))


def write_history(folder, epochs, random, given=False):
    columns = "epoch,train_loss,train_accuracy,val_loss,val_accuracy,val_f1"
    rows = [[epoch, *random.uniform(0.1, 1, 5)] for epoch in epochs]
    rows = [[row[0], "", "", *row[3:]] if given else row for row in rows]
    (folder / "history.csv").write_text("\n".join([columns, *(",".join(map(str, row)) for row in rows)]) + "\n")
    (folder / "metrics.json").write_text(json.dumps(dict(zip(columns.split(","), rows[-1], strict=True))))


def write_activations(folder, outputs, classes, image, random):
    widths = list(outputs[max(outputs)])
    with h5py.File(folder / "activations.h5", "w") as file:
        file["sample"] = np.arange(40) * 2
        file["labels"] = np.arange(40) % len(classes)
        file["images"] = random.integers(0, 256, (40, *image), np.uint8)
        for epoch, layers in outputs.items():
            for layer, array in layers.items():
                file[f"epochs/{epoch:03d}/{layer}"] = array.astype(np.float32)
        file.attrs.update(classes=list(classes), source="sample: synthetic digits", layers=widths)
    with h5py.File(folder / "augmented.h5", "w") as file:
        file["images"] = random.integers(0, 256, (AUGMENTATIONS, *image), np.uint8)
        file.attrs.update(sample=4, label=2 % len(classes), layers=widths)


def correlations(columns):
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.atleast_2d(np.corrcoef(columns, rowvar=False)).astype(np.float32)


def write_correlations(folder, widths, outputs, random):
    owner = np.repeat(np.arange(len(widths)), list(widths.values()))
    with h5py.File(folder / "correlations.h5", "w") as file:
        file.attrs["layers"] = list(widths)
        file["layer_of_unit"] = owner
        for epoch, layers in outputs.items():
            matrix = correlations(np.concatenate(list(layers.values()), axis=1))
            blocks = [[matrix[np.ix_(owner == i, owner == j)] for j in range(len(widths))] for i in range(len(widths))]
            means = np.array([[np.mean(np.nan_to_num(block)) for block in row] for row in blocks], np.float64)
            means[[np.isnan(np.diag(row[i])).all() for i, row in enumerate(blocks)]] = np.nan
            file[f"epochs/{epoch:03d}/matrix"] = matrix
            file[f"epochs/{epoch:03d}/mean"] = means
            file[f"epochs/{epoch:03d}/mean_abs"] = np.abs(means)
        for layer, array in outputs[max(outputs)].items():
            augmented = random.normal(size=(AUGMENTATIONS, array.shape[1])) * array.any()
            file[f"augmented/{layer}/features"] = correlations(augmented)
            samples = correlations(augmented.T) if array.shape[1] > 1 else np.full((AUGMENTATIONS,) * 2, np.nan)
            file[f"augmented/{layer}/samples"] = samples


def write_similarity(path, widths, epochs, dead, random):
    layers, count = ["input", *widths], len(widths) + 1
    with h5py.File(path, "w") as file:
        file.attrs.update(layers=layers, epochs=[f"{epoch:03d}" for epoch in epochs], samples=40)
        for name in MEASURES:
            between = random.uniform(0, 1, (len(epochs), count, count))
            for layer in dead:
                between[:, layers.index(layer)] = between[:, :, layers.index(layer)] = np.nan
            file[f"between_layers/{name}"] = between
            file[f"across_epochs/{name}"] = random.uniform(0, 1, (count, len(epochs), len(epochs)))
            file[f"outlier/{name}"] = random.uniform(0, 1, 3)
        file["across_epochs"].attrs["epochs"] = file.attrs["epochs"]
        file["by_samples/samples"] = [16, 32, 40]
        for name in (BIASED, TESTED):
            file[f"by_samples/{name}"] = random.uniform(0, 1, (3, count, count))
        file["outlier/shift"] = [0.0, 1.0, 10.0]
        file["outlier"].attrs.update(layer=layers[-2], epoch=f"{epochs[-1]:03d}")
        file["null/debiased_cka/q_value"] = random.uniform(0, 0.2, (len(epochs), count, count))
        file["floor/linear_cka"] = random.uniform(0, 1, (count, count))
        file["floor/permuted_linear_cka"] = random.uniform(0, 1, (len(epochs), count, count))


def write_spectrum(file, name, values):
    group = file.create_group(name)
    group["singular_values"] = values
    shares = values**2 / np.sum(values**2) if values.any() else values * np.nan
    group.attrs["participation_ratio"] = 1 / np.sum(shares**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        for rank, of in (
            ("effective_rank", np.sqrt(shares) / np.sum(np.sqrt(shares))),
            ("effective_rank_of_variances", shares),
        ):
            group.attrs[rank] = np.exp(-np.sum(np.where(of == 0, 0, of * np.log(of))))


def write_spectra(folder, widths, outputs, tensors, random):
    tensors = [name for name in tensors if name.endswith(("weight", "kernel")) and "bn" not in name]
    products = [
        f"{layer}.product" for layer in widths if layer.replace("layer", "squeeze") in widths and "layer" in layer
    ]
    with h5py.File(folder / "svd.h5", "w") as file:
        file.attrs.update(layers=list(widths), tensors=tensors)
        for epoch, layers in outputs.items():
            for layer, array in layers.items():
                values = np.linalg.svd(array - array.mean(0), compute_uv=False)
                write_spectrum(file, f"features/{epoch:03d}/{layer}", values)
            for tensor in tensors + products:
                write_spectrum(file, f"weights/{epoch:03d}/{tensor}", np.sort(random.uniform(0.1, 2, 9))[::-1])


def write_maps(folder, outputs, epoch, kinds, classes):
    with h5py.File(folder / "tsne.h5", "w") as file:
        file.attrs.update(layers=list(outputs), epoch=f"{epoch:03d}", classes=list(classes))
        file["labels"] = np.arange(40) % len(classes)
        file["sample"] = np.arange(40) * 2
        for layer, array in outputs.items():
            status = kinds.get(layer, "t-SNE")
            points = np.zeros((40, 2))
            points[:, : min(2, array.shape[1])] = array[:, :2]
            file[f"{layer}/pca"] = points
            file[f"{layer}/embedding"] = points * (np.nan if status.startswith("none") else 1)
            known = status == "t-SNE"
            file[layer].attrs.update(status=status, trustworthiness=0.9 if known else np.nan)
            file[layer].attrs["neighbor_recall"] = 0.5 if known else np.nan


def studied_tensors(widths):
    """The sizes of the tensors of the studies' network of such layers."""
    sizes = {}
    before = 28 * 28
    for layer, width in widths.items():
        name = layer if layer == "output" else f"{layer}.linear"
        sizes |= {f"{name}.weight": before * width, f"{name}.bias": width}
        before = width
    return sizes


def write_gradients(folder, sizes, epochs, steps, random):
    bins, count = len(EDGES) + 2, steps * len(epochs)
    with h5py.File(folder / "gradients.h5", "w") as file:
        file.attrs.update(bin_edges=EDGES, tensors=list(sizes), sizes=list(sizes.values()))
        file["loss"] = random.uniform(0.1, 2, count)
        for kind in ("raw", "ema"):
            file[f"{kind}/counts"] = random.integers(0, 50, (count, len(sizes), bins, bins, 4), np.uint32)
            file[f"{kind}/weight_change"] = random.uniform(0, 1, (count, len(sizes), bins, bins, 2))
            file[f"{kind}/step"] = np.arange(2, count + 2)
            file[f"{kind}/epoch"] = np.repeat(epochs, steps)
        for epoch in epochs:
            for tensor, size in sizes.items():
                file[f"snapshots/{epoch:03d}/{tensor}"] = random.integers(-bins + 1, bins, size).astype(np.int8)
    write_statistics(folder, list(map(unescaped, sizes)), epochs, count, steps)


def write_statistics(folder, tensors, epochs, count, steps):
    names = ["zeros", "exact_zeros", "retained", "released", "flips", "minima", "maxima", "weight_change"]

    def table(length, **index):
        values = {name: [(7 * row + 3 * place) % 11 for row in range(length)] for place, name in enumerate(names)}
        return {**index, **values, "fraction_released": [None if row % 5 == 4 else 0.1 * row for row in range(length)]}

    def kind():
        return {
            "step": table(
                count, step=list(range(2, count + 2)), epoch=[epoch for epoch in epochs for _ in range(steps)]
            ),
            "epoch": table(len(epochs), epoch=list(epochs)),
            "tensor": {tensor: table(len(epochs)) for tensor in tensors},
        }

    thresholds = {threshold: {"raw": kind(), "ema": kind()} for threshold in ("1e-07", "1e-05")}
    (folder / "gradient_stats.json").write_text(json.dumps({"tensors": tensors, "thresholds": thresholds}))
