"""Data that a user's function makes: arrays, or data sets of PyTorch or Hugging Face."""

import math
from collections.abc import Mapping
from itertools import islice

import numpy as np

from drillcore.artifacts.dataset import IGNORED, SPLITS, kind_of
from drillcore.base.arrays import row_blocks
from drillcore.base.errors import InputError
from stages.rig.base.command import progress
from stages.rig.sources.arrays import check_labels, check_trained, numbered
from stages.rig.sources.blocks import Blockwise, Gathered
from stages.rig.sources.dataset import Dataset
from stages.rig.sources.layout import TEST
from stages.rig.user_defined import MODELS, as_script, oneline, origin, user_function

INPUTS = "inputs", "input_ids", "image", "img", "pixel_values", "features", "x"
TARGETS = "targets", "labels", "label", "target", "y"
"""What a sample's input and target may be called in a mapping; the first that is there counts."""
PARTS = {*SPLITS, "classes", "columns", "vocabulary"}
MOST_TOKENS = 1 << 20
"""Four times the largest vocabularies; higher numbers are no tokens, and a text for each would fill the memory."""
MOST_COMPARED = 1000
"""So many samples tell whether the targets of tokens are these themselves."""


def load_function(name, source, arguments, task=None):
    """Return what the function `source`, as in my_data.py:make, returns for `arguments` as a `Dataset`.

    It returns a mapping with `train` and `test`, and maybe the names of `classes` and `columns` and the texts of a
    `vocabulary`; or a pair (train, test). Each of the two is a pair of arrays (inputs, targets), inputs alone, or a data set
    whose items are such pairs or mappings. All may be larger than memory: of what gives slices of rows, as a np.memmap or
    a dataset of h5py, blocks are read, of a data set one item after the other.

    Bytes (n, h, w, c) are images, other integers tokens, floats features. Floats as targets are a regression, a target for
    each position of tokens is the next token, and all other targets are classes. Inputs without targets are to be
    reconstructed; tokens without targets, or that are their own targets, are asked for the next one.
    """
    file, _, function = source.partition(":")
    context = f"params.yaml: the source of datasets.{name} is {source!r}"
    make = user_function(file, function, context)
    try:
        with as_script(MODELS / file):
            found = parts_of(make(**arguments))
            pairs = [arrays_of(found[split]) for split in SPLITS]
            classes = found.get("classes", known_classes(found["train"]))
    except Exception as error:  # a user's code can raise anything
        raise InputError(
            f"{context}, which fails with the arguments {arguments}{origin(error)}: {oneline(error)}. It should return "
            "{'train': (inputs, targets), 'test': (inputs, targets)}."
        ) from None
    if unknown := set(found) - PARTS:
        raise InputError(
            f"{context}, which returns {sorted(unknown)[0]!r}; known are {', '.join(sorted(PARTS))}: remove it."
        )
    return as_dataset(context, pairs, found | {"classes": classes}, task, source)


def parts_of(made):
    """What a function `made` as a dict; where it names no test, it is what is for validation, as of folders."""
    found = dict(made) if isinstance(made, Mapping) else dict(zip(SPLITS, made, strict=True))
    for name in TEST:
        if "test" not in found and name in found:
            found["test"] = found.pop(name)
    return found


def arrays_of(part):
    """The arrays (inputs, targets) of one split, targets None where it has none."""
    if isinstance(part, tuple) and len(part) == 2:
        return tuple(map(array, part))
    if hasattr(part, "dtype"):  # a data set of Hugging Face has a shape too
        return array(part), None
    if hasattr(part, "batch_sampler"):  # of PyTorch
        raise TypeError("a DataLoader gives batches: return its dataset")
    inputs = targets = None
    count = len(part) if hasattr(part, "__len__") else None
    for item in progress(islice(part, count), "reading samples", count):
        one, target = sample(item)
        inputs = gathered(inputs, one)
        targets = None if target is None else gathered(targets, target)
    return inputs.rows(), None if targets is None else targets.rows()


def sample(item):
    """The input and the target, or None, of an `item` of a data set."""
    if isinstance(item, Mapping):
        if not {*INPUTS} & {*item}:
            raise ValueError(f"a sample has {', '.join(map(str, item))}, none of which is called {', '.join(INPUTS)}")
        return named(item, INPUTS), named(item, TARGETS)
    return item if isinstance(item, tuple) else (item, None)


def gathered(rows, value):
    """The `Gathered` rows, None before the first, and `value`; a type that does not hold it makes way for one that does."""
    row = np.asarray(array(value))[None]
    rows = rows or Gathered(row.shape[1:], row.dtype)
    wider = np.result_type(rows.dtype, row.dtype)
    if wider != rows.dtype:
        rows = rows.mapped(lambda block: block.astype(wider))
    rows.add(row)
    return rows


