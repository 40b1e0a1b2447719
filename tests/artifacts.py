"""Small synthetic artifacts of a network."""

import json
from functools import partial
from types import SimpleNamespace

import h5py
import numpy as np

from drillcore.artifacts.activations import Activations, TrainActivations, write_activations
from drillcore.artifacts.augmented import Augmented, write_augmented
from drillcore.artifacts.correlations import Correlations, write_correlations
from drillcore.artifacts.curvature import CurvatureFile, Row, write_curvature
from drillcore.artifacts.geometry import Geometry, write_geometry
from drillcore.artifacts.gradient_stats import GradientStats, write_gradient_stats
from drillcore.artifacts.gradients import KINDS, SCALARS, Gradients, GradientsWriter
from drillcore.artifacts.layers import store_outputs
from drillcore.artifacts.predictions import Predictions, write_predictions
from drillcore.artifacts.replicates import Replicates, folder_of, write_replicates
from drillcore.artifacts.rewinding import Rewinding, write_rewinding
from drillcore.artifacts.similarity import Similarity, write_similarity
from drillcore.artifacts.svd import RANKS, TAIL, Spectra, SpectraWriter, product_of, write_spectra
from drillcore.artifacts.tsne import Maps, write_maps
from drillcore.base.store import create
from drillcore.embedding import Embedding
from drillcore.extraction.activity import Activity
from drillcore.geometry.catalogue import MEASURES as SCORES
from drillcore.geometry.catalogue import WITHOUT_CHANCE
from drillcore.geometry.dimension import Dimension
from drillcore.geometry.measurement import Measured
from drillcore.landscape.edge import edge_of_stability
from drillcore.landscape.measurement import COMPLETE, Curvature
from drillcore.landscape.noise import Noise
from drillcore.landscape.rewinding import Rewound
from drillcore.landscape.trace import Estimate
from drillcore.similarity.catalogue import MEASURES
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
    outputs = {
        epoch: {layer: random.normal(size=(40, width)) * (layer not in dead) for layer, width in widths.items()}
        for epoch in epochs
    }
    write_history(folder, trained, random, given)
    write_outputs(folder, outputs, classes, image, random)
    write_units(folder, widths, outputs, random)
    write_comparison(folder / Similarity.FILE, widths, epochs, dead, random)
    write_singular_values(folder, widths, outputs, tensors, random)
    write_embeddings(folder, outputs[epochs[-1]], epochs[-1], kinds or {}, classes)
    write_gradients(folder, tensors, [] if given else trained, steps, random)
    write_bends(
        folder / CurvatureFile.FILE, tensors, epochs, "" if given else "momentum", np.random.default_rng(seed + 1)
    )
    write_rewound(folder / Rewinding.FILE, widths, sorted({epochs[0], epochs[-1]}), np.random.default_rng(seed + 2))
    write_knowledge(folder / Geometry.FILE, widths, epochs, dead, np.random.default_rng(seed + 2))
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


def write_outputs(folder, outputs, classes, image, random):
    about = np.arange(40) * 2, np.arange(40) % len(classes), random.integers(0, 256, (40, *image), np.uint8)
    with write_activations(folder / Activations.FILE, *about, list(classes), "sample: synthetic digits") as writer:
        for epoch, layers in outputs.items():
            batch = {layer: array.astype(np.float32) for layer, array in layers.items()}
            writer.store(epoch, [batch], 40, all_units(layers))
    about = *about[:2], None, list(classes), "sample: synthetic digits"
    with write_activations(folder / TrainActivations.FILE, *about) as writer:
        for epoch, layers in outputs.items():
            batch = {layer: array[::-1].astype(np.float32) for layer, array in layers.items()}
            writer.store(epoch, [batch], 40, all_units(layers))
            writer.store_activity(epoch, activity_of(batch))
    with write_replicates(folder / Replicates.FILE):
        pass
    write_answers(folder, outputs, classes, image, np.random.default_rng(2))
    images, last = random.integers(0, 256, (AUGMENTATIONS, *image), np.uint8), outputs[max(outputs)]
    batch = {layer: np.zeros((AUGMENTATIONS, array.shape[1]), np.float32) for layer, array in last.items()}
    store = partial(store_outputs, outputs=[batch], count=AUGMENTATIONS, units=all_units(last))
    write_augmented(folder / Augmented.FILE, images, 4, 2 % len(classes), None, store)


