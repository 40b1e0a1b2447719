"""Data that a user's function makes: arrays, or data sets of PyTorch or Hugging Face."""

from collections.abc import Mapping

import numpy as np

from drillcore.artifacts.dataset import SPLITS, kind_of
from drillcore.base.errors import InputError
from stages.rig.sources.dataset import Dataset
from stages.rig.user_defined import MODELS, as_script, oneline, origin, user_function

INPUTS = "inputs", "input_ids", "image", "img", "pixel_values", "features", "x"
TARGETS = "targets", "labels", "label", "target", "y"
"""What a sample's input and target may be called in a mapping; the first that is there counts."""
PARTS = {*SPLITS, "classes", "columns", "vocabulary"}


def load_function(name, source, arguments, task=None):
    """Return what the function `source`, as in my_data.py:make, returns for `arguments` as a `Dataset`.

    It returns a mapping with `train` and `test`, and maybe the names of `classes` and `columns` and the texts of a
    `vocabulary`; or a pair (train, test). Each of the two is a pair of arrays (inputs, targets), inputs alone, or a data set
    whose items are such pairs or mappings. Bytes (n, h, w, c) are images, other integers tokens, floats features; targets
    that are integers (n) are classes, floats numbers, tokens the next ones; without targets inputs are to be reconstructed.
    """
    file, _, function = source.partition(":")
    context = f"params.yaml: the source of datasets.{name} is {source!r}"
    make = user_function(file, function, context)
    try:
        with as_script(MODELS / file):
            made = make(**arguments)
            found = dict(made) if isinstance(made, Mapping) else dict(zip(SPLITS, made, strict=True))
            pairs = [arrays_of(found[split]) for split in SPLITS]
    except Exception as error:  # a user's code can raise anything
        raise InputError(
            f"{context}, which fails with the arguments {arguments}{origin(error)}: {oneline(error)}. It should return "
            "{'train': (inputs, targets), 'test': (inputs, targets)}."
        ) from None
    if unknown := set(found) - PARTS:
        raise InputError(
            f"{context}, which returns {sorted(unknown)[0]!r}; known are {', '.join(sorted(PARTS))}: remove it."
        )
    return as_dataset(context, pairs, found, task, f"function {source}")


def arrays_of(part):
    """The arrays (inputs, targets) of one split, targets None where it has none."""
    if isinstance(part, tuple) and len(part) == 2:
        return tuple(map(array, part))
    if hasattr(part, "dtype"):  # a data set of Hugging Face has a shape too
        return array(part), None
    items = [part[number] for number in range(len(part))]
    if isinstance(items[0], Mapping):
        items = [(named(item, INPUTS), named(item, TARGETS)) for item in items]
    if not isinstance(items[0], tuple):
        return np.stack(list(map(array, items))), None
    inputs, targets = zip(*items, strict=True)
    return np.stack(list(map(array, inputs))), None if targets[0] is None else np.stack(list(map(array, targets)))


def named(item, names):
    """The first of the `names` that the mapping `item` has; None where it has none."""
    return next((item[name] for name in names if name in item), None)


def array(values):
    """A tensor, an image of Pillow's or a list as an array."""
    return None if values is None else np.asarray(values.numpy() if hasattr(values, "numpy") else values)


def as_dataset(context, pairs, found, task, source):
    """The `Dataset` of the arrays of training and testing, `pairs`, with the names that were `found` beside them."""
    inputs = [stored(context, one) for one, _ in pairs]
    kind = kind_of(inputs[0])
    if {one.shape[1:] for one in inputs} != {inputs[0].shape[1:]} or inputs[0].dtype != inputs[1].dtype:
        raise InputError(
            f"{context}, whose inputs differ in shape or type between training and testing: make them alike."
        )
    if kind == "tokens" and task in ("reconstruction", "regression"):
        raise InputError(f"{context}, which returns tokens, that have no {task} here: leave the task out.")
    targets = [one for _, one in pairs]
    task = task or task_of(kind, targets[0])
    if targets[0] is None:
        targets = [np.zeros(len(one), np.int64) for one in inputs]
    for one, wanted in zip(inputs, targets, strict=True):
        if len(one) != len(wanted) or not len(one):
            raise InputError(
                f"{context}, which returns {len(one)} inputs and {len(wanted)} targets: return one for each."
            )
    targets, classes = targets_of(context, task, targets, found.get("classes"))
    vocabulary = found.get("vocabulary") or []
    if kind == "tokens" and not len(vocabulary):
        vocabulary = list(
            map(str, range(int(max(one.max() for one in (*inputs, *(targets * (task == "next_token")))) + 1)))
        )
    names = [list(map(str, one)) for one in (found.get("columns") or [], vocabulary)]
    return Dataset(inputs[0], targets[0], inputs[1], targets[1], classes, source, kind, task, *names)


def stored(context, inputs):
    """`inputs` as a data set holds them: images with their channels, float32 features, int32 tokens."""
    if inputs.dtype.kind not in "iuf" or inputs.ndim < 2:
        raise InputError(
            f"{context}, which returns inputs of {inputs.dtype} and shape {inputs.shape}: return bytes (n, height, width, "
            "channels) for images, floats (n, ...) for features, or integers (n, positions) for tokens."
        )
    if inputs.dtype == np.uint8 and inputs.ndim in (3, 4):
        return inputs.reshape(*inputs.shape[:3], -1)
    if inputs.dtype.kind == "f":
        if not np.isfinite(inputs).all():
            raise InputError(f"{context}, which returns inputs that are not finite: fill them in, or leave them out.")
        return inputs.astype(np.float32)
    if inputs.ndim > 2 or inputs.min() < 0:
        raise InputError(
            f"{context}, which returns integers of shape {inputs.shape} from {inputs.min()}: make them floats."
        )
    return inputs.astype(np.int32)


def task_of(kind, targets):
    """The task that `targets` tell."""
    if targets is None:
        return "reconstruction"
    if targets.dtype.kind == "f":
        return "regression"
    return "next_token" if kind == "tokens" and targets.ndim == 2 else "classification"


def targets_of(context, task, targets, classes):
    """The `targets` of both splits as the `task` stores them, and the names of the classes."""
    if task == "regression":
        return [one.reshape(len(one), -1).astype(np.float32) for one in targets], []
    if task == "next_token":
        return [one.astype(np.int32) for one in targets], []
    if task == "reconstruction" and classes is None:
        return [np.zeros(len(one), np.int64) for one in targets], []
    if any(one.ndim != 1 or one.dtype.kind not in "iu" or one.min() < 0 for one in targets):
        raise InputError(f"{context}, whose targets should be one whole number from 0 for each sample: return those.")
    count = int(max(one.max() for one in targets)) + 1
    names = list(map(str, classes if classes is not None else range(count)))
    if len(names) < count:
        raise InputError(
            f"{context}, which returns {len(names)} classes, but targets up to {count - 1}: name them all."
        )
    return [one.astype(np.int64) for one in targets], names