def named(item, names):
    """The first of the `names` that the mapping `item` has; None where it has none."""
    return next((item[name] for name in names if name in item), None)


def known_classes(part):
    """The names of the classes that a data set of PyTorch or Hugging Face knows, else None."""
    features = getattr(part, "features", None)
    if isinstance(features, Mapping):
        return getattr(named(features, TARGETS), "names", None)
    classes = getattr(getattr(part, "dataset", part), "classes", None)  # of a Subset those of the whole
    return classes if isinstance(classes, list | tuple) else None


def array(values):
    """A tensor, an image of Pillow's or a list as an array; what is read by slices, as a dataset of h5py, as it is."""
    if hasattr(values, "numpy"):
        return values.numpy()
    sliced = all(hasattr(values, name) for name in ("shape", "dtype", "__getitem__"))
    return values if values is None or sliced else np.asarray(values)


def as_dataset(context, pairs, found, task, source):
    """The `Dataset` of the arrays of training and testing, `pairs`, with the names that were `found` beside them."""
    inputs, targets = [stored(context, one) for one, _ in pairs], [one for _, one in pairs]
    check_alike(context, inputs, targets)
    kind = kind_of(inputs[0])
    if task == ("reconstruction" if kind == "tokens" else "next_token"):
        raise InputError(f"{context}, which returns {kind}, that have no {task} here: leave the task out.")
    if kind == "tokens" and task in (None, "next_token") and all(map(repeated, inputs, targets)):
        inputs, targets = shifted(context, inputs, targets)
    task = task or task_of(kind, targets[0])
    if task in ("regression", "next_token"):
        targets, classes = numbers_of(context, task, targets), []
    else:
        targets, classes = labels_of(source, task, inputs, targets, found["classes"])
    names = names_of(context, kind, inputs, targets if task == "next_token" else [], found)
    return Dataset(inputs[0], targets[0], inputs[1], targets[1], classes, f"function {source}", kind, task, *names)


def check_alike(context, inputs, targets):
    """Refuse inputs of two shapes or types, and targets that are not one for each of them."""
    if inputs[0].shape[1:] != inputs[1].shape[1:] or inputs[0].dtype != inputs[1].dtype:
        raise InputError(
            f"{context}, whose inputs differ in shape or type between training and testing: make them alike."
        )
    if (targets[0] is None) != (targets[1] is None):
        raise InputError(
            f"{context}, which returns targets for one of train and test: return them for both, or neither."
        )
    for one, wanted in zip(inputs, targets, strict=True):
        count = len(one if wanted is None else wanted)
        if len(one) != count or not count:
            raise InputError(f"{context}, which returns {len(one)} inputs and {count} targets: return one for each.")


def names_of(context, kind, inputs, targets, found):
    """The names of the columns of features, and the texts of the tokens in `inputs` and `targets`, that were `found`, the
    numbers of tokens without any."""
    names = [found.get(name) for name in ("columns", "vocabulary")]
    columns, vocabulary = ([] if one is None else list(map(str, one)) for one in names)
    if columns and len(columns) != inputs[0].shape[-1]:
        raise InputError(
            f"{context}, which returns {len(columns)} columns, but inputs of {list(inputs[0].shape[1:])}: name every number "
            "of the last axis, or none."
        )
    if kind != "tokens":
        return columns, []
    most = max(map(highest, [*inputs, *targets]))
    if vocabulary and len(vocabulary) <= most:
        raise InputError(
            f"{context}, which returns tokens up to {most}, but a vocabulary of {len(vocabulary)}: name all of them."
        )
    return columns, vocabulary or list(map(str, range(most + 1)))


def highest(tokens):
    """The highest of the `tokens` (n, positions)."""
    return max(int(tokens[block].max()) for block in row_blocks(len(tokens), 4 * tokens.shape[1]))


def repeated(inputs, targets):
    """Whether tokens have no targets or are these themselves, as the models of Hugging Face, which shift them, want it."""
    if targets is None:
        return True
    rows = slice(0, min(len(inputs), MOST_COMPARED))
    labels = targets[rows]
    return labels.shape == inputs[rows].shape and bool(((labels == inputs[rows]) | (labels == IGNORED)).all())


def shifted(context, inputs, targets):
    """Of both splits the tokens (n, positions) but the last as inputs, and the `targets`, or the tokens, but the first."""
    if inputs[0].shape[1] < 2:
        raise InputError(f"{context}, which returns one token for each sample, which no other follows: return more.")
    shapes = [(len(one), one.shape[1] - 1) for one in inputs]
    wanted = [one if labels is None else labels for one, labels in zip(inputs, targets, strict=True)]
    return [
        [
            Blockwise(shape, np.int32, lambda rows, one=one, part=part: np.asarray(one[rows])[:, part])
            for shape, one in zip(shapes, arrays, strict=True)
        ]
        for arrays, part in ((inputs, slice(-1)), (wanted, slice(1, None)))
    ]