def activity_of(batch):
    """The `Activity` of one batch of outputs, of which every unit is stored."""
    activity = Activity()
    activity.add({layer: (np.abs(rows).sum(0), np.sum(rows == 0)) for layer, rows in batch.items()}, 40)
    return activity


def write_answers(folder, epochs, classes, image, random):
    """The outputs for 30 training and 80 test images, those of the probe at even numbers."""
    counts = {"train": 30, "test": 80}
    labels = {split: np.arange(count) % len(classes) for split, count in counts.items()}
    labels["test"][::2] = np.arange(40) % len(classes)
    with write_predictions(folder / Predictions.FILE, labels, list(classes), "sample: synthetic digits") as writer:
        for epoch in epochs:
            for split, count in counts.items():
                right = np.eye(len(classes))[labels[split]] * random.uniform(-1, 4, (count, 1))
                writer.store(epoch, split, [(right + random.normal(size=right.shape)).astype(np.float32)])
        images = {split: random.integers(0, 256, (count, *image), np.uint8) for split, count in counts.items()}
        writer.finish(images, {split: np.arange(count) for split, count in counts.items()}, 0)


def all_units(layers):
    """What `store_outputs` takes of layers whose units are all stored."""
    return SimpleNamespace(chosen=dict.fromkeys(layers))


def correlations(columns):
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.atleast_2d(np.corrcoef(columns, rowvar=False)).astype(np.float32)


def write_units(folder, widths, outputs, random):
    owner = np.repeat(np.arange(len(widths)), list(widths.values()))
    with write_correlations(folder / Correlations.FILE, list(widths)) as writer:
        for epoch, layers in outputs.items():
            matrix = correlations(np.concatenate(list(layers.values()), axis=1))
            blocks = [[matrix[np.ix_(owner == i, owner == j)] for j in range(len(widths))] for i in range(len(widths))]
            means = np.array([[np.mean(np.nan_to_num(block)) for block in row] for row in blocks], np.float64)
            dead = np.array([np.isnan(np.diag(row[i])).sum() for i, row in enumerate(blocks)])
            means[dead == list(widths.values())] = np.nan
            writer.store(epoch, means, np.abs(means), dead, matrix)
        writer.store_units(owner, np.arange(len(owner)))
        for layer, array in outputs[max(outputs)].items():
            augmented = random.normal(size=(AUGMENTATIONS, array.shape[1])) * array.any()
            samples = correlations(augmented.T) if array.shape[1] > 1 else np.full((AUGMENTATIONS,) * 2, np.nan)
            writer.store_augmented(layer, correlations(augmented), samples)


def write_comparison(path, widths, epochs, dead, random):
    layers, count = ["input", *widths], len(widths) + 1
    with write_similarity(path, layers, list(epochs), 40) as writer:
        outlier = {}
        for name in MEASURES:
            between = random.uniform(0, 1, (len(epochs), count, count))
            for layer in dead:
                between[:, layers.index(layer)] = between[:, :, layers.index(layer)] = np.nan
            writer.store_between(name, between, "complete")
            writer.store_across(name, random.uniform(0, 1, (count, len(epochs), len(epochs))), "complete")
            outlier[name] = random.uniform(0, 1, 3)
            quantile = np.where(np.eye(count, dtype=bool), np.nan, random.uniform(0, 0.3, (count, count)))
            writer.store_quantiles(name, quantile, np.nanmax(quantile, 1), 20)
        writer.store_compared(list(epochs))
        writer.store_sizes(np.array([16, 32, 40]))
        for name in ("linear_cka", "debiased_cka"):
            writer.store_by_samples(name, random.uniform(0, 1, (3, count, count)))
        writer.store_shifts(np.array([0.0, 1.0, 10.0]), layers[-2], epochs[-1])
        for name, values in outlier.items():
            writer.store_outlier(name, values, "complete")
        q_values = random.uniform(0, 0.2, (len(epochs), count, count))
        writer.store_null(q_values / 2, q_values, 200)
        writer.store_floor(random.uniform(0, 1, (count, count)), random.uniform(0, 1, (len(epochs), count, count)))


