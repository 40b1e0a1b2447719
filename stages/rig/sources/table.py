"""A table in a CSV or Parquet file: a row a sample, a column a feature, and the target in columns of its own."""

import numpy as np

from drillcore.base.arrays import row_blocks
from drillcore.base.errors import InputError
from stages.rig.sources.arrays import check_trained
from stages.rig.sources.blocks import Blockwise, chosen
from stages.rig.sources.columns import SPLIT, read_table
from stages.rig.sources.dataset import HELD_OUT, Dataset, hold_out, hold_out_any

MOST_VALUES = 1000
"""A column of text with more different values is no category."""


def load_table(name, path, target, drop=(), task=None):
    """Return the rows of the table at `path` as a `Dataset` of features.

    `target` names one column or several, `drop` those that are no features, as a row's number. Without a `task`, a target of
    text or of truth values is a class, and numbers are what a regression should give; a reconstruction needs no target, and
    keeps classes to colour maps by. A column of text is a feature for each of its values, 1 where the row has it. Without a
    column `split` of the words train and test, a fifth of the rows is for testing, chosen at random, the same every time.

    Raises
    ------
    InputError
        If the file, a column or a value is missing, or a column is neither numbers nor text.
    """
    targets, dropped = ([names] if isinstance(names, str) else list(names or []) for names in (target, drop))
    table = read_table(name, path, targets, dropped, task == "classification")
    check_complete(path, table.columns)
    columns, codes = features_of(path, table.features)
    rows, wanted, marks = (part.rows() for part in (table.inputs, table.wanted, table.marked))
    task = task or ("regression" if is_numeric(table.targets) else "classification")
    labels, classes = labels_of(name, path, table.targets, wanted, task)
    source = f"table {path}"
    if table.marks:
        train, test = split_by(path, table.marks[0], marks)
        if task == "classification":
            check_trained(path, classes, labels[train], labels[test])
    elif classes:
        train, test = hold_out(name, str(path), labels)
        source += HELD_OUT
    else:
        train, test = hold_out_any(name, str(path), len(rows))
        source += ", a random fifth for testing"
    inputs = [one_hot(chosen(rows, part), codes) for part in (train, test)]
    targets = [chosen(labels, part) for part in (train, test)]
    return Dataset(inputs[0], targets[0], inputs[1], targets[1], classes, source, "features", task, columns)


def check_complete(path, columns):
    """Refuse a table without rows, and one with values that are missing, infinite or too large for float32."""
    if not any(column.count for column in columns):
        raise InputError(f"{path} has no rows: add some.")
    if incomplete := [column for column in columns if column.missing]:
        counts = ", ".join(f"{column.missing} of {column.name!r}" for column in incomplete)
        first = min(column.first for column in incomplete)
        raise InputError(
            f"{path} has rows without a finite value, {counts}, the first in row {first}: fill them in, leave out the rows, "
            "or drop the columns, by `drop` of the dataset in params.yaml."
        )


def features_of(path, columns):
    """The names of the features that `columns` become, `column` or `column=value`, and the codes of each column's values.

    Those are None for a column of numbers.
    """
    names, codes = [], []
    for column in columns:
        if column.is_numeric:
            names.append(column.name)
            codes.append(None)
            continue
        if column.dtype.kind in "mMc":
            raise InputError(
                f"{path} has the column {column.name!r} of {column.dtype}: make it numbers or text, or drop it, by "
                "`drop` of the dataset in params.yaml."
            )
        found = categories(path, column)
        names += [f"{column.name}={value}" for value in found]
        codes.append(np.array([column.values[value] for value in found]))
    if not names:
        raise InputError(f"{path} has no column beside its target: add some.")
    return names, codes


def categories(path, column):
    """The different values of a column of texts, sorted; as many as rows are names, not categories."""
    if len(column.values) > min(MOST_VALUES, column.count - 1):
        raise InputError(
            f"{path} has {column.counted} different texts in the {column.count} rows of the column {column.name!r}, but a "
            f"category has at most {MOST_VALUES}, and some of them in more than one row: drop it, by "
            "`drop` of the dataset in params.yaml, or make it numbers."
        )
    return sorted(column.values)


def one_hot(rows, codes):
    """The float32 `rows` (rows, columns) with a feature for each of the `codes` of a column, 1 where the row has it."""
    if all(values is None for values in codes):
        return rows
    width = sum(1 if values is None else len(values) for values in codes)

    def read(block):
        numbers = rows[block]
        columns = zip(np.split(numbers, numbers.shape[1], axis=1), codes, strict=True)
        features = [column if values is None else column == values for column, values in columns]
        return np.concatenate(features, axis=1, dtype=np.float32)

    return Blockwise((len(rows), width), np.float32, read)


def labels_of(name, path, targets, rows, task):
    """What the `rows` of the target have, numbers or classes, and the names of the classes."""
    if task == "regression":
        check_numbers(name, path, targets)
        return rows, []
    if task == "reconstruction" and is_numeric(targets):
        return np.zeros(len(rows), np.int64), []
    return classes_of(name, path, targets, rows)


def is_numeric(columns):
    """Whether all `columns` are numbers."""
    return all(column.is_numeric for column in columns)


def classes_of(name, path, targets, rows):
    """The classes int64 (rows) of the one column of the target, and their names: numbers in their order, others as text."""
    if len(targets) > 1:
        raise InputError(
            f"params.yaml: datasets.{name}.target names {len(targets)} columns, but a class is in one: name that, or add "
            "task: regression."
        )
    (target,) = targets
    if len(target.values) > MOST_VALUES:
        raise InputError(
            f"{path} has {target.counted} different values in its target, more classes than {MOST_VALUES}: add task: "
            f"regression to datasets.{name}, or name another target."
        )
    values = np.array(list(target.values), target.dtype.type if target.is_numeric else str)
    kept, order = np.unique(values, return_inverse=True)
    return decoded(rows, order.astype(np.int64)), [str(value) for value in kept]


def decoded(rows, order):
    """For each of the `rows` (rows, 1), a code, that of `order` which has this number."""
    found = np.empty(len(rows), order.dtype)
    for block in row_blocks(len(rows), 4):
        found[block] = order[rows[block][:, 0].astype(np.int64)]
    return found


def check_numbers(name, path, targets):
    """Refuse a target of a regression that is no number."""
    if not is_numeric(targets):
        raise InputError(
            f"params.yaml: datasets.{name}.task is regression, but its target in {path} is no number: name another target, "
            "or make it task: classification."
        )


def split_by(path, marks, rows):
    """The indices of the `rows` (rows, 1) that the column `marks` marks with train and with test."""
    words = ("train", "test")
    order = np.array([words.index(value) if value in words else len(words) for value in marks.values], np.int8)
    found = decoded(rows, order)
    train, test = (np.flatnonzero(found == word) for word in range(len(words)))
    if not len(train) or not len(test) or len(train) + len(test) < len(found):
        raise InputError(
            f"{path} has a column {SPLIT!r} of {', '.join(sorted(set(map(str, marks.values)))[:5])}, but it should say "
            "train or test in every row, and each of them somewhere: correct it, or rename the column."
        )
    return train, test