def stored(context, inputs):
    """`inputs` as a data set holds them: images with their channels, float32 features, int32 tokens."""
    kind, shape = inputs.dtype.kind, tuple(inputs.shape)
    images = inputs.dtype == np.uint8 and len(shape) in (3, 4)
    if kind not in "iuf" or len(shape) < 2 or (kind in "iu" and len(shape) > 2 and not images):
        raise InputError(
            f"{context}, which returns inputs of {inputs.dtype} and shape {shape}: return bytes (n, height, width, "
            "channels) for images, floats (n, ...) for features, or integers (n, positions) for tokens."
        )
    if images and shape[3:] not in ((), (1,), (3,)):
        raise InputError(
            f"{context}, which returns images of shape {shape}, but they are (n, height, width), or (n, height, width, "
            "channels) with 1 or 3 channels: transpose them, or return floats, which are features of any shape."
        )
    if images:
        return converted(context, "inputs", inputs, (*shape[:3], math.prod(shape[3:])), np.uint8)
    return converted(context, "inputs", inputs, shape, np.float32 if kind == "f" else np.int32)


def converted(context, role, values, shape, dtype):
    """`values`, whose `role` is "inputs" or "targets", in another `shape` and of another type, checked and converted when a
    block of their rows is asked for."""

    def read(rows):
        try:
            block = np.asarray(values[rows])
        except Exception as error:  # a user's array can raise anything
            raise InputError(f"{context}, of whose rows some cannot be read: {oneline(error)}.") from None
        if dtype == np.int32:
            check_tokens(context, role, block)
        with np.errstate(over="ignore"):
            block = block.astype(dtype, copy=False).reshape(len(block), *shape[1:])
        if dtype == np.float32 and not np.isfinite(block).all():
            raise InputError(
                f"{context}, which returns {role} that are not finite, or too large for float32: fill them in, scale them, "
                "or leave them out."
            )
        return block

    return Blockwise(shape, dtype, read)


def check_tokens(context, role, tokens):
    """Refuse numbers that no vocabulary has; those of targets may be ignored."""
    tokens = tokens[tokens != IGNORED] if role == "targets" else tokens
    if tokens.size and not 0 <= tokens.min() <= tokens.max() < MOST_TOKENS:
        raise InputError(
            f"{context}, which returns {role} that are integers from {tokens.min()} to {tokens.max()}, but tokens are from 0 "
            f"to {MOST_TOKENS - 1}: return floats for features, or number the tokens anew."
        )


def task_of(kind, targets):
    """The task that `targets` tell."""
    if targets is None:
        return "reconstruction"
    if targets.dtype.kind == "f":
        return "regression"
    return "next_token" if kind == "tokens" and len(targets.shape) == 2 else "classification"


def numbers_of(context, task, targets):
    """The `targets` of both splits as numbers, in a row for each sample, or as the tokens of each position."""
    if any(one is None or one.dtype.kind not in "iuf" for one in targets):
        raise InputError(f"{context}, whose task is {task}, but its targets are no numbers: return those.")
    if task == "next_token":
        return [converted(context, "targets", one, one.shape, np.int32) for one in targets]
    shapes = [(len(one), math.prod(one.shape[1:])) for one in targets]
    return [converted(context, "targets", one, shape, np.float32) for one, shape in zip(targets, shapes, strict=True)]


def labels_of(source, task, inputs, targets, classes):
    """The classes of both splits, and their names; zeros for inputs to be reconstructed of which no classes are known."""
    unlabelled = targets[0] is None or len(targets[0].shape) > 1 or targets[0].dtype.kind == "f"
    if task == "reconstruction" and unlabelled:
        return [np.zeros(len(one), np.int64) for one in inputs], []
    path, labels = MODELS / source, {}
    if targets[0] is None:
        raise InputError(
            f"{path} returns inputs alone, which have no classes: return targets too, or leave the task out."
        )
    for split, one, wanted in zip(SPLITS, inputs, targets, strict=True):
        wanted = np.asarray(wanted[:])
        wanted = wanted.astype({"b": int, "O": str}.get(wanted.dtype.kind, wanted.dtype))
        labels[split] = check_labels(path, f"targets of {split}", wanted, len(one))
    named = None if classes is None else ("classes", np.array(list(map(str, classes))))
    labels, names = numbered(path, named, labels)
    if (
        task == "classification"
    ):  # in a reconstruction classes are colours alone: a test may have samples unlike any before
        check_trained(path, names, **labels)
    return list(labels.values()), names