def ranks(values):
    shares = values**2 / np.sum(values**2) if values.any() else values * np.nan
    found = dict.fromkeys(RANKS, 1) | {"participation_ratio": 1 / np.sum(shares**2)}
    with np.errstate(divide="ignore", invalid="ignore"):
        for rank, of in (
            ("effective_rank", np.sqrt(shares) / np.sum(np.sqrt(shares))),
            ("effective_rank_of_variances", shares),
        ):
            found[rank] = np.exp(-np.sum(np.where(of == 0, 0, of * np.log(of))))
    return found


def write_knowledge(path, widths, epochs, dead, random):
    """The geometry of layers, of which dead ones have none but their dormant units."""

    def measured(layer):
        sizes, reason = np.array([40, 20]), "a dead layer: no unit varies" if layer in dead else ""
        known = {name: not reason or name in WITHOUT_CHANCE for name in SCORES}
        return Measured(
            {name: random.uniform(0, 1) if known[name] else np.nan for name in SCORES},
            {name: random.uniform(0, 0.3, 2 if known[name] and name not in WITHOUT_CHANCE else 0) for name in SCORES},
            {name: reason for name in SCORES if not known[name]},
            Dimension(np.nan, *[np.array([], int)] * 2, reason) if reason else Dimension(5.0, sizes, sizes / 8, ""),
        )

    found = [[measured(layer) for layer in widths] for _ in epochs]
    about = {"task": "accuracy", "samples": 40, "test_samples": 40, "threshold": 0.025}
    write_geometry(path, list(widths), list(epochs), found, about)


def write_singular_values(folder, widths, outputs, tensors, random):
    tensors = [name for name in tensors if name.endswith(("weight", "kernel")) and "bn" not in name]
    products = [
        product_of(layer) for layer in widths if layer.replace("layer", "squeeze") in widths and "layer" in layer
    ]
    with write_spectra(folder / Spectra.FILE, list(widths), tensors, 0.99) as writer:
        for epoch, layers in outputs.items():
            for layer, array in layers.items():
                values = np.linalg.svd(array - array.mean(0), compute_uv=False)
                writer.store_features(epoch, layer, values, ranks(values))
            for tensor in tensors + products:
                values = np.sort(random.uniform(0.1, 2, 9))[::-1]
                writer.store_weight(epoch, tensor, values, ranks(values), dict.fromkeys(TAIL, 3.0))


def write_further(folder, header, accuracies, outputs):
    """What further trainings left, with the seeds 1, 2, ...: their last test accuracies and by layer their outputs (samples,
    units); the spectra of other layers are those of the network, and scores are a little lower."""
    with h5py.File(folder / Spectra.FILE, "r+") as svd, h5py.File(folder / Geometry.FILE, "r+") as geometry:
        for position, (accuracy, told) in enumerate(zip(accuracies, outputs, strict=True)):
            further = folder_of(folder, position + 1)
            further.mkdir(parents=True)
            (further / "history.csv").write_text(f"{header}\n2,1,1,1,{accuracy},1\n")
            last = svd["features"][max(svd["features"])]
            for layer in last:
                values = last[layer]["singular_values"][:]
                if layer in told:
                    values = np.linalg.svd(np.float64(told[layer] - told[layer].mean(0)), compute_uv=False)
                SpectraWriter(svd).store_of_seed(position + 1, layer, values, ranks(values))
        for name, values in list(geometry["seeds"].items()):
            rows = np.concatenate([values[:], *(values[:] - 0.01 * (1 + seed) for seed in range(len(outputs)))])
            del geometry[f"seeds/{name}"]
            geometry[f"seeds/{name}"] = rows.reshape(-1, values.shape[1])


