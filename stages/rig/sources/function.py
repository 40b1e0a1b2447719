"""Data that a user's function makes: arrays, or data sets of PyTorch or Hugging Face."""

import math
from collections.abc import Mapping

import numpy as np

from drillcore.artifacts.dataset import SPLITS, kind_of
from drillcore.base.arrays import row_blocks
from drillcore.base.errors import InputError
from stages.rig.base.command import progress
from stages.rig.sources.blocks import Blockwise, Gathered
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
    whose items are such pairs or mappings. All may be larger than memory: of what gives slices of rows, as a np.memmap or
    a dataset of h5py, blocks are read, of a data set one item after the other.

    Bytes (n, h, w, c) are images, other integers tokens, floats features; targets that are integers (n) are classes, floats
    numbers, tokens the next ones; without targets inputs are to be reconstructed.
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
    inputs = targets = None
    for number in progress(range(len(part)), "reading samples"):
        one, target = sample(part[number])
        inputs = gathered(inputs, one)
        targets = None if target is None else gathered(targets, target)
    return inputs.rows(), None if targets is None else targets.rows()


def sample(item):
    """The input and the target, or None, of an `item` of a data set."""
    if isinstance(item, Mapping):
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


def array(values):
    """A tensor, an image of Pillow's or a list as an array; what is read by slices, as a dataset of h5py, as it is."""
    if hasattr(values, "numpy"):
        return values.numpy()
    sliced = all(hasattr(values, name) for name in ("shape", "dtype", "__getitem__"))
    return values if values is None or sliced else np.asarray(values)


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
        vocabulary = map(str, range(max(map(highest, [*inputs, *(targets * (task == "next_token"))])) + 1))
    names = [list(map(str, one)) for one in (found.get("columns") or [], vocabulary)]
    return Dataset(inputs[0], targets[0], inputs[1], targets[1], classes, source, kind, task, *names)


def highest(tokens):
    """The highest of the `tokens` (n, positions)."""
    return max(int(tokens[block].max()) for block in row_blocks(len(tokens), 4 * tokens.shape[1]))


def stored(context, inputs):
    """`inputs` as a data set holds them: images with their channels, float32 features, int32 tokens."""
    kind, shape = inputs.dtype.kind, inputs.shape
    if kind not in "iuf" or len(shape) < 2:
        raise InputError(
            f"{context}, which returns inputs of {inputs.dtype} and shape {shape}: return bytes (n, height, width, "
            "channels) for images, floats (n, ...) for features, or integers (n, positions) for tokens."
        )
    if inputs.dtype == np.uint8 and len(shape) in (3, 4):
        return converted(context, inputs, (*shape[:3], math.prod(shape[3:])), np.uint8)
    return converted(context, inputs, shape, np.float32 if kind == "f" else np.int32, check_inputs)


def converted(context, values, shape, dtype, check=None):
    """`values` in another `shape` and of another type, `check`ed and converted when a block of their rows is asked for."""

    def read(rows):
        try:
            block = np.asarray(values[rows])
        except Exception as error:  # a user's array can raise anything
            raise InputError(f"{context}, of whose rows some cannot be read: {oneline(error)}.") from None
        if check:
            check(context, block)
        return block.astype(dtype, copy=False).reshape(len(block), *shape[1:])

    return Blockwise(shape, dtype, read)


def check_inputs(context, inputs):
    """Refuse features that are not finite, and integers that are no tokens."""
    if inputs.dtype.kind == "f":
        if not np.isfinite(inputs).all():
            raise InputError(f"{context}, which returns inputs that are not finite: fill them in, or leave them out.")
    elif inputs.ndim > 2 or inputs.min() < 0:
        raise InputError(
            f"{context}, which returns integers of shape {inputs.shape} from {inputs.min()}: make them floats."
        )


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
        shapes = [(len(one), math.prod(one.shape[1:])) for one in targets]
        return [converted(context, one, shape, np.float32) for one, shape in zip(targets, shapes, strict=True)], []
    if task == "next_token":
        return [converted(context, one, one.shape, np.int32) for one in targets], []
    if task == "reconstruction" and classes is None:
        return [np.zeros(len(one), np.int64) for one in targets], []
    targets = [np.asarray(one[:]) for one in targets]
    if any(one.ndim != 1 or one.dtype.kind not in "iu" or one.min() < 0 for one in targets):
        raise InputError(f"{context}, whose targets should be one whole number from 0 for each sample: return those.")
    count = int(max(one.max() for one in targets)) + 1
    names = list(map(str, classes if classes is not None else range(count)))
    if len(names) < count:
        raise InputError(
            f"{context}, which returns {len(names)} classes, but targets up to {count - 1}: name them all."
        )
    return [one.astype(np.int64) for one in targets], names
