"""Small synthetic artifacts of a network, written by NumPy and h5py alone."""

import json

import h5py
import numpy as np
import yaml

EDGES = [float(f"1e{k}") for k in range(-10, 1)]
CLASSES = ["0", "1", "2", "3"]
AUGMENTATIONS = 12


def write_network(root, name, widths, epochs=(0, 1, 2), steps=3, dead=(), kinds=None, seed=0, classes=CLASSES):
    """Write artifacts/<name> below `root`: `widths` by layer; `dead` layers have no living unit.

    `steps` are recorded an epoch; `kinds` maps layers to a t-SNE status where it is not "t-SNE"; `classes` are named so.
    """
    folder = root / "artifacts" / name
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    trained = [epoch for epoch in epochs if epoch]
    outputs = {
        epoch: {layer: random.normal(size=(40, width)) * (layer not in dead) for layer, width in widths.items()}
        for epoch in epochs
    }
    write_card(folder, name, widths)
    write_history(folder, trained, random)
    write_activations(folder, outputs, classes, random)
    write_correlations(folder, widths, outputs, random)
    write_similarity(folder / "similarity.h5", widths, epochs, dead, random)
    write_spectra(folder, widths, outputs, random)
    write_maps(folder, outputs[epochs[-1]], epochs[-1], kinds or {}, classes)
    write_gradients(folder, widths, trained, steps, random)
    return folder


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
    (folder / "network.yaml").write_text(yaml.safe_dump(card))


def write_history(folder, epochs, random):
    columns = "epoch,train_loss,train_accuracy,val_loss,val_accuracy,val_f1"
    rows = [[epoch, *random.uniform(0.1, 1, 5)] for epoch in epochs]
    (folder / "history.csv").write_text("\n".join([columns, *(",".join(map(str, row)) for row in rows)]) + "\n")
    (folder / "metrics.json").write_text(json.dumps(dict(zip(columns.split(","), rows[-1], strict=True))))


def write_activations(folder, outputs, classes, random):
    widths = list(outputs[max(outputs)])
    with h5py.File(folder / "activations.h5", "w") as file:
        file["sample"] = np.arange(40) * 2
        file["labels"] = np.arange(40) % len(classes)
        file["images"] = random.integers(0, 256, (40, 28, 28, 1), np.uint8)
        for epoch, layers in outputs.items():
            for layer, array in layers.items():
                file[f"epochs/{epoch:03d}/{layer}"] = array.astype(np.float32)
        file.attrs.update(classes=list(classes), source="sample: synthetic digits", layers=widths)
    with h5py.File(folder / "augmented.h5", "w") as file:
        file["images"] = random.integers(0, 256, (AUGMENTATIONS, 28, 28, 1), np.uint8)
        file.attrs.update(sample=4, label=2, layers=widths)


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


MEASURES = ["linear_cka", "debiased_cka", "rbf_cka", "svcca", "pwcca", "procrustes", "rsa"]


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
        for name in ("linear_cka", "debiased_cka"):
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
        group.attrs["effective_rank"] = np.exp(-np.sum(np.where(shares == 0, 0, shares * np.log(shares))))


def write_spectra(folder, widths, outputs, random):
    tensors = [f"{layer}.weight" if layer == "output" else f"{layer}.linear.weight" for layer in widths]
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


def write_gradients(folder, widths, epochs, steps, random):
    sizes = {}
    before = 28 * 28
    for layer, width in widths.items():
        name = layer if layer == "output" else f"{layer}.linear"
        sizes |= {f"{name}.weight": before * width, f"{name}.bias": width}
        before = width
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
    write_statistics(folder, list(sizes), epochs, count, steps)


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