def write_embeddings(folder, outputs, epoch, kinds, classes):
    about = list(outputs), epoch, list(classes), np.arange(40) % len(classes), np.arange(40) * 2
    with write_maps(folder / Maps.FILE, *about) as writer:
        for layer, array in outputs.items():
            status = kinds.get(layer, "t-SNE")
            points = np.zeros((40, 2))
            points[:, : min(2, array.shape[1])] = array[:, :2]
            known = status == "t-SNE"
            quality = (0.5, 0.9, 0.5) if known else (np.nan,) * 3
            writer.store(
                layer, Embedding(points * (np.nan if status.startswith("none") else 1), *quality, status), points
            )


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
    with create(folder / Gradients.FILE) as file:
        writer = GradientsWriter(file, sizes, EDGES)
        loss = random.uniform(0.1, 2, count)
        for kind in KINDS:
            writer.append(kind, "counts", random.integers(0, 50, (count, len(sizes), bins, bins, 4), np.uint32))
            writer.append(kind, "weight_change", random.uniform(0, 1, (count, len(sizes), bins, bins, 2)))
            flips = random.integers(1, 50, (count, len(sizes), bins, bins), np.uint32)
            writer.append(kind, "null_minima", (0.6 * flips).astype(np.uint32))
            writer.append(kind, "null_flips", flips)
        numbers, nonfinite = np.arange(2, count + 2), np.zeros((count, len(sizes)))
        scalars = random.uniform(0, 1, (count, len(sizes), len(SCALARS)))
        writer.finish(numbers, np.repeat(epochs, steps), nonfinite, loss, scalars)
        for epoch in epochs:
            for tensor, size in sizes.items():
                writer.store_snapshot(epoch, tensor, random.integers(-bins + 1, bins, size).astype(np.int8))
        writer.store_names(0.9)
    write_statistics(folder, sizes, epochs, count, steps)


def write_statistics(folder, sizes, epochs, count, steps):
    names = ["zeros", "exact_zeros", "retained", "released", "flips", "minima", "maxima", "weight_change"]

    def table(length, **index):
        values = {name: [(7 * row + 3 * place) % 11 for row in range(length)] for place, name in enumerate(names)}
        return {
            **index,
            "counted": [20] * length,
            **values,
            "fraction_released": [None if row % 5 == 4 else 0.1 * row for row in range(length)],
            "minima_share": [0.6 + 0.01 * (row % 3) for row in range(length)],
            "minima_share_null": [None if row == 0 else 0.6 for row in range(length)],
        }

    def kind():
        return {
            "step": table(
                count, step=list(range(2, count + 2)), epoch=[epoch for epoch in epochs for _ in range(steps)]
            ),
            "epoch": table(len(epochs), epoch=list(epochs)),
            "tensor": {tensor: table(len(epochs)) for tensor in sizes},
        }

    thresholds = {threshold: {"raw": kind(), "ema": kind()} for threshold in ("1e-07", "1e-05")}
    statistics = {"tensors": list(sizes), "sizes": list(sizes.values()), "thresholds": thresholds}
    write_gradient_stats(folder / GradientStats.FILE, statistics)


def write_rewound(path, widths, epochs, random):
    """What the network scores with single layers put back."""
    names = "accuracy", "loss"
    scores = {name: random.uniform(0, 1, (len(widths), len(epochs))) for name in names}
    rewound = Rewound(list(widths), list(epochs), scores, {name: values[0] for name, values in scores.items()})
    write_rewinding(path, rewound, np.arange(12), 0.2)


def write_bends(path, sizes, epochs, optimizer, random):
    """The curvature at every epoch but one, whose loss is not finite."""
    entries, rows = {name: np.arange(1) for name in sizes}, []
    for epoch in epochs:
        gap = np.nan if epoch == epochs[-1] and len(epochs) > 2 else 1.0
        found = Curvature(
            *(random.uniform(0, 2, 2) * gap).tolist(),
            np.sort(random.uniform(0, 50, 2))[::-1] * gap,
            -random.uniform(0, 2) * gap,
            random.uniform(0, 0.2, 3) * gap,
            Estimate(*(random.uniform(0, 9, 2) * gap).tolist()),
            Noise(*(random.uniform(0, 90, 3) * gap).tolist()),
            entries,
            {name: random.uniform(0, 1, 1) * gap for name in sizes},
            COMPLETE if gap == 1 else "the loss or its gradient is not finite",
        )
        crossed = [random.integers(0, 2, sum(sizes.values())).astype(np.uint8) for _ in range(2)] if optimizer else None
        rate = 0.1 if optimizer else np.nan
        edge, edge_of = edge_of_stability(optimizer, rate)
        rows.append(Row(epoch, found, rate, edge, 0.5, crossed))
    write_curvature(path, np.arange(8), sizes, rows, optimizer, edge_of)
