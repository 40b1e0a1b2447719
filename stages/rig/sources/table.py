"""A table in a CSV or Parquet file: a row a sample, a column a feature, and the target in columns of its own."""

import numpy as np

from drillcore.base.errors import InputError, MissingFile
from stages.rig.sources.arrays import check_trained
from stages.rig.sources.dataset import HELD_OUT, Dataset, hold_out, hold_out_any

SPLIT = "split"
"""The column that says of each row whether it is for training or for testing, where there is one."""
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
    table = read_table(name, path)
    targets, dropped = ([names] if isinstance(names, str) else list(names or []) for names in (target, drop))
    check_columns(f"datasets.{name}.target", path, table, targets)
    check_columns(f"datasets.{name}.drop", path, table, dropped)
    if both := sorted({*targets} & {*dropped}):
        raise InputError(f"params.yaml: datasets.{name} has {both[0]!r} both as target and in drop: leave out one.")
    table = table.drop(columns=dropped)
    check_complete(path, table)
    marks = table.pop(SPLIT) if SPLIT in table.columns and SPLIT not in targets else None
    wanted = table[targets]
    inputs, columns = features_of(path, table.drop(columns=targets))
    task = task or ("regression" if is_numeric(wanted) else "classification")
    labels, classes = labels_of(name, path, wanted, task)
    source = f"table {path}"
    if marks is not None:
        train, test = split_by(path, marks)
        if classes:
            check_trained(path, classes, labels[train], labels[test])
    elif classes:
        train, test = hold_out(name, str(path), labels)
        source += HELD_OUT
    else:
        train, test = hold_out_any(name, str(path), len(labels))
        source += ", a random fifth for testing"
    return Dataset(inputs[train], labels[train], inputs[test], labels[test], classes, source, "features", task, columns)


def read_table(name, path):
    """The `pandas.DataFrame` in the file at `path`."""
    if not path.exists():
        raise MissingFile(path)
    try:
        import pandas
    except ImportError:
        raise InputError(
            f"params.yaml: datasets.{name} is a table, which needs pandas: run `pip install pandas`."
        ) from None
    try:
        if path.suffix.lower() == ".parquet":
            table = pandas.read_parquet(path)
        else:
            table = pandas.read_csv(path, sep="\t" if path.suffix.lower() == ".tsv" else ",")
    except ImportError:
        raise InputError(f"{path} is a Parquet file, which needs pyarrow: run `pip install pyarrow`.") from None
    except Exception as error:  # a damaged file can raise anything
        reason = " ".join(str(error).split())[:200].rstrip(".")
        raise InputError(f"{path} is no table that pandas reads ({reason}): correct it.") from None
    table.columns = [str(column) for column in table.columns]
    return table


def check_columns(parameter, path, table, columns):
    """Refuse a `parameter` of params.yaml that names `columns` which are not all in the table."""
    for column in columns:
        if column not in table.columns:
            raise InputError(
                f"params.yaml: {parameter} is {column!r}, but {path} has the columns {', '.join(table.columns)}: "
                "name one of them."
            )


def check_complete(path, table):
    """Refuse a table without rows, and one with values that are missing, infinite or too large for float32."""
    if not len(table):
        raise InputError(f"{path} has no rows: add some.")
    missing = {}
    for column, values in table.items():
        lost = values.isna().to_numpy()
        if values.dtype.kind == "f":
            with np.errstate(over="ignore"):
                lost = ~np.isfinite(values.to_numpy(np.float32))
        if lost.any():
            missing[column] = lost
    if missing:
        counts = ", ".join(f"{int(lost.sum())} of {column!r}" for column, lost in missing.items())
        first = min(int(lost.argmax()) for lost in missing.values()) + 1
        raise InputError(
            f"{path} has rows without a finite value, {counts}, the first in row {first}: fill them in, leave out the rows, "
            "or drop the columns, by `drop` of the dataset in params.yaml."
        )


def features_of(path, table):
    """The columns of `table` as float32 (rows, features), and the features' names: `column` or `column=value`."""
    found, names = [], []
    for column, values in table.items():
        if values.dtype.kind in "iuf":
            found.append(values.to_numpy(np.float64))
            names.append(column)
            continue
        if values.dtype.kind in "mMc":
            raise InputError(
                f"{path} has the column {column!r} of {values.dtype}: make it numbers or text, or drop it, by "
                "`drop` of the dataset in params.yaml."
            )
        texts = values.astype(str).to_numpy(object)
        for value in categories(path, column, texts):
            found.append(texts == value)
            names.append(f"{column}={value}")
    if not found:
        raise InputError(f"{path} has no column beside its target: add some.")
    return np.stack(found, axis=1).astype(np.float32), names


def categories(path, column, texts):
    """The different values of a column of texts, sorted; as many as rows are names, not categories."""
    found = sorted(set(texts))
    if len(found) > min(MOST_VALUES, len(texts) - 1):
        raise InputError(
            f"{path} has {len(found)} different texts in the {len(texts)} rows of the column {column!r}, but a category has "
            f"at most {MOST_VALUES}, and some of them in more than one row: drop it, by "
            "`drop` of the dataset in params.yaml, or make it numbers."
        )
    return found


def labels_of(name, path, wanted, task):
    """What the columns of the target have for each row, numbers or classes, and the names of the classes."""
    if task == "regression":
        return numbers_of(name, path, wanted), []
    if task == "reconstruction" and is_numeric(wanted):
        return np.zeros(len(wanted), np.int64), []
    return classes_of(name, path, wanted)


def is_numeric(wanted):
    """Whether all columns of the target are numbers."""
    return all(values.dtype.kind in "iuf" for _, values in wanted.items())


def classes_of(name, path, wanted):
    """The classes int64 (rows) of the one column of the target, and their names: numbers in their order, others as text."""
    if wanted.shape[1] > 1:
        raise InputError(
            f"params.yaml: datasets.{name}.target names {wanted.shape[1]} columns, but a class is in one: name that, or add "
            "task: regression."
        )
    values = wanted.iloc[:, 0].to_numpy()
    kept, labels = np.unique(values if values.dtype.kind in "iuf" else values.astype(str), return_inverse=True)
    if len(kept) > MOST_VALUES:
        raise InputError(
            f"{path} has {len(kept)} different values in its target, more classes than {MOST_VALUES}: add task: regression "
            f"to datasets.{name}, or name another target."
        )
    return labels.astype(np.int64), [str(value) for value in kept]


def numbers_of(name, path, wanted):
    """The numbers float32 (rows, columns) of the target."""
    if not is_numeric(wanted):
        raise InputError(
            f"params.yaml: datasets.{name}.task is regression, but its target in {path} is no number: name another target, "
            "or make it task: classification."
        )
    return wanted.to_numpy(np.float32)


def split_by(path, marks):
    """The indices of the rows that the column `split` marks with train and with test."""
    train, test = (np.flatnonzero(marks == word) for word in ("train", "test"))
    if not len(train) or not len(test) or len(train) + len(test) < len(marks):
        raise InputError(
            f"{path} has a column {SPLIT!r} of {', '.join(sorted(set(map(str, marks)))[:5])}, but it should say train or "
            "test in every row, and each of them somewhere: correct it, or rename the column."
        )
    return train, test
